package supervisor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/runner"
)

// A rig is a supervisor in this process with a real listening socket and
// real processes; only the master is missing.
type rig struct {
	t       testing.TB
	sup     *Supervisor
	loop    *loop.Loop
	socket  string
	dir     string
	log     *logBuffer
	events  *recorder
	ended   chan struct{}  // closed when the loop has ended
	helpers sync.WaitGroup // goroutines of the test
}

// patience is how long these tests wait for what must happen. It decides
// nothing: it is there for a test that fails to say what it waited for.
const patience = 2 * time.Minute

type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// recorder is the master's side of Events.
type recorder struct {
	ready  chan struct{}
	failed chan string
	quiet  chan struct{}
	// handOver is the next generation.
	handOver func([]control.Connection, []int, func())
}

func (r *recorder) Failed(reason string)        { r.failed <- reason }
func (r *recorder) Quiet()                      { r.quiet <- struct{}{} }
func (r *recorder) Crashed(int, syscall.Signal) {}
func (r *recorder) Usage(int, int)              {}
func (r *recorder) Status(uint64, []byte)       {}
func (r *recorder) HandOver(list []control.Connection, fds []int, done func()) {
	r.handOver(list, fds, done)
}

// Ready may come again after Failed.
func (r *recorder) Ready() {
	select {
	case <-r.ready:
	default:
		close(r.ready)
	}
}

// defaults is a pool as internal/config would hand it over.
func defaults() *config.Pool {
	return &config.Pool{
		Name: "test", PM: config.Static, MaxChildren: 4, Runner: config.RunnerCGI,
		QueueMaxLength: 100, QueueTimeout: patience, RunnerStartTime: patience,
		BodyMemory: 64 << 10, BodySpool: 16 << 20, OnClientAbort: "ignore", ClearEnv: true,
		CatchWorkersOutput: true, DecorateOutput: true, RunnerConcurrency: 1,
		PingPath: "/ping", PingResponse: "pong", StatusPath: "/status",
	}
}

// reaper is shared: a process can have only one.
var reaper = sync.OnceValue(func() *proc.Reaper {
	r := proc.NewReaper(nil)
	go func() { _ = r.Run(context.Background()) }()
	return r
})

func start(t testing.TB, cfg *config.Pool) *rig {
	t.Helper()
	g := &rig{t: t, dir: t.TempDir(), log: &logBuffer{}, ended: make(chan struct{}),
		events: &recorder{make(chan struct{}), make(chan string, 10), make(chan struct{}, 1), nil}}
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	g.loop = l
	run, err := runner.New(cfg, environment(cfg, nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	starter := proc.NewStarter(reaper())
	var helpers sync.WaitGroup
	helpers.Go(func() { _ = starter.Run(ctx) })
	h, err := openHost()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	log := slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	table, err := proc.OpenTable()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = table.Close() })
	g.sup, err = New(cfg, log, l, run, &processes{starter, l, table}, h, g.events)
	if err != nil {
		t.Fatal(err)
	}
	// A client of these tests is slow when the machine is.
	g.sup.silence = silences{time.Hour, time.Hour, time.Hour, time.Hour}
	g.sup.suspicion = time.Hour
	g.socket = filepath.Join(g.dir, "socket")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: g.socket}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 511); err != nil {
		t.Fatal(err)
	}
	if err := g.sup.AddDoor(fd, g.socket); err != nil {
		t.Fatal(err)
	}
	l.Post(g.sup.serve)
	go func() {
		if err := l.Run(); err != nil {
			t.Error(err)
		}
		close(g.ended)
	}()
	t.Cleanup(func() {
		l.Post(g.sup.Shutdown)
		select {
		case <-g.ended:
		case <-time.After(patience):
			t.Errorf("the supervisor does not end; log:\n%s", g.log)
			return
		}
		g.sup.Close()
		l.Close()
		cancel()
		helpers.Wait()
		g.helpers.Wait()
		if t.Failed() {
			t.Logf("log:\n%s", g.log)
		}
	})
	return g
}

// script writes an executable file and returns its path.
func (g *rig) script(name, text string) string {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	// A process forked by another test meanwhile would hold the file open for
	// writing, and exec of it would fail with "text file busy".
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte(text), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		g.t.Fatal(err)
	}
	return path
}

// params are those of a GET of a script.
func params(script string, more ...string) []string {
	return append([]string{"REQUEST_METHOD", "GET", "SCRIPT_FILENAME", script, "SCRIPT_NAME", "/x", "CONTENT_LENGTH", "0"}, more...)
}

// encode is a whole request as a web server sends it.
func encode(id uint16, flags uint8, params []string, body string) []byte {
	var pairs []byte
	for i := 0; i < len(params); i += 2 {
		pairs = fcgi.AppendPair(pairs, params[i], params[i+1])
	}
	b := fcgi.AppendBegin(nil, id, fcgi.RoleResponder, flags)
	b = fcgi.AppendStream(b, fcgi.TypeParams, id, pairs)
	b = fcgi.AppendStreamEnd(b, fcgi.TypeParams, id)
	b = fcgi.AppendStream(b, fcgi.TypeStdin, id, []byte(body))
	return fcgi.AppendStreamEnd(b, fcgi.TypeStdin, id)
}

// reply is what came back for one request.
type reply struct {
	stdout, stderr string
	end            *fcgi.EndRequest
	broken         bool // off, by fcgi.AppendBreak
}

func (g *rig) dial() net.Conn {
	g.t.Helper()
	c, err := net.Dial("unix", g.socket)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// get runs one request on a connection of its own.
func (g *rig) get(params []string, body string) reply {
	g.t.Helper()
	request := encode(1, 0, params, body) // before the dial: a silent client is not waited for
	c := g.dial()
	if _, err := c.Write(request); err != nil {
		g.t.Fatal(err)
	}
	raw, err := io.ReadAll(c)
	if err != nil {
		g.t.Fatal(err)
	}
	return decode(g.t, raw)[1]
}

// begin is get for a request that is not answered soon. What it returns is
// closed without a reply if there is none.
func (g *rig) begin(params []string, body string) <-chan reply {
	got := make(chan reply, 1)
	g.helpers.Go(func() {
		defer close(got)
		got <- g.get(params, body)
	})
	return got
}

// decode sorts records by request.
func decode(t testing.TB, raw []byte) map[uint16]reply {
	t.Helper()
	var d fcgi.Decoder
	type streams struct{ stdout, stderr bytes.Buffer }
	collected := map[uint16]*streams{}
	replies := map[uint16]reply{}
	broken := false
	for len(raw) > 0 {
		ev, n, err := d.Next(raw)
		var protocol *fcgi.ProtocolError
		if errors.As(err, &protocol) && protocol.Reason == fcgi.ReasonBreak {
			broken = true
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		raw = raw[n:]
		s := collected[ev.RequestID]
		if s == nil {
			s = &streams{}
			collected[ev.RequestID] = s
		}
		switch {
		case ev.Kind == fcgi.EventData && ev.Type == fcgi.TypeStdout:
			s.stdout.Write(ev.Data)
		case ev.Kind == fcgi.EventData && ev.Type == fcgi.TypeStderr:
			s.stderr.Write(ev.Data)
		case ev.Kind == fcgi.EventEndRequest:
			replies[ev.RequestID] = reply{stdout: s.stdout.String(), stderr: s.stderr.String(), end: &ev.End}
			delete(collected, ev.RequestID)
		}
	}
	for id, s := range collected {
		replies[id] = reply{stdout: s.stdout.String(), stderr: s.stderr.String(), broken: broken}
	}
	return replies
}

func (b *logBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

// plain writes a file that is not executable.
func (g *rig) plain(name, text string) string {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		g.t.Fatal(err)
	}
	return path
}

// ready waits until the pool serves.
func (g *rig) ready() {
	g.t.Helper()
	select {
	case <-g.events.ready:
	case reason := <-g.events.failed:
		g.t.Fatalf("the pool has failed: %s", reason)
	case <-time.After(patience):
		g.t.Fatal("the pool did not become ready")
	}
}

// await waits for a channel to be closed.
func (g *rig) await(what string, c <-chan struct{}) {
	g.t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		g.t.Fatalf("it never happened that %s", what)
	}
}

// on runs f on the loop and waits for it.
func (g *rig) on(f func(s *Supervisor)) {
	done := make(chan struct{})
	g.loop.Post(func() { f(g.sup); close(done) })
	<-done
}

// pass has time pass for the supervisor. What is due by then happens at once,
// however slow the machine is: a test makes a timeout as long as that, and lets
// it pass once all is as it should be.
func (g *rig) pass(d time.Duration) {
	g.on(func(s *Supervisor) { s.loop.Skip(d) })
}

// until waits for a condition of the supervisor: the only place where these
// tests wait by the clock.
func (g *rig) until(what string, condition func(s *Supervisor) bool) {
	g.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		var ok bool
		g.on(func(s *Supervisor) { ok = condition(s) })
		if ok {
			return
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("it never happened that %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// settled waits until no trace of any request is left.
func (g *rig) settled() {
	g.t.Helper()
	g.until("everything is given back", func(s *Supervisor) bool {
		return len(s.conns) == 0 && s.busy() == 0 && s.waiting() == 0
	})
}

func (s *Supervisor) busy() int {
	s.pool.Snapshot(&s.snap, s.loop.Now())
	return s.snap.Active + s.snap.Stopping
}

func (s *Supervisor) waiting() int {
	s.pool.Snapshot(&s.snap, s.loop.Now())
	return s.snap.Queue
}

// replies reads the responses of a connection that goes on.
type replies struct {
	t   testing.TB
	c   net.Conn
	raw []byte
}

func newReplies(t testing.TB, c net.Conn) *replies { return &replies{t: t, c: c} }

// numbered is a reply and whose it is.
type numbered struct {
	id uint16
	reply
}

// next waits for the end of a response. Its records must not be mixed with
// those of another.
func (r *replies) next() numbered {
	r.t.Helper()
	for buf := make([]byte, 4096); ; {
		var d fcgi.Decoder
		for rest := r.raw; len(rest) > 0; {
			ev, n, err := d.Next(rest)
			if err != nil {
				r.t.Fatal(err)
			}
			rest = rest[n:]
			if ev.Kind == fcgi.EventEndRequest {
				whole := r.raw[:len(r.raw)-len(rest)]
				r.raw = rest
				return numbered{ev.RequestID, decode(r.t, whole)[ev.RequestID]}
			}
		}
		n, err := r.c.Read(buf)
		if err != nil {
			r.t.Fatalf("got %q and then %v", r.raw, err)
		}
		r.raw = append(r.raw, buf[:n]...)
	}
}
