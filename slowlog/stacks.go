package slowlog

import "github.com/anyfpm/anyfpm/slowlog/stack"

// maxStacks is how many stacks of descendants a report has.
const maxStacks = 8

// scriptStacks adds the stacks of the interpreter that a process is.
func (o *observer) scriptStacks(p *program, r *Report) {
	stacks, err := p.walk(o.opt)
	switch {
	case err != nil && p.sampler == nil:
		r.advise(clean(err.Error()))
	case err != nil:
		r.Notes = append(r.Notes, clean(err.Error()))
	}
	o.add(r, r.PID, stacks)
}

// childStacks adds the stacks of interpreters among the descendants: a shell
// script that waits for a Python program has that program's stack.
func (o *observer) childStacks(r *Report) {
	for _, c := range r.Children {
		if len(r.Stacks) >= maxStacks {
			return
		}
		p, err := o.load(c.PID)
		if err != nil {
			continue // it has ended, or is somebody else's
		}
		stacks, err := p.walk(o.opt)
		if err == nil {
			o.add(r, c.PID, stacks)
		}
		p.src.Close()
	}
}

// nativeStacks adds what can be known of a program that is no interpreter, or
// none that can be read.
func (o *observer) nativeStacks(p *program, r *Report) {
	stacks, reason, err := p.walkNative(o.opt)
	if reason != nil {
		r.advise(clean(reason.Error()))
	}
	if err != nil {
		r.Notes = append(r.Notes, clean(err.Error()))
	}
	if p.golang != nil {
		r.Wait = o.anyWait(r.PID, r.Wait)
	}
	o.add(r, r.PID, stacks)
}

// anyWait returns what the main thread waits for, or if that says nothing, the
// first other thread that says something: one of them waits for all that the
// goroutines of a program wait for, and any of them may.
func (o *observer) anyWait(pid int, main Wait) Wait {
	if main.told() {
		return main
	}
	tids := o.fs.Threads(pid)
	for _, tid := range tids[:min(len(tids), MaxThreads)] {
		if w := o.wait(pid, tid); w.told() {
			return w
		}
	}
	return main
}

// add appends stacks of a process to a report, with what their threads wait
// for where that is not said already.
func (o *observer) add(r *Report, pid int, stacks []stack.Stack) {
	for _, s := range stacks {
		cleanStack(&s)
		added := Stack{Stack: s}
		if pid != r.PID {
			added.PID = pid
		}
		if s.TID != 0 && s.TID != pid {
			w := o.wait(pid, s.TID)
			added.Wait = &w
		}
		r.Stacks = append(r.Stacks, added)
	}
}

// cleanStack makes the text of a stack printable.
func cleanStack(s *stack.Stack) {
	s.Runtime = clean(s.Runtime)
	s.Note = clean(s.Note)
	if s.Frames == nil {
		s.Frames = []Frame{} // none, and not unknown
	}
	for i := range s.Frames {
		f := &s.Frames[i]
		f.Func, f.Bare, f.File, f.Module = clean(f.Func), clean(f.Bare), clean(f.File), clean(f.Module)
	}
}
