package procfs

import (
	"fmt"
	"strconv"
	"strings"
)

// A Syscall is the system call a thread is in.
type Syscall struct {
	// Running says that the thread is not in the kernel; nothing else is
	// known then.
	Running bool
	// Number is -1 when the thread sleeps without a call, as after a fault.
	Number int
	Args   [6]uint64
	// SP and PC are the registers of user space.
	SP, PC uint64
}

// Name is the call's name, as in its manual page, or its number.
func (s Syscall) Name() string {
	if s.Number >= 0 && s.Number < len(syscallNames) && syscallNames[s.Number] != "" {
		return syscallNames[s.Number]
	}
	return "syscall_" + strconv.Itoa(s.Number)
}

// Syscall reads what a thread of a process is doing in the kernel.
func (fs FS) Syscall(pid, tid int) (Syscall, error) {
	b, err := read(fs.path(pid, "task", strconv.Itoa(tid), "syscall"), 4096)
	if err != nil {
		return Syscall{}, fmt.Errorf("cannot read the system call of thread %d: %w", tid, err)
	}
	s, err := parseSyscall(string(b))
	if err != nil {
		return Syscall{}, fmt.Errorf("cannot read the system call of thread %d: %w", tid, err)
	}
	return s, nil
}

// parseSyscall reads "running", "-1 SP PC" or "NUMBER six arguments SP PC".
func parseSyscall(text string) (Syscall, error) {
	f := strings.Fields(text)
	if len(f) == 1 && f[0] == "running" {
		return Syscall{Running: true, Number: -1}, nil
	}
	var s Syscall
	if len(f) != 3 && len(f) != 3+len(s.Args) {
		return Syscall{}, fmt.Errorf("%d fields in %q", len(f), text)
	}
	var err error
	if s.Number, err = strconv.Atoi(f[0]); err != nil {
		return Syscall{}, err
	}
	values := make([]uint64, len(f)-1)
	for i := range values {
		if values[i], err = strconv.ParseUint(strings.TrimPrefix(f[i+1], "0x"), 16, 64); err != nil {
			return Syscall{}, err
		}
	}
	s.SP, s.PC = values[len(values)-2], values[len(values)-1]
	copy(s.Args[:], values[:len(values)-2])
	return s, nil
}

// ThreadState is the state of one thread (see [Stat.State]), or 0 if it is
// gone.
func (fs FS) ThreadState(pid, tid int) byte {
	b, err := read(fs.path(pid, "task", strconv.Itoa(tid), "stat"), 4096)
	if err != nil {
		return 0
	}
	s, err := parseStat(b)
	if err != nil {
		return 0
	}
	return s.State
}

// WaitChannel is the kernel function a thread sleeps in, or empty if it does
// not or it is not known.
func (fs FS) WaitChannel(pid, tid int) string {
	b, err := read(fs.path(pid, "task", strconv.Itoa(tid), "wchan"), 256)
	if err != nil || string(b) == "0" {
		return ""
	}
	return string(b)
}
