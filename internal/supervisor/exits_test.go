package supervisor

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/pool"
)

// Each end of a process is counted under its cause.
func TestExits(t *testing.T) {
	cfg := interpreter(config.RunnerPHP, "")
	cfg.PM, cfg.ProcessIdleTimeout = config.Ondemand, time.Hour
	cfg.TerminateTimeout = time.Hour
	g := start(t, cfg)
	g.ready()
	for _, tt := range []struct {
		cause exitCause
		php   string
		pass  time.Duration
	}{
		{exitSignal, "posix_kill(getmypid(), 11);", 0},
		{exitTerminateTimeout, "sleep(100);", time.Hour},
		{exitIdle, "echo 'fine';", time.Hour},
	} {
		fifo := g.fifo(tt.cause.String())
		script := g.plain(tt.cause.String()+".php", "<?php file_put_contents('"+fifo+"', 'here'); "+tt.php)
		_, here := g.follow(fifo)
		answer := g.begin(params(script, "REQUEST_METHOD", "POST"), "")
		g.await("the script runs", here)
		if tt.cause == exitIdle {
			<-answer
			g.until("the worker is idle", func(s *Supervisor) bool { return s.idleWorkers() == 1 })
		}
		g.pass(tt.pass)
		<-answer
		g.until("an exit is counted as "+tt.cause.String(), func(s *Supervisor) bool { return s.exits[tt.cause] == 1 })
	}
	if !strings.Contains(g.log.String(), " has been killed by the process management after 36") {
		t.Error("the log lacks the line of an idle worker")
	}
	snapshot := g.snapshot()
	if got := reasons(snapshot.Exits); got != 3 || snapshot.Spawns != 3 {
		t.Errorf("%d workers were started and ended thus: %v", snapshot.Spawns, snapshot.Exits)
	}
}

// reasons is the number of reasons for which workers ended.
func reasons(exits map[string]uint64) (n int) {
	for _, count := range exits {
		if count > 0 {
			n++
		}
	}
	return n
}

func TestExitsOfScripts(t *testing.T) {
	g := start(t, defaults())
	g.ready()
	for name, text := range map[string]string{"fine": "exit 0", "failing": "exit 3", "dying": "kill -11 $$"} {
		g.get(params(g.script(name, "#!/bin/sh\necho 'A: b'\necho\n"+text+"\n")), "")
	}
	g.settled()
	snapshot := g.snapshot()
	for _, cause := range []exitCause{exitCompleted, exitCode, exitSignal} {
		if n := snapshot.Exits[cause.String()]; n != 1 {
			t.Errorf("%d scripts ended by %v", n, cause)
		}
	}
	if snapshot.Spawns != 3 {
		t.Errorf("%d scripts were started", snapshot.Spawns)
	}
}

func TestCauseOfDeath(t *testing.T) {
	const code3, segv, kill = 3 << 8, syscall.WaitStatus(syscall.SIGSEGV), syscall.WaitStatus(syscall.SIGKILL)
	tests := []struct {
		death
		want exitCause
	}{
		{death{}, exitCompleted},
		{death{exit: proc.Exit{Status: code3}}, exitCode},
		{death{exit: proc.Exit{Status: segv}}, exitSignal},
		{death{exit: proc.Exit{Status: kill}, oom: true}, exitOOM},
		{death{exit: proc.Exit{Status: kill}, signal: syscall.SIGKILL}, exitBroken},
		{death{exit: proc.Exit{Status: segv}, signal: syscall.SIGKILL}, exitSignal},
		{death{exit: proc.Exit{Status: code3}, early: true}, exitStartFailed},
		{death{exit: proc.Exit{Status: kill}, early: true, stopped: pool.StartTimeout}, exitStartFailed},
		{death{stopped: pool.Idle}, exitIdle},
		{death{stopped: pool.MaxRequests}, exitMaxRequests},
		{death{stopped: pool.MaxLifetime}, exitMaxLifetime},
		{death{stopped: pool.MaxMemory, exit: proc.Exit{Status: kill}}, exitMaxMemory},
		{death{stopped: pool.TerminateTimeout}, exitTerminateTimeout},
		{death{stopped: pool.ClientAbort}, exitClientAbort},
		{death{stopped: pool.Drained}, exitShutdown},
		{death{stopped: pool.Shutdown, early: true}, exitShutdown},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		if got := tt.cause(); got != tt.want {
			t.Errorf("%+v is put down to %v, want %v", tt.death, got, tt.want)
		}
		seen[tt.want.String()] = true
	}
	if len(seen) != exitCauses || seen[""] {
		t.Errorf("of %d causes these are tested: %v", exitCauses, seen)
	}
}

// docs/metrics.md explains each cause.
func TestCausesInDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for c := range exitCause(exitCauses) {
		if !strings.Contains(string(page), "`"+c.String()+"`") {
			t.Errorf("docs/metrics.md does not mention %q", c)
		}
	}
}

// kills is the kernel's count.
type kills uint64

func (k *kills) Killed() uint64 {
	n := *k
	*k = 0
	return uint64(n)
}

func (*kills) Close() error { return nil }

// A worker that the kernel killed for lack of memory is told from one that
// somebody killed.
func TestOOM(t *testing.T) {
	g := start(t, interpreter(config.RunnerPython, "persistent"))
	g.ready()
	counter := new(kills)
	g.on(func(s *Supervisor) { s.oom.count = counter })
	victim := func() int {
		var pid int
		g.on(func(s *Supervisor) { pid = s.status(nil).Processes[0].PID })
		return pid
	}
	g.on(func(*Supervisor) { *counter = 1 })
	pid := victim()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	g.until("the death is counted", func(s *Supervisor) bool { return s.exits[exitOOM] == 1 })
	g.inOrder("child "+strconv.Itoa(pid)+" exited on signal 9", "for lack of memory")
	g.until("it is replaced", func(s *Supervisor) bool { return s.status(nil).IdleProcesses == 4 })
	if err := syscall.Kill(victim(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	g.until("the death is counted", func(s *Supervisor) bool { return s.exits[exitSignal] == 1 })
	if n := g.snapshot().OOMKills; n != 1 {
		t.Errorf("%d workers were killed for lack of memory", n)
	}
}

// A kill that no death follows is forgotten.
func TestOOMOfOthers(t *testing.T) {
	counter := new(kills)
	o := oomWatch{count: counter}
	*counter = 2
	if !o.killed(time.Second) || !o.killed(time.Second+oomMemory) {
		t.Error("two kills do not explain two deaths")
	}
	*counter = 2
	if !o.killed(time.Minute) || o.killed(time.Minute+oomMemory+1) {
		t.Error("a kill is not forgotten, or too early")
	}
}
