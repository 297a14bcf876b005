package supervisor

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/usage"
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
	g.ready()
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
	g.ready()
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
	var opened sync.WaitGroup
	for _, gate := range gates { // they are served one by one, in what order is not said
		opened.Go(func() { g.write(gate, "\n") })
	}
	opened.Wait()
}

// What a TCP socket dropped since it came to the pool is counted.
func TestBacklogOverflows(t *testing.T) {
	g := start(t, defaults())
	g.ready()
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
	g.until("both are in the backlog", func(s *Supervisor) bool { return s.status(nil).BacklogUsed == 2 })
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
	g.ready()
	busy := g.plain("busy.py", "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\nprint('Content-Type: text/plain\\n\\nfine')\n")
	gate := g.fifo("gate")
	idle := g.plain("idle.py", "open('"+gate+"').read()\nprint('Content-Type: text/plain\\n\\nfine')\n")
	last := func(script string, wait func()) status.Process {
		answer := g.begin(params(script), "")
		wait()
		<-answer
		g.until("the worker is idle", func(s *Supervisor) bool { return s.busy() == 0 })
		return g.snapshot().Processes[0]
	}
	worked := last(busy, func() {})
	slept := last(idle, func() {
		open := g.stuck(gate)
		g.pass(24 * time.Hour)
		g.release(open)
	})
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

// However long the request of a client is, the master is told no more of it than
// a page shows, while it runs and after that.
func TestLongRequestInSnapshot(t *testing.T) {
	cfg := interpreter(config.RunnerPython, "persistent")
	cfg.MaxChildren = 1
	g := start(t, cfg)
	g.ready()
	gate := g.fifo("gate")
	script := g.plain("wait.py", "open('"+gate+"').read()\nprint('Content-Type: text/plain\\n\\nfine')\n")
	long := strings.Repeat("x", 100_000)
	user := base64.StdEncoding.EncodeToString([]byte(long + ":"))
	answer := g.begin(params(script, "REQUEST_METHOD", long, "SCRIPT_NAME", long, "QUERY_STRING", long, "HTTP_AUTHORIZATION", "Basic "+user, "REQUEST_ID", long), "")
	open := g.stuck(gate)
	check := func(when string) {
		row := g.snapshot().Processes[0]
		got := [...]int{len(row.RequestMethod), len(row.RequestURI), len(row.QueryString), len(row.User), len(row.RequestID)}
		if want := [...]int{status.MaxMethod, status.MaxURI, status.MaxQuery, status.MaxUser, status.MaxRequestID}; got != want {
			t.Errorf("%s: strings of %d bytes, want %d", when, got, want)
		}
	}
	check("while it runs")
	g.release(open)
	<-answer
	g.until("the worker is idle", func(s *Supervisor) bool { return s.busy() == 0 })
	check("after that")
}

// The access log tells what a resident worker used.
func TestAccessLogOfWorker(t *testing.T) {
	cfg := interpreter(config.RunnerPython, "persistent")
	cfg.AccessFormat, cfg.StatusPath = "%C %{user}C %{system}C %{mega}M", ""
	g := start(t, cfg)
	g.ready()
	path := filepath.Join(g.dir, "access.log")
	g.on(func(s *Supervisor) {
		fd, err := logfile.OpenFD(path)
		if err == nil {
			err = s.OpenAccessLog(fd)
		}
		if err != nil {
			t.Error(err)
		}
	})
	g.get(params(g.plain("x.py", "sum(range(1 << 22))\nprint('Content-Type: text/plain\\n\\nfine')\n")), "")
	g.settled()
	g.on(func(s *Supervisor) { s.access.close() })
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var total, user, system float64
	var memory int
	if _, err := fmt.Sscan(string(text), &total, &user, &system, &memory); err != nil {
		t.Fatalf("the log is %q: %v", text, err)
	}
	if total <= 0 || total > 110 || user <= 0 || total-user-system > 0.02 || memory < 1 || memory > 1000 {
		t.Errorf("the log is %q", text)
	}
}

// Without anybody who may look, nothing is measured.
func TestUnobserved(t *testing.T) {
	cfg := interpreter(config.RunnerPython, "persistent")
	cfg.StatusPath = ""
	g := start(t, cfg)
	g.ready()
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
	g.ready()
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
		s.meter.done(nil, time.Hour) // as if it had taken that long
		s.reportStatus(2)
		if s.meter.running {
			t.Error("the workers are measured again at once")
		}
	})
	g.pass(measureRest * time.Hour)
	g.on(func(s *Supervisor) {
		s.reportStatus(3)
		if !s.meter.running {
			t.Error("the workers are not measured again")
		}
	})
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
			g.ready()
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

// Of many requests some are measured, of few all, and all of them where the
// access log shows it.
func TestSample(t *testing.T) {
	var g gauges
	count := func(n int, apart time.Duration) (measured int) {
		now := g.samples.until + time.Hour
		for range n {
			if g.sample(now) {
				measured++
			}
			now += apart
		}
		return measured
	}
	if n := count(1000, time.Millisecond); n != 0 {
		t.Errorf("%d are measured although nobody looks", n)
	}
	g.observed = true
	if n := count(1000, time.Millisecond); n != 1000 {
		t.Errorf("%d of 1,000 in a second are measured", n)
	}
	if n := count(30000, time.Second/30000); n < 900 || n > 1010 {
		t.Errorf("%d of 30,000 in a second are measured", n)
	}
	g.each = true
	if n := count(30000, time.Second/30000); n != 30000 {
		t.Errorf("%d of 30,000 are measured although each line shows it", n)
	}
}
