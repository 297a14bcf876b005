package proc

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
)

// ErrStopped is the error of a start after the end of its [Starter].
var ErrStopped = errors.New("the starter of processes has ended")

// ErrNoLaunch is the error of [Starter.Launch] where [Starter.Go] must be used.
var ErrNoLaunch = errors.New("a process can only be started by waiting for its program")

// A Starter starts processes one after the other, on a goroutine of its own:
// a start waits for the program's file. [Starter.Launch] alone does not. The
// kernel ties Spec.Pdeathsig to the
// thread that started the child. Threads of a Go program do not end before it
// does, unless a goroutine ends that is locked to one.
type Starter struct {
	reaper *Reaper
	files  filesLimit

	mu       sync.Mutex
	waiting  []job
	stopped  bool
	confined bool          // to the thread of Run
	wake     chan struct{} // a token when something waits
}

// A job is done by the Starter, or told that the Starter has ended.
type job func(stopped bool)

// NewStarter returns a Starter whose children reaper waits for. Both must be
// run, the reaper for as long as the children may live.
func NewStarter(reaper *Reaper) *Starter {
	return &Starter{reaper: reaper, files: findFilesLimit(), wake: make(chan struct{}, 1)}
}

// Run starts what is asked for until ctx is done.
func (s *Starter) Run(ctx context.Context) error {
	for {
		select {
		case <-s.wake:
			for _, do := range s.take(false) {
				do(false)
			}
		case <-ctx.Done():
			for _, do := range s.take(true) {
				do(true)
			}
			return nil
		}
	}
}

// Go asks for a process and returns at once. started is called when the
// program executes or has failed to, with a [StartError]; exited is called
// after it, once, when the process has ended. Both are called from other
// goroutines and must not block.
func (s *Starter) Go(spec Spec, started func(pid int, err error), exited func(Exit)) {
	s.do(func(stopped bool) {
		if stopped {
			started(0, ErrStopped)
			return
		}
		s.reaper.begin()
		c, err := spec.start(s.files, s.reaper.watch != nil)
		started(c.pid, err)
		s.reaper.finish(c, exited)
	})
}

// Launch starts a process and waits neither for other starts nor for the
// program's file: the child sets itself up and executes the program while this
// process goes on. exited is called as with Go, with [Exit.Err] if the program
// did not execute. What Do and KillOrphans say of no process being started does
// not hold for those of Launch.
//
// The error is a [StartError], ErrStopped, or ErrNoLaunch: on an old kernel,
// an architecture without a vfork of ours, and after Confine.
func (s *Starter) Launch(spec Spec, exited func(Exit)) (pid int, err error) {
	s.mu.Lock()
	stopped, confined := s.stopped, s.confined
	s.mu.Unlock()
	switch {
	case stopped:
		return 0, ErrStopped
	case confined:
		return 0, ErrNoLaunch
	}
	s.reaper.begin()
	b, err := spec.conceive(s.files, s.reaper.watch != nil)
	var c child
	if err == nil {
		c, err = b.bear()
	}
	s.reaper.finish(c, func(exit Exit) {
		errno := b.failure()
		if errno == 0 {
			exited(exit)
			return
		}
		s.do(func(bool) { // looking for the reason takes as long as the file system does
			exit.Err = explain(&spec, errno)
			exited(exit)
		})
	})
	switch {
	case errors.Is(err, errNoVfork):
		return 0, ErrNoLaunch
	case err != nil:
		return 0, explain(&spec, err)
	}
	return c.pid, nil
}

// Start starts a process and waits until its program executes. exited may be
// called before Start returns.
func (s *Starter) Start(spec Spec, exited func(Exit)) (pid int, err error) {
	done := make(chan struct{})
	s.Go(spec, func(p int, e error) {
		pid, err = p, e
		close(done)
	}, exited)
	<-done
	return pid, err
}

// Do runs f on one thread while no process is being started.
func (s *Starter) Do(f func() error) error {
	return s.doLocked(func() error {
		defer runtime.UnlockOSThread()
		return f()
	})
}

// Confine runs f, which changes the thread it runs on, on the one thread that
// starts all processes from then on, so that they inherit the change. They die
// with the Starter, as that thread does, if they have a Pdeathsig.
func (s *Starter) Confine(f func() error) error {
	s.mu.Lock()
	s.confined = true
	s.mu.Unlock()
	return s.doLocked(f)
}

func (s *Starter) doLocked(f func() error) (err error) {
	done := make(chan struct{})
	s.do(func(stopped bool) {
		defer close(done)
		if stopped {
			err = ErrStopped
			return
		}
		runtime.LockOSThread()
		err = f()
	})
	<-done
	return err
}

// KillOrphans kills the children of this process that were not started with
// the Starter's [Reaper], and their descendants, but for those keep approves
// of; see [Table.KillOrphans]. It mistakes no process for an orphan
// that is just being started.
func (s *Starter) KillOrphans(ctx context.Context, keep func(pid int) bool) error {
	spare := func(pid int) bool { return s.reaper.Owns(pid) || keep(pid) }
	table, err := OpenTable()
	if err != nil {
		return err
	}
	defer func() { _ = table.Close() }()
	return untilNone(ctx, func() (left int, err error) {
		done := make(chan struct{})
		s.do(func(bool) { // no start is under way while this runs
			left, err = table.killChildren(spare)
			close(done)
		})
		<-done
		return left, err
	})
}

// Orphans returns the children of this process that were not started with the
// Starter's [Reaper], zombies excepted.
func (s *Starter) Orphans() (pids []int, err error) {
	done := make(chan struct{})
	s.do(func(bool) { // no start is under way while this runs
		pids, err = Children()
		close(done)
	})
	<-done
	return slices.DeleteFunc(pids, s.reaper.Owns), err
}

func (s *Starter) do(j job) {
	s.mu.Lock()
	stopped := s.stopped
	if !stopped {
		s.waiting = append(s.waiting, j)
	}
	s.mu.Unlock()
	if stopped {
		j(true)
		return
	}
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

func (s *Starter) take(last bool) []job {
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs := s.waiting
	s.waiting = nil
	s.stopped = last
	return jobs
}
