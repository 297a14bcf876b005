package proc

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// DropTo makes the whole process run as u, for good: on all threads, with
// exactly u's groups, and checked that it cannot become root again. A process
// that is not root must be u already; then nothing changes.
func DropTo(u *User) error {
	if os.Geteuid() != 0 {
		if os.Geteuid() != u.UID {
			return fmt.Errorf("cannot run as uid %d: not root but uid %d", u.UID, os.Geteuid())
		}
		return nil
	}
	if err := syscall.Setgroups(u.Groups); err != nil {
		return fmt.Errorf("failed to initgroups(%s, %d): %w", u.Name, u.GID, err)
	}
	if err := syscall.Setresgid(u.GID, u.GID, u.GID); err != nil {
		return fmt.Errorf("failed to setgid(%d): %w", u.GID, err)
	}
	if err := syscall.Setresuid(u.UID, u.UID, u.UID); err != nil {
		return fmt.Errorf("failed to setuid(%d): %w", u.UID, err)
	}
	return checkDropped(u)
}

func checkDropped(u *User) error {
	ruid, euid, suid := unix.Getresuid()
	rgid, egid, sgid := unix.Getresgid()
	if ruid != u.UID || euid != u.UID || suid != u.UID || rgid != u.GID || egid != u.GID || sgid != u.GID {
		return fmt.Errorf("internal error: user ids %d %d %d and group ids %d %d %d after a change to uid %d and gid %d",
			ruid, euid, suid, rgid, egid, sgid, u.UID, u.GID)
	}
	if u.UID == 0 {
		return nil
	}
	if syscall.Setuid(0) == nil || syscall.Setresuid(-1, 0, -1) == nil {
		return errors.New("internal error: could become root again")
	}
	return nil
}

// Chroot makes dir the root and the working directory of the process. From
// then on /proc is only there if dir has one.
func Chroot(dir string) error {
	if err := syscall.Chroot(dir); err != nil {
		return fmt.Errorf("failed to chroot(%s): %w", dir, err)
	}
	if err := syscall.Chdir("/"); err != nil {
		return fmt.Errorf("failed to chdir(/): %w", err)
	}
	return nil
}

// SetLimit sets a limit of this process, which processes it starts inherit.
func SetLimit(l Limit) error {
	// Not Prlimit: the syscall package must know that a limit on files is
	// wanted, or it gives children the one from before.
	if err := syscall.Setrlimit(l.Resource, &syscall.Rlimit{Cur: l.Value, Max: l.Value}); err != nil {
		return fmt.Errorf("cannot set resource limit %d to %d: %w", l.Resource, l.Value, err)
	}
	return nil
}

// SetNice sets the scheduling priority, -20 to 19, of all threads there are
// and so of those to come. It needs /proc.
func SetNice(priority int) error {
	done := map[string]bool{}
	for more := true; more; {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("cannot set the priority: %w", err)
		}
		more = false
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil || done[thread.Name()] {
				continue
			}
			err = syscall.Setpriority(syscall.PRIO_PROCESS, id, priority)
			if err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("cannot set the priority to %d: %w", priority, err)
			}
			// Its own child may have begun with the old priority before that.
			done[thread.Name()], more = true, true
		}
	}
	return nil
}

// SetDumpable allows or forbids core dumps of this process, and with them its
// inspection by processes of the same user. Changing the user forbids it.
func SetDumpable(allow bool) error {
	value := uintptr(0)
	if allow {
		value = 1
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, value, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot set dumpable: %w", err)
	}
	return nil
}

// NoNewPrivileges makes set-user-ID bits of programs without effect for all
// that the process will start. It cannot be taken back, and fails in a binary
// linked with cgo.
func NoNewPrivileges() error {
	_, _, errno := syscall.AllThreadsSyscall6(syscall.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("cannot forbid new privileges: %w", errno)
	}
	return nil
}
