package harness

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Proc is a process as /proc showed it.
type Proc struct {
	PID, PPID int
	// State is the letter of ps: R, S, D, T, Z.
	State byte
	// Args is the command line with blanks between the arguments; for a
	// kernel thread or zombie the name in brackets.
	Args string
}

func (p Proc) String() string { return fmt.Sprintf("%d (%c) %s", p.PID, p.State, p.Args) }

// Descendants lists the processes below pid, zombies left out: they are dead
// and only wait for their parent.
func Descendants(pid int) []Proc {
	children := make(map[int][]Proc)
	for _, p := range processes() {
		children[p.PPID] = append(children[p.PPID], p)
	}
	var found []Proc
	var walk func(int)
	walk = func(parent int) {
		for _, p := range children[parent] {
			if p.State != 'Z' {
				found = append(found, p)
			}
			walk(p.PID)
		}
	}
	walk(pid)
	return found
}

// Alive says whether pid is a process that is not a zombie.
func Alive(pid int) bool {
	p, err := readProc(pid)
	return err == nil && p.State != 'Z'
}

func processes() []Proc {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var all []Proc
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if p, err := readProc(pid); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// readProc reads what it can; a process may end meanwhile.
func readProc(pid int) (Proc, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Proc{}, err
	}
	// The name is in parentheses and may contain any of them.
	open, closed := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || closed < open {
		return Proc{}, fmt.Errorf("cannot read /proc/%d/stat: %q", pid, stat)
	}
	p := Proc{PID: pid, Args: "[" + string(stat[open+1:closed]) + "]"}
	if _, err := fmt.Sscanf(string(stat[closed+1:]), " %c %d", &p.State, &p.PPID); err != nil {
		return Proc{}, fmt.Errorf("cannot read /proc/%d/stat: %w", pid, err)
	}
	if cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && len(cmdline) > 0 {
		p.Args = strings.TrimSpace(strings.ReplaceAll(string(cmdline), "\x00", " "))
	}
	return p, nil
}

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
