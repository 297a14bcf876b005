package slowlog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/anyfpm/anyfpm/internal/procfs"
)

// A Target is a process that reports are made of. Its methods may be called
// by any goroutine.
type Target struct {
	pid   int
	start uint64
	observer
	busy chan struct{} // holds one token while a sample is under way

	// The rest belongs to the sample that is under way.
	program *program
	owner   *procfs.Owner // whose ids are taken on to read it, nil: none
}

// Open returns the target for a process. What it runs is found out by the
// first report, and again when it has changed; the process is identified by
// when it started, so that a report is never of a later one with the same pid.
//
// A target holds no resources besides memory.
func Open(pid int, opt Options) (*Target, error) {
	fs := procfs.New("")
	stat, err := fs.Stat(pid)
	if err != nil {
		return nil, err
	}
	return &Target{
		pid:      pid,
		start:    stat.Start,
		observer: observer{fs: fs, opt: opt.withDefaults()},
		busy:     make(chan struct{}, 1),
	}, nil
}

// PID is the process.
func (t *Target) PID() int { return t.pid }

// Report looks at the process and returns when it has, or when ctx ends: a
// look takes well under a millisecond, but the first one of a process takes a
// few, and the kernel makes it wait while the process's mappings change. One
// that is given up goes on in the background, and until it is done other
// reports say so and hold nothing else.
func (t *Target) Report(ctx context.Context) Report {
	at := time.Now()
	missed := func(note string) Report {
		var wait Wait
		if state := t.fs.ThreadState(t.pid, t.pid); state != 0 {
			wait.State = string(state)
		}
		return Report{PID: t.pid, At: at, Took: time.Since(at), Wait: wait, Notes: []string{note}}
	}
	select {
	case t.busy <- struct{}{}:
	default:
		return missed("no sample: the one before is still under way")
	}
	early, done := make(chan Report, 1), make(chan Report, 1)
	go func() {
		r := t.sample(at, early)
		<-t.busy
		done <- r
	}()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
	}
	const late = "no stack: it was not found in time"
	select {
	case r := <-early:
		r.Took = time.Since(at)
		r.Notes = append(r.Notes, late)
		return r
	default:
		return missed(late)
	}
}

// sample makes a report, with the process's own ids if it cannot be read
// without. What is known before what may take long is sent early.
func (t *Target) sample(at time.Time, early chan<- Report) Report {
	r := Report{PID: t.pid, At: at}
	defer func() { r.Took = time.Since(at) }()
	if t.owner == nil {
		err := t.look(&r, early)
		if !denied(err) {
			return t.finish(r, err)
		}
	}
	owner, err := t.fs.Owner(t.pid)
	if err != nil {
		return t.finish(r, err)
	}
	r = Report{PID: t.pid, At: at}
	var lookErr error
	if err := as(owner, func() { lookErr = t.look(&r, early) }); err == nil && !denied(lookErr) {
		t.owner = &owner
		return t.finish(r, lookErr)
	}
	t.owner = nil
	t.surroundings(&r)
	r.advise(whyDenied(owner))
	return r
}

// finish puts the time and the reason for what is missing into a report.
func (t *Target) finish(r Report, err error) Report {
	r.Took = time.Since(r.At)
	if err != nil {
		r.Stacks = nil
		r.Notes = append(r.Notes, clean(err.Error()))
	}
	return r
}

// look fills in a report. An error says that the process may not be read, is
// gone, or is not what it was.
func (t *Target) look(r *Report, early chan<- Report) error {
	image, err := t.fs.Image(t.pid)
	if err != nil {
		return err
	}
	if image.Start != t.start {
		return fmt.Errorf("process %d has ended; another one has its pid", t.pid)
	}
	if t.program == nil || t.program.image != image || t.program.sampler == nil {
		p, err := t.load(t.pid)
		if err != nil {
			return err
		}
		p.keep(t.program)
		t.program = p
	}
	defer t.program.src.Close()
	t.scriptStacks(t.program, r)
	t.surroundings(r)
	t.childStacks(r)
	if len(r.Stacks) == 0 {
		sofar := *r
		sofar.Notes = slices.Clone(r.Notes)
		select {
		case early <- sofar:
		default: // it was tried before, with other rights
		}
		t.nativeStacks(t.program, r)
	}
	after, err := t.fs.Image(t.pid)
	if err == nil && after != image {
		err = fmt.Errorf("process %d has changed while it was looked at", t.pid)
	}
	return err
}

// surroundings fills in what needs no right to read memory, as far as there is
// none: the wait and the children.
func (t *Target) surroundings(r *Report) {
	r.Wait = t.wait(t.pid, t.pid)
	var note string
	if r.Children, note = t.children(t.pid); note != "" {
		r.Notes = append(r.Notes, note)
	}
}
