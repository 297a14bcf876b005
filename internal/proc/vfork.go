package proc

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A step is one system call of a child between its birth and its program.
type step struct {
	call uintptr
	args [4]uintptr
	// want is the result that lets the child go on. With anyResult any does,
	// with noError any but an error.
	want uintptr
}

const (
	anyResult = ^uintptr(0)
	noError   = ^uintptr(1)
)

// A birth is what parent and child know of each other. The child runs in its
// parent's memory until its exec, so an error of the child is simply written
// here. It is on the heap, with all that the steps point to: a stack could
// move. Without CLONE_VFORK the parent goes on beside the child and must keep
// it until the child has executed its program or ended.
type birth struct {
	clone cloneArgs
	all   uint64 // every signal
	mask  uint64 // the parent's signal mask
	errno uintptr
	none  uint64 // no signal: the mask of the child's program

	path, dir *byte
	args, env []*byte
	groups    []uint32
	limits    []unix.Rlimit
	born      unix.Rlimit
	steps     []step
	pidfd     int32
}

// cloneArgs is the kernel's struct clone_args (clone3(2)).
type cloneArgs struct {
	flags      uint64
	pidfd      uint64    // where it is put, an int32
	_          [2]uint64 // where pids would be put
	exitSignal uint64
	_          [6]uint64 // a stack, a thread's storage, chosen pids, a cgroup
}

// sigsetSize is the size of the kernel's signal sets, in bytes.
const sigsetSize = 8

// errNoVfork says that this machine has no vfork of ours: an architecture
// without one, a kernel before 5.5, or a filter of system calls that does not
// know clone3.
var errNoVfork = errors.New("no vfork")

// vforkExec is [syscall.ForkExec] with the least the kernel can be asked for.
// The standard library's child resets each signal's handler by a call of its
// own, some fifty, where the kernel can do all at once (CLONE_CLEAR_SIGHAND),
// and reports a failed exec through a pipe that has to be made, read and
// closed. For a CGI script that is a tenth of what starting it costs.
func (s *Spec) vforkExec(files filesLimit, watch bool) (child, error) {
	b, err := s.conceive(files, watch)
	if err != nil {
		return child{}, err
	}
	b.clone.flags |= unix.CLONE_VFORK
	c, err := b.bear()
	if err != nil {
		return child{}, err
	}
	errno := b.failure()
	if errno == 0 {
		return c, nil
	}
	if c.pidfd >= 0 {
		_ = unix.Close(c.pidfd)
	}
	for { // the child that could not execute its program
		if _, err := syscall.Wait4(c.pid, nil, 0, nil); err != syscall.EINTR {
			return child{}, errno
		}
	}
}

// conceive prepares the birth of a child.
func (s *Spec) conceive(files filesLimit, watch bool) (b *birth, err error) {
	if !canVfork || files.raised && files.born == nil {
		return nil, errNoVfork
	}
	b = &birth{all: ^uint64(0), steps: make([]step, 0, 16), pidfd: -1}
	b.clone.flags = unix.CLONE_VM | unix.CLONE_CLEAR_SIGHAND
	if watch {
		b.clone.flags |= unix.CLONE_PIDFD
		b.clone.pidfd = uint64(uintptr(unsafe.Pointer(&b.pidfd)))
	}
	b.clone.exitSignal = uint64(syscall.SIGCHLD)
	if b.path, err = syscall.BytePtrFromString(s.Path); err != nil {
		return nil, err
	}
	if b.args, err = syscall.SlicePtrFromStrings(s.args()); err != nil {
		return nil, err
	}
	if b.env, err = syscall.SlicePtrFromStrings(s.Env); err != nil {
		return nil, err
	}
	switch {
	case s.Setsid:
		b.must(unix.SYS_SETSID)
	case s.Setpgid:
		b.must(unix.SYS_SETPGID)
	}
	if s.Credential != nil {
		b.become(s.Credential)
	}
	if s.Dir != "" {
		if b.dir, err = syscall.BytePtrFromString(s.Dir); err != nil {
			return nil, err
		}
		b.must(unix.SYS_CHDIR, uintptr(unsafe.Pointer(b.dir)))
	}
	if files.born != nil {
		b.born = *files.born
		b.may(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, uintptr(unsafe.Pointer(&b.born)))
	}
	b.limit(s.Limits)
	if s.Pdeathsig != 0 {
		b.must(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(s.Pdeathsig))
		// The parent may have died before the kernel knew what to do then.
		b.step(uintptr(os.Getpid()), unix.SYS_GETPPID)
	}
	b.files(s.Files)
	b.must(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&b.none)), 0, sigsetSize)
	b.step(anyResult, unix.SYS_EXECVE, uintptr(unsafe.Pointer(b.path)), uintptr(unsafe.Pointer(&b.args[0])), uintptr(unsafe.Pointer(&b.env[0])))
	return b, nil
}

// bear makes the child, which reads b until it executes its program or ends.
func (b *birth) bear() (child, error) {
	// Whoever holds the lock has a descriptor that no child may see.
	syscall.ForkLock.Lock()
	r := vfork(b, &b.steps[0])
	syscall.ForkLock.Unlock()
	const firstErrno = ^uintptr(0) - 4094 // -4095
	if r < firstErrno {
		return child{int(r), int(b.pidfd)}, nil
	}
	switch errno := syscall.Errno(-r); errno {
	case syscall.ENOSYS, syscall.EINVAL, syscall.EPERM:
		return child{}, errNoVfork
	default:
		return child{}, errno
	}
}

// failure is the error of a child that ended before it executed its program,
// zero of one that did.
func (b *birth) failure() syscall.Errno { return syscall.Errno(atomic.LoadUintptr(&b.errno)) }

// step adds a system call and the result that it must have.
func (b *birth) step(want, call uintptr, args ...uintptr) {
	s := step{call: call, want: want}
	copy(s.args[:], args)
	b.steps = append(b.steps, s)
}

// must adds a system call that must not fail.
func (b *birth) must(call uintptr, args ...uintptr) { b.step(noError, call, args...) }

// may adds a system call that may fail.
func (b *birth) may(call uintptr, args ...uintptr) { b.step(anyResult, call, args...) }

func (b *birth) become(c *syscall.Credential) {
	if !c.NoSetGroups {
		var first uintptr
		if b.groups = c.Groups; len(b.groups) > 0 {
			first = uintptr(unsafe.Pointer(&b.groups[0]))
		}
		b.must(unix.SYS_SETGROUPS, uintptr(len(b.groups)), first)
	}
	b.must(unix.SYS_SETGID, uintptr(c.Gid))
	b.must(unix.SYS_SETUID, uintptr(c.Uid))
}

// limit sets the limits. One that is not ours to set, or above what is
// allowed, stays as it is.
func (b *birth) limit(limits []Limit) {
	b.limits = make([]unix.Rlimit, len(limits))
	for i, l := range limits {
		b.limits[i] = unix.Rlimit{Cur: l.Value, Max: l.Value}
		b.may(unix.SYS_PRLIMIT64, 0, uintptr(l.Resource), uintptr(unsafe.Pointer(&b.limits[i])))
	}
}

// files gives the child its descriptors: files[i] becomes i, and what is -1,
// or missing of the first three, is closed.
func (b *birth) files(files []int) {
	const standard = 3
	spare := len(files)
	for _, fd := range files {
		spare = max(spare, fd+1)
	}
	from := append(make([]int, 0, 8), files...)
	for i, fd := range from { // out of the way of those that come to lie on it
		if fd >= 0 && fd < i {
			b.must(unix.SYS_DUP3, uintptr(fd), uintptr(spare), unix.O_CLOEXEC)
			from[i] = spare
			spare++
		}
	}
	for i, fd := range from {
		switch fd {
		case -1:
			b.may(unix.SYS_CLOSE, uintptr(i))
		case i:
			b.must(unix.SYS_FCNTL, uintptr(i), unix.F_SETFD)
		default:
			b.must(unix.SYS_DUP3, uintptr(fd), uintptr(i))
		}
	}
	for i := len(files); i < standard; i++ {
		b.may(unix.SYS_CLOSE, uintptr(i))
	}
}
