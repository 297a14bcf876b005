package procfs

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// A Stat is what is used of /proc/PID/stat.
type Stat struct {
	// State is R (running), S (sleeping), D (uninterruptible), T (stopped),
	// Z (zombie), …
	State  byte
	Parent int
	// Start is when the process began, in clock ticks since boot. A process
	// and a later one of the same pid differ in it.
	Start uint64
	// Code, Stack and Args are addresses of the program image, 0 for those
	// who may not know. With random addresses they change with each exec.
	Code, Stack, Args uint64
}

// Stat reads the state of a process.
func (fs FS) Stat(pid int) (Stat, error) {
	b, err := read(fs.path(pid, "stat"), 4096)
	if err != nil {
		return Stat{}, fmt.Errorf("cannot read the state of process %d: %w", pid, err)
	}
	s, err := parseStat(b)
	if err != nil {
		return Stat{}, fmt.Errorf("cannot read the state of process %d: %w", pid, err)
	}
	return s, nil
}

// parseStat cuts the fields after the name, which may contain anything.
func parseStat(b []byte) (Stat, error) {
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return Stat{}, fmt.Errorf("no name in %q", b)
	}
	f := strings.Fields(string(b[end+1:]))
	const first = 3 // the state's number in proc(5)
	if len(f) <= 48-first {
		return Stat{}, fmt.Errorf("%d fields after the name", len(f))
	}
	parent, err := strconv.Atoi(f[4-first])
	if err != nil {
		return Stat{}, err
	}
	s := Stat{State: f[0][0], Parent: parent}
	for _, n := range []struct {
		field int
		to    *uint64
	}{{22, &s.Start}, {26, &s.Code}, {28, &s.Stack}, {48, &s.Args}} {
		if *n.to, err = strconv.ParseUint(f[n.field-first], 10, 64); err != nil {
			return Stat{}, err
		}
	}
	return s, nil
}
