package ruby

import (
	"slices"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// Bounds of a walk.
const (
	maxThreads   = 256
	maxSteps     = 10_000  // frames passed over
	maxStackSize = 1 << 24 // words
	maxString    = 4096
)

// builtin is what a function written in C is called: its name is in a table
// that no build exports.
const builtin = "<cfunc>"

type sampler struct {
	layout
	version string
	vm      uint64 // &ruby_current_vm_ptr
	// stringsHaveLength says that an embedded string has a field for its
	// length, and not bits of its flags (from 3.2).
	stringsHaveLength bool
}

// Name implements [stack.Sampler].
func (s *sampler) Name() string { return name + " " + s.version }

// Walk implements [stack.Sampler]. The main thread comes first; one that runs
// no Ruby code is left out.
func (s *sampler) Walk(m *procmem.Memory, limits stack.Limits) ([]stack.Stack, error) {
	r := procmem.NewReader(m)
	var out []stack.Stack
	for i, thread := range s.allThreads(r, limits.Threads) {
		st := stack.Stack{Runtime: s.Name()}
		if i > 0 {
			st.Note = "another thread"
		}
		if s.frames(r, r.U64(thread+s.threadEC), limits.Frames, &st); len(st.Frames) > 0 {
			out = append(out, st)
		}
	}
	return out, r.Err()
}

// allThreads lists the threads, the main one first, at most limit. The list
// of the others is believed as far as it leads to threads.
func (s *sampler) allThreads(r *procmem.Reader, limit int) []uint64 {
	vm := r.U64(s.vm)
	main := r.U64(vm + s.mainThread)
	if !s.isThread(r, main, vm) {
		r.Fail("no main thread of the virtual machine at %#x", vm)
		return nil
	}
	threads := []uint64{main}
	owner := vm
	if s.mainRactor != 0 {
		owner = r.U64(vm + s.mainRactor)
	}
	head := owner + s.threads
	others := procmem.NewReader(r.Memory())
	for n, node := 0, others.U64(head); node != head && n < maxThreads && len(threads) < limit; n++ {
		if !s.isThread(others, node, vm) { // the node is a thread's first field
			break
		}
		if !slices.Contains(threads, node) {
			threads = append(threads, node)
		}
		node = others.U64(node)
	}
	return threads
}

// frames appends the frames of an execution context to st, at most limit.
func (s *sampler) frames(r *procmem.Reader, ec uint64, limit int, st *stack.Stack) {
	base, size := r.U64(ec+ecStack), r.U64(ec+ecStackSize)
	end := base + size*8
	frame := r.U64(ec + ecFrame)
	if size > maxStackSize || frame < base || frame > end {
		r.Fail("frame %#x is not on the stack %#x-%#x", frame, base, end)
	}
	pending := 0 // C functions whose caller's line is not yet known
	for n := 0; frame+s.frameSize < end && r.Err() == nil; n++ {
		if len(st.Frames) == limit {
			st.Truncated = true
			if pending == 0 {
				return
			}
		}
		if n == maxSteps {
			r.Fail("more than %d frames", maxSteps)
		}
		iseq, pc := r.U64(frame+frameISeq), r.U64(frame+framePC)
		switch {
		case iseq != 0 && pc != 0:
			f := s.frame(r, frame, iseq, pc)
			for i := range pending {
				c := &st.Frames[len(st.Frames)-1-i]
				c.File, c.Line = f.File, f.Line
			}
			pending = 0
			if !st.Truncated {
				st.Frames = append(st.Frames, f)
			}
		case s.isC(r, frame) && !st.Truncated:
			st.Frames = append(st.Frames, stack.Frame{Func: builtin, Kind: stack.Builtin, Addr: frame})
			pending++
		}
		frame += s.frameSize
	}
}

// isC reports whether a frame is a C function's.
func (s *sampler) isC(r *procmem.Reader, frame uint64) bool {
	environment := r.U64(frame + frameEP)
	return environment != 0 && r.U64(environment)&markMask == markC
}

func (s *sampler) frame(r *procmem.Reader, frame, iseq, pc uint64) stack.Frame {
	body := r.U64(iseq + iseqBody)
	f := stack.Frame{
		Func: s.str(r, r.U64(body+bodyLabel)),
		File: s.path(r, r.U64(body+bodyPath)),
		Line: s.line(r, body, pc),
		Addr: frame,
	}
	switch f.Func {
	case "<main>":
		f.Kind = stack.Main
	case "<top (required)>":
		f.Kind = stack.Include
	}
	return f
}
