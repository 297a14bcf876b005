package proc

import (
	"errors"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Spec describes a process to start.
type Spec struct {
	// Path is the program's file. It is not searched for in PATH; a relative
	// path is relative to Dir.
	Path string
	// Args are the arguments with the program's name as the first; empty
	// means only Path.
	Args []string
	// Env is the whole environment; nil is an empty one.
	Env []string
	// Dir is the working directory; empty is the caller's.
	Dir string
	// Files are the descriptors of the child: Files[i] becomes descriptor i,
	// and -1 leaves i closed. All others must be close-on-exec.
	Files []int
	// Setpgid makes the child the leader of a new process group, so that
	// [KillGroup] reaches what it starts as well.
	Setpgid bool
	// Setsid makes the child the leader of a new session, and of a group.
	Setsid bool
	// Credential is the user to run as; nil is the caller's own. Groups are
	// set too unless NoSetGroups.
	Credential *syscall.Credential
	// Pdeathsig is sent to the child when this process ends, also by kill -9.
	// Zero sends none.
	Pdeathsig syscall.Signal
	// Limits are set before the program executes, or right after where there is
	// no vfork of ours: then it may see the caller's for an instant.
	Limits []Limit
}

// A Limit is one resource limit, soft and hard.
type Limit struct {
	Resource int // unix.RLIMIT_NOFILE or another
	Value    uint64
}

// Unlimited is the Value of a [Limit] that is none.
const Unlimited = unix.RLIM_INFINITY

func (s *Spec) procAttr() *syscall.ProcAttr {
	files := make([]uintptr, len(s.Files))
	for i, fd := range s.Files {
		files[i] = uintptr(fd) // -1 becomes ^0, which ForkExec leaves closed
	}
	return &syscall.ProcAttr{
		Dir:   s.Dir,
		Env:   s.Env,
		Files: files,
		Sys: &syscall.SysProcAttr{
			Setpgid:    s.Setpgid,
			Setsid:     s.Setsid,
			Credential: s.Credential,
			Pdeathsig:  s.Pdeathsig,
		},
	}
}

func (s *Spec) args() []string {
	if len(s.Args) == 0 {
		return []string{s.Path}
	}
	return s.Args
}

// A child is a process that has just started, its pid 0 if it could not. pidfd
// is -1 if none was asked for or it cannot be had.
type child struct{ pid, pidfd int }

// start runs the program and returns its process once it executes.
func (s *Spec) start(files filesLimit, watch bool) (child, error) {
	c, err := s.vforkExec(files, watch)
	if err == nil {
		return c, nil
	}
	if !errors.Is(err, errNoVfork) {
		return child{}, explain(s, err)
	}
	pid, err := s.forkExec()
	if err != nil {
		return child{}, explain(s, err)
	}
	for _, l := range s.Limits {
		limit := unix.Rlimit{Cur: l.Value, Max: l.Value}
		// It fails if the child is gone already, or runs as someone else now,
		// who is not ours to limit.
		_ = unix.Prlimit(pid, l.Resource, &limit, nil)
	}
	c = child{pid, -1}
	if watch {
		if c.pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
			c.pidfd = -1
		}
	}
	return c, nil
}

// forkExec is the standard library's way. The child inherits the mask of the
// thread, which that of the process may have come with; see Exec.
func (s *Spec) forkExec() (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	mask, err := setMask(unix.SIG_SETMASK, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _, _ = setMask(unix.SIG_SETMASK, mask) }()
	return syscall.ForkExec(s.Path, s.args(), s.procAttr())
}
