package supervisor

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// fifo makes a FIFO. Whoever still waits for its other side when the test ends
// waits no longer.
func (g *rig) fifo(name string) string {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { poke(path) })
	return path
}

// poke is both sides of a FIFO for a moment, which ends each wait for a side.
func poke(path string) {
	if fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err == nil {
		_ = unix.Close(fd)
	}
}

// openFIFO opens a FIFO as soon as its other side does. A process that should
// but is gone, or never came, fails the test.
func (g *rig) openFIFO(path string, flag int) (*os.File, error) {
	late := time.AfterFunc(patience, func() { poke(path) })
	f, err := os.OpenFile(path, flag, 0)
	if !late.Stop() && err == nil {
		err = fmt.Errorf("nobody opened %s within %v", path, patience)
		_ = f.Close()
	}
	if err != nil {
		return nil, err
	}
	return f, f.SetDeadline(time.Now().Add(patience))
}

// gate opens a FIFO for writing, waiting for its reader.
func (g *rig) gate(path string) *os.File {
	g.t.Helper()
	f, err := g.openFIFO(path, os.O_WRONLY)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = f.Close() })
	return f
}

// stuck waits until the script of the only request reads from a FIFO and it
// sleeps for it, with all it has started.
func (g *rig) stuck(path string) (gate *os.File) {
	g.t.Helper()
	gate = g.gate(path)
	g.until("the script waits", func(s *Supervisor) bool {
		for c := range s.conns {
			return len(c.reqs) == 1 && asleep(c.reqs[0].pid())
		}
		return false
	})
	return gate
}

// release lets who reads from a gate go on.
func (g *rig) release(gate *os.File) {
	g.t.Helper()
	if _, err := gate.WriteString("go\n"); err != nil {
		g.t.Error(err)
	}
	_ = gate.Close()
}

// asleep says whether a process and its descendants wait for something.
func asleep(pid int) bool {
	dir := fmt.Sprintf("/proc/%d/", pid)
	stat, err := os.ReadFile(dir + "stat")
	if _, state, found := strings.Cut(string(stat), ") "); err != nil || !found || state[0] != 'S' {
		return false
	}
	children, err := os.ReadFile(fmt.Sprintf("%stask/%d/children", dir, pid))
	for _, child := range strings.Fields(string(children)) {
		if n, _ := strconv.Atoi(child); !asleep(n) {
			return false
		}
	}
	return err == nil
}

// write opens a FIFO, waiting for its reader, and writes to it.
func (g *rig) write(path, text string) {
	g.t.Helper()
	f, err := g.openFIFO(path, os.O_WRONLY)
	if err != nil {
		g.t.Error(err)
		return
	}
	if _, err := f.WriteString(text); err != nil {
		g.t.Error(err)
	}
	_ = f.Close()
}

// follow tells of the processes that have a FIFO open for writing: opened is
// closed when the first has, ended when the last has no longer.
func (g *rig) follow(path string) (opened, ended <-chan struct{}) {
	first, last := make(chan struct{}), make(chan struct{})
	g.helpers.Go(func() {
		f, err := g.openFIFO(path, os.O_RDONLY)
		if err == nil {
			close(first)
			_, err = io.Copy(io.Discard, f)
			_ = f.Close()
		}
		if err != nil {
			g.t.Error(err)
			return
		}
		close(last)
	})
	return first, last
}
