package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A Gate holds scripts until a test lets them go on, so that a test need not
// guess how long anything takes.
type Gate struct {
	// Path is a FIFO. A shell script waits at the gate with: read x <PATH
	Path string

	file *os.File
	t    T
}

// Gate makes a gate and the script /hold.sh, which waits at it before it
// answers "held".
func (d *Daemon) Gate() *Gate {
	d.t.Helper()
	g := &Gate{Path: d.Path("gate"), t: d.t}
	err := syscall.Mkfifo(g.Path, 0o666)
	if err == nil {
		err = os.Chmod(g.Path, 0o666) // whatever the umask
	}
	if err == nil {
		// Open for both, neither the test nor a script waits for the other.
		g.file, err = os.OpenFile(g.Path, os.O_RDWR, 0)
	}
	if err != nil {
		d.t.Fatalf("cannot make a gate: %v", err)
	}
	d.t.Cleanup(func() { _ = g.file.Close() })
	d.Script("hold.sh", fmt.Sprintf("#!/bin/sh\nread x <%s\nprintf 'Content-Type: text/plain\\n\\nheld'\n", g.Path))
	return g
}

// Open lets n scripts go on, those that wait or the next that come.
func (g *Gate) Open(n int) {
	g.t.Helper()
	if _, err := g.file.WriteString(strings.Repeat("go\n", n)); err != nil {
		g.t.Fatalf("cannot open the gate: %v", err)
	}
}

// AwaitProcesses waits until so many processes of the service have text in
// their command line.
func (d *Daemon) AwaitProcesses(text string, n int) []Proc {
	d.t.Helper()
	var found []Proc
	Eventually(d.t, Patience, func() error {
		if found = d.Find(text); len(found) != n {
			return fmt.Errorf("%d processes match %q, want %d: %v", len(found), text, n, found)
		}
		return nil
	})
	return found
}

// Await waits until a process is at the gate.
func (g *Gate) Await(pid int) {
	g.t.Helper()
	Eventually(g.t, Patience, func() error {
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, fd := range fds {
			if file, _ := os.Readlink(fd); file == g.Path { // it may be closed by now
				return nil
			}
		}
		return errors.Join(fmt.Errorf("process %d is not at the gate", pid), err)
	})
}
