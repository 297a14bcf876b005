package harness

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// OpenFiles counts the descriptors of a process; -1 when it is gone or not
// ours to look at.
func OpenFiles(pid int) int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return -1
	}
	return len(entries)
}

// Wakeups counts how often the threads of a process have left the processor
// since they were started. Of an idle process the number stays the same.
func Wakeups(pid int) (int, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("cannot find threads of process %d", pid)
	}
	sum := 0
	for _, file := range threads {
		n, err := sumFields(file, "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// Memory is what a process uses, in KiB.
type Memory struct {
	// Resident is what is in memory now, Peak the most there ever was.
	Resident, Peak int
	// Private is what would be free without the process.
	Private int
}

// MemoryOf reads the memory of a process.
func MemoryOf(pid int) (Memory, error) {
	status := fmt.Sprintf("/proc/%d/status", pid)
	var m Memory
	var err error
	if m.Resident, err = sumFields(status, "VmRSS"); err != nil {
		return m, err
	}
	if m.Peak, err = sumFields(status, "VmHWM"); err != nil {
		return m, err
	}
	m.Private, err = sumFields(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Private_Clean", "Private_Dirty")
	return m, err
}

// sumFields adds the numbers of "Name:  number" lines of a file of /proc.
func sumFields(file string, names ...string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	sum, found := 0, 0
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		for _, wanted := range names {
			if name != wanted || len(fields) == 0 {
				continue
			}
			n, err := strconv.Atoi(fields[0])
			if err != nil {
				return 0, fmt.Errorf("cannot read %s of %s: %w", name, file, err)
			}
			sum += n
			found++
		}
	}
	if found < len(names) {
		return 0, fmt.Errorf("cannot find %v in %s", names, file)
	}
	return sum, nil
}

// ProcessorTime is the time a process has computed, in itself and for it in
// the kernel.
func ProcessorTime(t T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatalf("cannot read processor time: %v", err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const utime, stime, ticksPerSecond = 11, 12, 100
	var ticks time.Duration
	for _, field := range []int{utime, stime} {
		n, err := strconv.Atoi(fields[field])
		if err != nil {
			t.Fatalf("cannot read processor time: %v", err)
		}
		ticks += time.Duration(n)
	}
	return ticks * time.Second / ticksPerSecond
}

// Traced returns nil when every thread of a process is being traced.
func Traced(pid int) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) == 0 {
		return fmt.Errorf("cannot find threads of process %d", pid)
	}
	for _, file := range threads {
		tracer, err := sumFields(file, "TracerPid")
		if err != nil {
			return err
		}
		if tracer == 0 {
			return fmt.Errorf("%s is not traced", file)
		}
	}
	return nil
}
