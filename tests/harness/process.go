package harness

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Command is a program to run under a keeper.
type Command struct {
	// Args is the command line; Args[0] is a path.
	Args []string
	// Env is the whole environment.
	Env []string
	// Dir is the working directory.
	Dir string
	// Output receives stdout and stderr; nil discards them.
	Output *os.File
	// As is whom it runs as.
	As Identity
}

// A Process is a command that runs, or ran, under a keeper.
type Process struct {
	// PID is the process of the command itself.
	PID int

	t        T
	keeper   *exec.Cmd
	orders   *os.File
	reports  *os.File
	status   syscall.WaitStatus // valid when exited is closed
	exited   chan struct{}
	ended    chan struct{} // the keeper has no more to say
	released bool
}

// Run starts a command. What is left of it when the test ends is killed.
func Run(t T, c Command) *Process {
	t.Helper()
	p, err := startKeeper(t, c)
	if err != nil {
		t.Fatalf("cannot start a keeper: %v", err)
	}
	t.Cleanup(p.Release)
	if err := p.awaitStart(); err != nil {
		t.Fatalf("cannot start %v: %v", c.Args, err)
	}
	return p
}

func startKeeper(t T, c Command) (*Process, error) {
	ordersEnd, orders, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	reports, reportsEnd, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, ordersEnd.Close(), orders.Close())
	}
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe", // whatever the directory it lies in allows
		Args:        append([]string{keeperName}, c.Args...),
		Env:         c.Env,
		Dir:         c.Dir,
		Stdout:      c.Output,
		Stderr:      c.Output,
		ExtraFiles:  []*os.File{ordersEnd, reportsEnd},
		SysProcAttr: &syscall.SysProcAttr{Credential: c.As.credential()},
	}
	if c.Output == nil {
		cmd.Stdout, cmd.Stderr = nil, nil // not a nil *os.File in an interface
	}
	err = errors.Join(cmd.Start(), ordersEnd.Close(), reportsEnd.Close())
	if err != nil {
		return nil, errors.Join(err, orders.Close(), reports.Close())
	}
	return &Process{
		t: t, keeper: cmd, orders: orders, reports: reports,
		exited: make(chan struct{}), ended: make(chan struct{}),
	}, nil
}

// awaitStart waits for the keeper's first report and leaves the rest to a
// goroutine, which ends with the keeper.
func (p *Process) awaitStart() error {
	lines := bufio.NewScanner(p.reports)
	word, rest := nextReport(lines)
	pid, err := strconv.Atoi(rest)
	if word != "started" || err != nil {
		close(p.ended)
		return errors.Join(fmt.Errorf("keeper: %s %s", word, rest), p.reports.Close())
	}
	p.PID = pid
	go p.follow(lines)
	return nil
}

func (p *Process) follow(lines *bufio.Scanner) {
	defer close(p.ended)
	defer p.reports.Close()
	for word, rest := nextReport(lines); word != ""; word, rest = nextReport(lines) {
		if n, err := strconv.ParseUint(rest, 10, 32); word == "exited" && err == nil {
			p.status = syscall.WaitStatus(n)
			close(p.exited)
		}
	}
}

// nextReport returns an empty word when the keeper has no more to say.
func nextReport(lines *bufio.Scanner) (word, rest string) {
	if !lines.Scan() {
		return "", ""
	}
	word, rest, _ = strings.Cut(lines.Text(), " ")
	return word, rest
}

// Signal sends a signal to the process alone.
func (p *Process) Signal(sig syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(p.PID, sig); err != nil {
		p.t.Fatalf("cannot signal process %d: %v", p.PID, err)
	}
}

// Exited is closed when the process has ended; what it started may go on.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Wait returns how the process ended. It fails the test when the process is
// still there after the given time.
func (p *Process) Wait(within time.Duration) syscall.WaitStatus {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.status
	case <-time.After(within):
		p.t.Fatalf("process %d did not end within %v; with it are %v", p.PID, within, p.Family())
		return 0
	}
}

// Family lists every living process that came from this one, however it got
// away: children, their children, and what was orphaned or daemonised. The
// process itself is not among them.
func (p *Process) Family() []Proc {
	var rest []Proc
	for _, proc := range Descendants(p.keeper.Process.Pid) {
		if proc.PID != p.PID {
			rest = append(rest, proc)
		}
	}
	return rest
}

// Find returns the members of the family whose command line contains text.
func (p *Process) Find(text string) []Proc {
	var found []Proc
	for _, proc := range p.Family() {
		if strings.Contains(proc.Args, text) {
			found = append(found, proc)
		}
	}
	return found
}

// Release kills what is left and waits for it. A second call does nothing.
func (p *Process) Release() {
	if p.released {
		return
	}
	p.released = true
	_ = p.orders.Close()
	if err := p.keeper.Wait(); err != nil {
		p.t.Errorf("keeper of process %d: %v", p.PID, err)
	}
	<-p.ended
}
