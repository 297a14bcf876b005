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
	Err    error              // a [StartError] if the program did not execute; see [Starter.Launch]
}

// A Reaper waits for all children of the process. There may be one in a
// process, and nothing else in it may wait for children.
type Reaper struct {
	orphan func(Exit)

	gate   sync.Mutex // held while it reaps
	frozen bool       // under gate: it does not

	watch func(pidfd int) error // if Watch was called

	mu       sync.Mutex
	children map[int]living
	// A child may end before its start is registered. While starts are under
	// way the exits of unknown children are kept here.
	starting int
	failed   int // starts of these that failed, perhaps leaving a child to reap
	early    map[int]Exit
}

// living is a child that has not been reaped.
type living struct {
	exited func(Exit)
	pidfd  int // -1 if there is none
}

// NewReaper returns a Reaper. orphan is called for the children that no
// [Starter] with this Reaper started: those of descendants that died, if the
// process is a subreaper, and those it had before it was executed. It may be
// nil.
func NewReaper(orphan func(Exit)) *Reaper {
	if orphan == nil {
		orphan = func(Exit) {}
	}
	return &Reaper{orphan: orphan, children: map[int]living{}, early: map[int]Exit{}}
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
		r.Reap()
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
	r.children[pid] = living{exited, -1}
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
	r.Reap()
}

// Watch has the caller told by the kernel itself of each end of a child, where
// Run is told by SIGCHLD: which runs on whatever thread, to wake two goroutines
// for each. watch is called for each process that is started and watches it by
// its pidfd, which is closed when it has been reaped; it may be called from any
// goroutine and must not block. Reap must be called whenever such a process has
// ended, and from time to time as long as there are children: nobody tells of
// the others.
//
// It is called in place of Run and before anything is started. After stop it is
// Run that must reap.
func (r *Reaper) Watch(watch func(pidfd int) error) (stop func(), err error) {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return nil, fmt.Errorf("cannot watch processes: %w", err)
	}
	_ = unix.Close(fd)
	r.watch = watch
	return unheard(syscall.SIGCHLD), nil
}

// Reap reports the children that have ended, on this goroutine, and tells
// whether there are others.
func (r *Reaper) Reap() (others bool) {
	r.gate.Lock()
	defer r.gate.Unlock()
	for !r.frozen {
		var exit Exit
		pid, errno := waitAny(&exit)
		switch {
		case errno == syscall.EINTR:
		case errno != 0: // there is no child
			return false
		case pid == 0: // none has ended
			return true
		case exit.Status.Exited() || exit.Status.Signaled():
			exit.PID = pid
			r.report(exit)
		}
	}
	return true
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
	child, known := r.children[exit.PID]
	delete(r.children, exit.PID)
	wait := !known && r.starting > 0
	if wait {
		r.early[exit.PID] = exit
	}
	r.mu.Unlock()
	switch {
	case known:
		if child.pidfd >= 0 {
			_ = unix.Close(child.pidfd)
		}
		child.exited(exit)
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

// finish ends a start: of the process c, or of none if its pid is 0. If the
// process has ended meanwhile its exit is reported now.
func (r *Reaper) finish(c child, exited func(Exit)) {
	r.mu.Lock()
	r.starting--
	exit, early := r.early[c.pid]
	if c.pid != 0 && c.pidfd >= 0 && (early || r.watch(c.pidfd) != nil) {
		_ = unix.Close(c.pidfd)
		c.pidfd = -1
	}
	switch {
	case c.pid == 0:
		r.failed++
	case early:
		delete(r.early, c.pid)
	default:
		r.children[c.pid] = living{exited, c.pidfd}
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
