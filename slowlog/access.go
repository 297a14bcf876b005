package slowlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/procfs"
)

// denied reports whether an error says that a process may not be read.
func denied(err error) bool {
	return errors.Is(err, fs.ErrPermission) // EPERM and EACCES
}

// as runs f on a thread that has the ids of owner meanwhile, and returns when f
// has.
//
// The kernel lets a process be read by whom its real and filesystem ids allow.
// Root without CAP_SYS_PTRACE, which is what a container gives, is not among
// them for a worker that runs as somebody else; but it may take on the
// worker's ids. The effective ids stay, so the thread keeps its other powers
// and may go back, and only this thread changes: raw system calls do not touch
// the others. It must not end after it, as one way to be rid of the ids would
// be: children that it started would be killed with it (PR_SET_PDEATHSIG).
// While f runs, who may signal the worker may signal this thread.
func as(owner procfs.Owner, f func()) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The ids of the main thread decide who may signal the process.
			// Locked, it leaves this to another.
			defer runtime.UnlockOSThread()
			done <- as(owner, f)
			return
		}
		before := procfs.Owner{UID: unix.Getuid(), GID: unix.Getgid()}
		// Changing ids marks the whole process as not dumpable.
		dumpable, _, _ := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_DUMPABLE, 0, 0)
		err := become(owner)
		if err == nil {
			f()
		}
		if goBack(before) == nil {
			defer runtime.UnlockOSThread()
		} // else the thread ends here: nobody must run on it
		if dumpable == 1 {
			unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, dumpable, 0)
		}
		done <- err
	}()
	return <-done
}

// become gives the calling thread real and filesystem ids, the group first,
// while it is still allowed.
func become(owner procfs.Owner) error {
	if err := setReal(owner); err != nil {
		return err
	}
	// These two report no error; what they failed to do shows in what is read.
	unix.RawSyscall(unix.SYS_SETFSGID, uintptr(owner.GID), 0, 0)
	unix.RawSyscall(unix.SYS_SETFSUID, uintptr(owner.UID), 0, 0)
	return nil
}

// goBack gives the calling thread its real ids again, and the filesystem ids
// that go with its effective ones.
func goBack(before procfs.Owner) error {
	unix.RawSyscall(unix.SYS_SETFSUID, uintptr(unix.Geteuid()), 0, 0)
	unix.RawSyscall(unix.SYS_SETFSGID, uintptr(unix.Getegid()), 0, 0)
	return setReal(before)
}

func setReal(owner procfs.Owner) error {
	keep := ^uintptr(0)
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(owner.GID), keep, keep); e != 0 {
		return fmt.Errorf("cannot take on group %d: %w", owner.GID, e)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(owner.UID), keep, keep); e != 0 {
		return fmt.Errorf("cannot take on user %d: %w", owner.UID, e)
	}
	return nil
}

// whyDenied is the one note on a process that may not be read: what is
// missing, and what helps.
func whyDenied(owner procfs.Owner) string {
	var hint string
	scope, _ := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	switch me := os.Geteuid(); {
	case strings.TrimSpace(string(scope)) == "3":
		hint = "kernel.yama.ptrace_scope is 3, which forbids it to everybody"
	case strings.TrimSpace(string(scope)) == "2":
		hint = "kernel.yama.ptrace_scope is 2, which forbids it to all without CAP_SYS_PTRACE"
	case me != 0 && me != owner.UID:
		hint = fmt.Sprintf("it runs as user %d and this as user %d: run as the same user or with CAP_SYS_PTRACE", owner.UID, me)
	case me != 0:
		hint = "it has made itself unreadable (process.dumpable), has capabilities, or is not a descendant (kernel.yama.ptrace_scope is 1)"
	default:
		hint = "it has made itself unreadable (process.dumpable) or has more capabilities: CAP_SYS_PTRACE is needed"
	}
	if profile := confinement(); profile != "" {
		hint += ", or the AppArmor profile " + profile + " has no ptrace rule for it"
	}
	return "stacks cannot be read, there is no permission: " + hint
}

// confinement is the AppArmor profile of this process with its mode, as in
// "anyfpm (enforce)"; empty if it has none.
func confinement() string {
	current, _ := os.ReadFile("/proc/self/attr/apparmor/current")
	return parseConfinement(string(current))
}

func parseConfinement(current string) string {
	profile := strings.TrimRight(current, "\n\x00")
	if profile == "unconfined" {
		return ""
	}
	return profile
}
