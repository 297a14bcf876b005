package proc

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An Exec is the program that a process becomes, keeping its pid.
type Exec struct {
	Path    string
	Args    []string
	Environ []string
	// Keep are the descriptors that survive, at their numbers, beside the
	// standard ones; all others must be close-on-exec, these as well if they
	// are not to go to children.
	Keep []int
	// Signals are kept from the new program until it asks for them, so that
	// none is lost or ends it while it starts. One written in Go asks by
	// signal.Notify; its children get them if they are a [Starter]'s.
	//
	// The runtime of a Go program takes those by itself that end a program,
	// before any code of ours runs: SIGHUP and SIGINT are ignored so long, for
	// SIGTERM and SIGQUIT nothing can be done.
	Signals []syscall.Signal
	// Ready is asked at the last moment; its error is that of Exec. It may be nil.
	Ready func() error
	// Do is how to execute; nil is the system's way. Tests have another.
	Do func(path string, args, environ []string) error
}

// Exec executes a program in place of this one. It returns only if that fails,
// and then everything is as it was. No process is being started meanwhile.
func (s *Starter) Exec(e Exec) error {
	do := e.Do
	if do == nil {
		do = syscall.Exec
	}
	return s.Do(func() error {
		mask, err := setMask(unix.SIG_BLOCK, maskOf(e.Signals))
		if err != nil {
			return err
		}
		defer func() { _, _ = setMask(unix.SIG_SETMASK, mask) }()
		// A signal that another thread took would be this program's.
		maskEverywhere(unix.SIG_BLOCK, maskOf(e.Signals))
		defer maskEverywhere(unix.SIG_UNBLOCK, maskOf(e.Signals))
		for _, sig := range e.Signals {
			if sig == syscall.SIGHUP || sig == syscall.SIGINT {
				defer ignore(sig)()
			}
		}
		defer keep(e.Keep, unix.FD_CLOEXEC)
		keep(e.Keep, 0)
		if e.Ready != nil {
			if err := e.Ready(); err != nil {
				return err
			}
		}
		if err := do(e.Path, e.Args, e.Environ); err != nil {
			return fmt.Errorf("cannot execute %s: %w", e.Path, err)
		}
		return nil
	})
}

// keep sets the flags of descriptors; one that is not open will be missed by
// whoever gets it.
func keep(fds []int, flags int) {
	for _, fd := range fds {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags)
	}
}

// ignore ignores a signal without a word to the runtime, which goes on to know
// of its handler, until restore is called.
func ignore(sig syscall.Signal) (restore func()) { return dispose(sig, sigIgn) }

// unheard is ignore for a signal of which the default is that nothing happens,
// so that the children of this process still wait for it to reap them.
func unheard(sig syscall.Signal) (restore func()) { return dispose(sig, sigDfl) }

func dispose(sig syscall.Signal, how uintptr) (restore func()) {
	var before, after action
	after[0] = how
	_ = before.swap(sig, &after)
	return func() { _ = after.swap(sig, &before) }
}

const (
	sigDfl = 0
	sigIgn = 1
)

// An action is struct sigaction of any architecture: the handler comes first.
type action [8]uintptr

// swap makes next what happens on sig and stores what happened before in a.
func (a *action) swap(sig syscall.Signal, next *action) error {
	const maskSize = 8
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(next)), uintptr(unsafe.Pointer(a)), maskSize, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func maskOf(signals []syscall.Signal) (mask uint64) {
	for _, sig := range signals {
		mask |= 1 << (sig - 1)
	}
	return mask
}

// setMask changes the signal mask of the calling thread and returns what it
// was.
func setMask(how int, mask uint64) (old uint64, err error) {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, uintptr(how), uintptr(unsafe.Pointer(&mask)), uintptr(unsafe.Pointer(&old)), unsafe.Sizeof(mask), 0, 0)
	if errno != 0 {
		return 0, fmt.Errorf("cannot block signals: %w", errno)
	}
	return old, nil
}

// maskEverywhere changes the signal masks of all threads. A program with cgo
// cannot; there it does nothing.
func maskEverywhere(how int, mask uint64) {
	_, _, _ = syscall.AllThreadsSyscall6(unix.SYS_RT_SIGPROCMASK, uintptr(how), uintptr(unsafe.Pointer(&mask)), 0, unsafe.Sizeof(mask), 0, 0)
}
