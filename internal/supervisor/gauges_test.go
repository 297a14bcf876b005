package supervisor

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/usage"
	"github.com/anyfpm/anyfpm/pool"
	"github.com/anyfpm/anyfpm/status"
)

// snapshot is the pool's state as the master is told.
func (g *rig) snapshot() *status.Snapshot {
	g.t.Helper()
	var snapshot *status.Snapshot
	g.on(func(s *Supervisor) { snapshot = s.status(nil) })
	return snapshot
}

// Connections that nobody accepts are in the listen queue.
func TestListenQueue(t *testing.T) {
	g := start(t, defaults())
	<-g.events.ready
	type queue struct{ now, most, limit, used, backlog int }
	of := func(s *status.Snapshot) queue {
		return queue{s.ListenQueue, s.MaxListenQueue, s.ListenQueueLen, s.BacklogUsed, s.BacklogLimit}
	}
	if got, want := of(g.snapshot()), (queue{0, 0, 511, 0, 511}); got != want {
		t.Errorf("of an idle pool it is %+v", got)
	}
	g.on(func(s *Supervisor) { s.doors[0].rest() })
	for range 5 {
		g.dial()
	}
	if got, want := of(g.snapshot()), (queue{5, 5, 511, 5, 511}); got != want {
		t.Errorf("with five connections it is %+v", got)
	}
	g.on(func(s *Supervisor) { s.doors[0].resume() })
	g.until("all are accepted", func(s *Supervisor) bool { return len(s.conns) == 5 })
	if got, want := of(g.snapshot()), (queue{0, 5, 511, 0, 511}); got != want {
		t.Errorf("after it is %+v", got)
	}
}

// Requests that wait for a worker are in it too, behind those that wait for
// nothing but accept.
func TestListenQueueOfRequests(t *testing.T) {
	cfg := defaults()
	cfg.MaxChildren = 1
	g := start(t, cfg)
	<-g.events.ready
	script := g.script("wait", "#!/bin/sh\nread x < \"$QUERY_STRING\"\necho 'Content-Type: text/plain'\necho\n")
	gates := []string{g.fifo("1"), g.fifo("2"), g.fifo("3")}
	for _, gate := range gates {
		if _, err := g.dial().Write(encode(1, 0, params(script, "QUERY_STRING", gate), "")); err != nil {
			t.Fatal(err)
		}
	}
	g.until("two requests wait", func(s *Supervisor) bool { return s.waiting() == 2 })
	g.on(func(s *Supervisor) { s.doors[0].rest() })
	g.dial()
	if got := g.snapshot(); got.ListenQueue != 3 || got.Queue != 2 || got.BacklogUsed != 1 {
		t.Errorf("the listen queue is %d: %d requests and %d connections", got.ListenQueue, got.Queue, got.BacklogUsed)
	}
	for _, gate := range gates {
		g.write(gate, "\n")
	}
}

// What a TCP socket dropped since it came to the pool is counted.
func TestBacklogOverflows(t *testing.T) {
	g := start(t, defaults())
	<-g.events.ready
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	address, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	knock := func() {
		client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(client) })
		if err := unix.Connect(client, address); err != nil && err != unix.EINPROGRESS {
			t.Fatal(err)
		}
	}
	for range 2 {
		knock()
	}
	g.on(func(s *Supervisor) {
		if err := s.AddDoor(fd, "127.0.0.1"); err != nil { // nobody opens it
			t.Error(err)
		}
	})
	if got := g.snapshot(); got.BacklogUsed != 2 || got.BacklogLimit != 511+1 || got.BacklogOverflows != 0 {
		t.Errorf("the backlog has %d of %d and lost %d", got.BacklogUsed, got.BacklogLimit, got.BacklogOverflows)
	}
	knock()
	g.until("an overflow is counted", func(s *Supervisor) bool { return s.status(nil).BacklogOverflows > 0 })
}

// What a request used is divided into user and system time.
func TestStopwatch(t *testing.T) {
	var w stopwatch
	if _, _, ok := w.stop(1); ok {
		t.Error("a stopwatch stops that was not started")
	}
	self := os.Getpid()
	w.start(self, 1)
	before := w.started
	for burnt, _ := usage.CPU(self); burnt < before+50*time.Millisecond; burnt, _ = usage.CPU(self) {
		_ = strings.Repeat("x", 1<<10)
	}
	user, system, ok := w.stop(2)
	if !ok || user < 0 || system < 0 || user+system < 50*time.Millisecond || user+system != w.last-before {
		t.Errorf("got %v and %v, %v", user, system, ok)
	}
	last := w.last
	w.start(self, 2)
	if w.started != last {
		t.Error("a request that follows at once has another beginning than the end of the one before")
	}
	w.start(-1, 3)
	if _, _, ok := w.stop(4); ok {
		t.Error("a process that does not exist used CPU time")
	}
}

// What a resident worker used for its last request is on the status page.
func TestLastRequest(t *testing.T) {
	cfg := interpreter(config.RunnerPython, "persistent")
	cfg.MaxChildren = 1
	g := start(t, cfg)
	<-g.events.ready
	busy := g.plain("busy.py", "import time\nend = time.process_time() + 0.05\nwhile time.process_time() < end: pass\nprint('Content-Type: text/plain\\n\\nfine')\n")
	idle := g.plain("idle.py", "import time\ntime.sleep(0.05)\nprint('Content-Type: text/plain\\n\\nfine')\n")
	last := func(script string) status.Process {
		g.get(params(script), "")
		g.until("the worker is idle", func(s *Supervisor) bool { return s.busy() == 0 })
		return g.snapshot().Processes[0]
	}
	worked, slept := last(busy), last(idle)
	if worked.LastRequestCPU <= 2*slept.LastRequestCPU || worked.LastRequestCPU > 110 {
		t.Errorf("a busy request used %.1f%% of a CPU, a sleeping one %.1f%%", worked.LastRequestCPU, slept.LastRequestCPU)
	}
	if m := worked.LastRequestMemory; m < 1<<20 || m > 1<<30 {
		t.Errorf("it had %d bytes", m)
	}
	snapshot := g.snapshot()
	if n := snapshot.CPUTime.Count(); n != 2 {
		t.Errorf("the histogram of CPU times has %d requests", n)
	}
	if snapshot.MemoryPeak < worked.LastRequestMemory {
		t.Errorf("the peak is %d bytes", snapshot.MemoryPeak)
	}
}

// Without anybody who may look, nothing is measured.
func TestUnobserved(t *testing.T) {
	cfg := interpreter(config.RunnerPython, "persistent")
	cfg.StatusPath = ""
	g := start(t, cfg)
	<-g.events.ready
	g.get(params(g.plain("x.py", "print('Content-Type: text/plain\\n\\nfine')\n")), "")
	g.until("the worker is idle", func(s *Supervisor) bool { return s.busy() == 0 })
	snapshot := g.snapshot()
	if n := snapshot.CPUTime.Count(); n != 0 {
		t.Errorf("the CPU time of %d requests was measured", n)
	}
	for _, p := range snapshot.Processes {
		if p.LastRequestMemory != 0 || p.PSS != 0 {
			t.Errorf("the memory of a worker was measured: %+v", p)
		}
	}
}

// PSS is measured for those who ask, in the background.
func TestSurvey(t *testing.T) {
	g := start(t, interpreter(config.RunnerPython, "persistent"))
	<-g.events.ready
	if got := g.snapshot(); got.PSS != 0 {
		t.Errorf("before anybody asked the workers have %d bytes", got.PSS)
	}
	g.on(func(s *Supervisor) { s.reportStatus(1) })
	g.until("the workers are measured", func(s *Supervisor) bool { return s.status(nil).PSS > 0 })
	var sum uint64
	snapshot := g.snapshot()
	for _, p := range snapshot.Processes {
		if p.PSS < 1<<20 || p.PSS > 1<<30 {
			t.Errorf("worker %d has %d bytes", p.PID, p.PSS)
		}
		sum += p.PSS
	}
	if len(snapshot.Processes) != 4 || sum != snapshot.PSS {
		t.Errorf("%d workers have %d bytes, the pool has %d", len(snapshot.Processes), sum, snapshot.PSS)
	}
	g.on(func(s *Supervisor) {
		s.reportStatus(2)
		if s.meter.running {
			t.Error("the workers are measured again at once")
		}
	})
}

// Each end of a process is counted under its cause.
func TestExits(t *testing.T) {
	cfg := interpreter(config.RunnerPHP, "")
	cfg.PM, cfg.ProcessIdleTimeout = config.Ondemand, 50*time.Millisecond
	cfg.TerminateTimeout = 500 * time.Millisecond
	g := start(t, cfg)
	<-g.events.ready
	for _, tt := range []struct {
		cause exitCause
		php   string
	}{
		{exitSignal, "posix_kill(getmypid(), 11);"},
		{exitTerminateTimeout, "sleep(100);"},
		{exitIdle, "echo 'fine';"},
	} {
		script := g.plain(tt.cause.String()+".php", "<?php "+tt.php)
		g.get(params(script, "REQUEST_METHOD", "POST"), "")
		g.until("an exit is counted as "+tt.cause.String(), func(s *Supervisor) bool { return s.exits[tt.cause] == 1 })
	}
	if !strings.Contains(g.log.String(), " has been killed by the process management after 0.") {
		t.Error("the log lacks the line of an idle worker")
	}
	snapshot := g.snapshot()
	if got := len(snapshot.Exits); got != 3 || snapshot.Spawns != 3 {
		t.Errorf("%d workers were started and ended thus: %v", snapshot.Spawns, snapshot.Exits)
	}
}

func TestExitsOfScripts(t *testing.T) {
	g := start(t, defaults())
	<-g.events.ready
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
	<-g.events.ready
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

// Lines that the logs lose are counted by log.
func TestLogDrops(t *testing.T) {
	g := start(t, defaults())
	g.on(func(s *Supervisor) {
		s.CountDrops("error", func() uint64 { return 3 })
		s.CountDrops("slow", func() uint64 { return 0 })
	})
	if got := g.snapshot().LogDrops; len(got) != 2 || got["error"] != 3 || got["slow"] != 0 {
		t.Errorf("got %v", got)
	}
}

// What a request to a resident worker costs with and without being measured.
func BenchmarkRequest(b *testing.B) {
	for _, observed := range []bool{false, true} {
		b.Run("observed="+strconv.FormatBool(observed), func(b *testing.B) {
			g := start(b, interpreter(config.RunnerPython, "persistent"))
			<-g.events.ready
			g.on(func(s *Supervisor) { s.observed = observed })
			script := g.plain("x.py", "print('Content-Type: text/plain\\n\\nfine')\n")
			c := g.dial()
			request := encode(1, fcgi.FlagKeepConn, params(script), "")
			end := fcgi.AppendEnd(nil, 1, 0, fcgi.StatusRequestComplete)
			buf := make([]byte, 4096)
			for b.Loop() {
				if _, err := c.Write(request); err != nil {
					b.Fatal(err)
				}
				for n := 0; !bytes.HasSuffix(buf[:n], end); {
					m, err := c.Read(buf[n:])
					if err != nil {
						b.Fatal(err)
					}
					n += m
				}
			}
		})
	}
}
