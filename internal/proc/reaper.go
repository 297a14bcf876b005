package proc

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// failedExec is the code with which the standard library's fork leaves a
// child that could not execute its program.
const failedExec = 253

// An Exit is the end of a process.
type Exit struct {
	PID    int
	Status syscall.WaitStatus // exited or signalled, never stopped
	Usage  syscall.Rusage     // of the process and the children it waited for
}

// A Reaper waits for all children of the process. There may be one in a
// process, and nothing else in it may wait for children.
type Reaper struct {
	orphan func(Exit)

	gate   sync.Mutex // held while it reaps
	frozen bool       // under gate: it does not

	mu       sync.Mutex
	children map[int]func(Exit)
	// A child may end before its start is registered. While starts are under
	// way the exits of unknown children are kept here.
	starting int
	failed   int // starts of these that failed, perhaps leaving a child to reap
	early    map[int]Exit
}

// NewReaper returns a Reaper. orphan is called for the children that no
// [Starter] with this Reaper started: those of descendants that died, if the
// process is a subreaper, and those it had before it was executed. It may be
// nil.
func NewReaper(orphan func(Exit)) *Reaper {
	if orphan == nil {
		orphan = func(Exit) {}
	}
	return &Reaper{orphan: orphan, children: map[int]func(Exit){}, early: map[int]Exit{}}
}

// BecomeSubreaper makes the process the parent of all its descendants whose
// own parents die.
func BecomeSubreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot become a subreaper: %w", err)
	}
	return nil
}

// Run reaps until ctx is done, calling the functions given to Start and
// NewReaper one at a time. They may start processes but must not wait for an
// exit.
func (r *Reaper) Run(ctx context.Context) error {
	deaths := make(chan os.Signal, 1)
	signal.Notify(deaths, syscall.SIGCHLD)
	defer signal.Stop(deaths)
	for {
		r.reapAll()
		select {
		case <-deaths:
		case <-ctx.Done():
			return nil
		}
	}
}

// Owns tells whether pid was started with this Reaper and has not been
// reported as gone.
func (r *Reaper) Owns(pid int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.children[pid]
	return ok
}

// Adopt makes pid, a child that this process had before it was executed, one
// of those whose exit is reported to exited. Run must not have been called.
func (r *Reaper) Adopt(pid int, exited func(Exit)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.children[pid] = exited
}

// Freeze ends the reaping until Thaw: what ends meanwhile remains a zombie, for
// the program that this process executes next. All exits reaped before have
// been reported when it returns.
func (r *Reaper) Freeze() {
	r.gate.Lock()
	defer r.gate.Unlock()
	r.frozen = true
}

// Thaw goes on reaping after Freeze.
func (r *Reaper) Thaw() {
	r.gate.Lock()
	r.frozen = false
	r.gate.Unlock()
	r.reapAll()
}

func (r *Reaper) reapAll() {
	r.gate.Lock()
	defer r.gate.Unlock()
	for !r.frozen {
		var exit Exit
		pid, errno := waitAny(&exit)
		switch {
		case errno == syscall.EINTR:
		case errno != 0 || pid == 0: // ECHILD, or none has ended
			return
		case exit.Status.Exited() || exit.Status.Signaled():
			exit.PID = pid
			r.report(exit)
		}
	}
}

// waitAny takes one exit if there is one, else pid is 0. It is a call that
// never blocks and that the scheduler need not hear of.
func waitAny(exit *Exit) (pid int, errno syscall.Errno) {
	var status int32
	result, _, errno := syscall.RawSyscall6(syscall.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(&status)),
		syscall.WNOHANG, uintptr(unsafe.Pointer(&exit.Usage)), 0, 0)
	exit.Status = syscall.WaitStatus(status)
	return int(result), errno
}

func (r *Reaper) report(exit Exit) {
	r.mu.Lock()
	exited, known := r.children[exit.PID]
	delete(r.children, exit.PID)
	wait := !known && r.starting > 0
	if wait {
		r.early[exit.PID] = exit
	}
	r.mu.Unlock()
	switch {
	case known:
		exited(exit)
	case !wait:
		r.orphan(exit)
	}
}

// begin announces a start, so that no exit is taken for an orphan's.
func (r *Reaper) begin() {
	r.mu.Lock()
	r.starting++
	r.mu.Unlock()
}

// finish ends a start: of the process pid, or of none if pid is 0. If the
// process has ended meanwhile its exit is reported now.
func (r *Reaper) finish(pid int, exited func(Exit)) {
	r.mu.Lock()
	r.starting--
	exit, early := r.early[pid]
	switch {
	case pid == 0:
		r.failed++
	case early:
		delete(r.early, pid)
	default:
		r.children[pid] = exited
	}
	orphans := r.takeOrphans()
	r.mu.Unlock()
	if early {
		exited(exit)
	}
	for _, exit := range orphans {
		r.orphan(exit)
	}
}

// takeOrphans returns the early exits that belong to no start, once no start
// is under way; the caller holds mu.
func (r *Reaper) takeOrphans() []Exit {
	if r.starting > 0 {
		return nil
	}
	var orphans []Exit
	for pid, exit := range r.early {
		delete(r.early, pid)
		if r.failed > 0 && exit.Status.ExitStatus() == failedExec {
			r.failed--
			continue
		}
		orphans = append(orphans, exit)
	}
	r.failed = 0
	return orphans
}
