package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rescan is how often [KillOrphans] looks for children of those it killed.
const rescan = 5 * time.Millisecond

// KillGroup sends sig to the process group that pid leads, or is about to, as a
// child that is setting itself up. A group that is gone is no error. The caller
// must know that pid was not reaped yet, or that members of its group are
// alive, since the number may be another's by then.
func KillGroup(pid int, sig syscall.Signal) error {
	if pid <= 1 {
		return fmt.Errorf("cannot signal the process group of %d", pid)
	}
	err := syscall.Kill(-pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		_ = syscall.Setpgid(pid, pid) // it fails if the child has done so, and executed its program, just now
		err = syscall.Kill(-pid, sig)
	}
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("cannot signal process group %d: %w", pid, err)
	}
	return nil
}

// KillRest sends sig to what is left of the process group that pid led, which has
// been reaped just now.
func KillRest(pid int, sig syscall.Signal) {
	if pid > 1 {
		_ = syscall.Kill(-pid, sig) // mostly nothing is left
	}
}

// KillLeader sends sig as KillGroup does, and to pid itself if it has left its
// group for another: nobody gets away so. The caller must know that pid was not
// reaped yet.
func KillLeader(pid int, sig syscall.Signal) error {
	if err := KillGroup(pid, sig); err != nil {
		return err
	}
	// One that goes to and fro may be missed; not so by SIGKILL, of which two are
	// as good as one.
	if group, err := unix.Getpgid(pid); err != nil || group == pid && sig != syscall.SIGKILL {
		return nil
	}
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("cannot signal process %d: %w", pid, err)
	}
	return nil
}

// KillFamily sends sig to pid and to those of its descendants that are in the
// process group it leads. What it has left running in the background is none of
// them: such a process has lost its parent. The caller must know that pid was
// not reaped yet.
func (t *Table) KillFamily(pid int, sig syscall.Signal) error {
	if pid <= 1 {
		return fmt.Errorf("cannot signal process %d and its children", pid)
	}
	family := t.family(pid, pid, nil)
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("cannot signal process %d: %w", pid, err)
	}
	for _, member := range family {
		_ = syscall.Kill(member, sig) // it may have ended meanwhile
	}
	return nil
}

// family appends the descendants of pid that are in group.
func (t *Table) family(pid, group int, known []int) []int {
	for _, child := range t.childrenOf(pid) {
		if of, err := unix.Getpgid(child); err == nil && of == group && !slices.Contains(known, child) {
			known = t.family(child, group, append(known, child))
		}
	}
	return known
}

// childrenOf returns the children of a process, none if it is gone or /proc
// does not list children.
func (t *Table) childrenOf(pid int) (children []int) {
	tasks, err := t.open(filepath.Join(strconv.Itoa(pid), "task"))
	if err != nil {
		return nil
	}
	defer func() { _ = tasks.Close() }()
	threads, _ := tasks.Readdirnames(-1)
	for _, thread := range threads {
		list, err := t.open(filepath.Join(tasks.Name(), thread, "children"))
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(list)
		_ = list.Close()
		for _, name := range bytes.Fields(text) {
			if child, err := strconv.Atoi(string(name)); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// open opens a file or directory of the table; the caller closes it.
func (t *Table) open(name string) (*os.File, error) {
	fd, err := unix.Openat(int(t.dir.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// A Table is the system's table of processes. It goes on to work in a chroot
// that has no /proc.
type Table struct {
	dir *os.File
}

// OpenTable opens /proc.
func OpenTable() (*Table, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	return &Table{dir}, nil
}

// Close releases the descriptor of the table.
func (t *Table) Close() error { return t.dir.Close() }

// KillOrphans kills every child of this process but those that keep approves
// of, and their descendants, which become children as their parents die. It
// returns when none is left or ctx is done. The caller must be a subreaper and
// have a [Reaper] running.
func (t *Table) KillOrphans(ctx context.Context, keep func(pid int) bool) error {
	return untilNone(ctx, func() (int, error) { return t.killChildren(keep) })
}

// untilNone calls kill again and again until it finds nobody twice in a row:
// a process whose parent dies and is reaped while kill looks around may have
// been looked at before its parent, when it was no child yet.
func untilNone(ctx context.Context, kill func() (left int, err error)) error {
	ticker := time.NewTicker(rescan)
	defer ticker.Stop()
	for none := 0; ; {
		left, err := kill()
		if err != nil {
			return err
		}
		if left > 0 {
			none = 0
		} else if none++; none == 2 {
			return nil
		} else {
			continue
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return fmt.Errorf("cannot end %d orphans: %w", left, ctx.Err())
		}
	}
}

// killChildren kills all children but those to keep, and counts them. Zombies
// count until they are reaped: a process whose first thread has ended is one
// already, and keeps its children until its other threads have ended too.
func (t *Table) killChildren(keep func(pid int) bool) (left int, err error) {
	children, err := t.children(true)
	for _, pid := range children {
		if keep(pid) {
			continue
		}
		left++
		// A child cannot be reused for another before we reap it; if the
		// reaper did so just now the signal finds nobody.
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return left, err
}

// Children returns the living children of this process, zombies excepted.
func Children() ([]int, error) {
	t, err := OpenTable()
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }()
	return t.Children()
}

// Children returns the living children of this process, zombies excepted.
func (t *Table) Children() ([]int, error) { return t.children(false) }

func (t *Table) children(zombies bool) ([]int, error) {
	if _, err := t.dir.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	names, err := t.dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	self := os.Getpid()
	var children []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if parent, zombie := t.parentOf(name); parent == self && (zombies || !zombie) {
			children = append(children, pid)
		}
	}
	return children, nil
}

// parentOf reads the parent of a process, 0 if the process is gone.
func (t *Table) parentOf(name string) (parent int, zombie bool) {
	fd, err := unix.Openat(int(t.dir.Fd()), name+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, false
	}
	defer func() { _ = unix.Close(fd) }()
	var buf [512]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return 0, false
	}
	stat := buf[:n]
	// The name, in parentheses, may have blanks and parentheses itself.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0, false
	}
	return parent, fields[0][0] == 'Z' || fields[0][0] == 'X'
}
