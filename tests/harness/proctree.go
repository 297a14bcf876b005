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

// State is the letter that ps shows for pid, if there is such a process.
func State(pid int) (state byte, ok bool) {
	p, err := readProc(pid)
	return p.State, err == nil
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
