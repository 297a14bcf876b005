package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// rescan is how often [KillOrphans] looks for children of those it killed.
const rescan = 5 * time.Millisecond

// KillGroup sends sig to the process group that pid leads. A group that is
// gone is no error. The caller must know that pid was not reaped yet, or that
// members of its group are alive, since the number may be another's by then.
func KillGroup(pid int, sig syscall.Signal) error {
	if pid <= 1 {
		return fmt.Errorf("cannot signal the process group of %d", pid)
	}
	if err := syscall.Kill(-pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("cannot signal process group %d: %w", pid, err)
	}
	return nil
}

// KillOrphans kills every child of this process but those that keep approves
// of, and their descendants, which become children as their parents die. It
// returns when none is left or ctx is done. The caller must be a subreaper and
// have a [Reaper] running.
func KillOrphans(ctx context.Context, keep func(pid int) bool) error {
	return untilNone(ctx, func() (int, error) { return killChildren(keep) })
}

// untilNone calls kill again and again until it finds nobody.
func untilNone(ctx context.Context, kill func() (left int, err error)) error {
	ticker := time.NewTicker(rescan)
	defer ticker.Stop()
	for {
		left, err := kill()
		if left == 0 || err != nil {
			return err
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

// killChildren kills all children but those to keep, and counts them.
func killChildren(keep func(pid int) bool) (left int, err error) {
	children, err := Children()
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
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
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
		if parent, zombie := parentOf(pid); parent == self && !zombie {
			children = append(children, pid)
		}
	}
	return children, nil
}

// parentOf reads the parent of pid, 0 if the process is gone.
func parentOf(pid int) (parent int, zombie bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
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
