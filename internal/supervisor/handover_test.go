package supervisor

import (
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/control"
)

// succeeds makes next the generation after g.
func (g *rig) succeeds(next *rig) {
	g.events.handOver = func(list []control.Connection, fds []int, done func()) {
		next.loop.Post(func() { next.sup.takeConnections(list, fds) })
		g.loop.Post(done)
	}
}

// says starts a pool whose one script answers with word.
func says(t *testing.T, word string) *rig {
	cfg := defaults()
	cfg.PingResponse = word
	return start(t, cfg)
}

// ask sends a request over a kept connection and returns the body.
func ask(t *testing.T, c net.Conn, params []string) string {
	t.Helper()
	if _, err := c.Write(encode(1, fcgi.FlagKeepConn, params, "")); err != nil {
		t.Fatal(err)
	}
	return hear(t, c)
}

// hear reads one response from a kept connection.
func hear(t *testing.T, c net.Conn) string {
	t.Helper()
	var raw []byte
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatalf("after %q: %v", raw, err)
		}
		raw = append(raw, buf[:n]...)
		if got, ok := decode(t, raw)[1]; ok && got.end != nil {
			return got.body()
		}
	}
}

// A connection that has served a request goes to the next generation, at once
// or when its running request has ended; its client notices nothing. So does
// one that has not said anything yet. The old generation ends for it.
func TestConnectionsGoToTheNextGeneration(t *testing.T) {
	old, next := says(t, "old"), says(t, "new")
	old.succeeds(next)
	ping := []string{"REQUEST_METHOD", "GET", "SCRIPT_NAME", "/ping", "SCRIPT_FILENAME", "/ping"}
	idle, busy, fresh := old.dial(), old.dial(), old.dial()
	if got := ask(t, idle, ping); got != "old" {
		t.Fatalf("before the hand-over: %q", got)
	}
	gate := old.fifo("gate")
	script := old.script("slow", "#!/bin/sh\nread x <"+gate+"\nprintf 'Content-Type: text/plain\\n\\nslow'")
	if _, err := busy.Write(encode(1, fcgi.FlagKeepConn, params(script), "")); err != nil {
		t.Fatal(err)
	}
	old.until("one request runs on three connections", func(s *Supervisor) bool { return s.busy() == 1 && len(s.conns) == 3 })
	old.on(func(s *Supervisor) { s.Drain(true, true) })

	for name, c := range map[string]net.Conn{"idle": idle, "fresh": fresh} {
		if got := ask(t, c, ping); got != "new" {
			t.Errorf("the %s connection answers %q", name, got)
		}
	}
	old.write(gate, "go\n")
	if got := hear(t, busy); got != "slow" {
		t.Errorf("the running request got %q", got)
	}
	if got := ask(t, busy, ping); got != "new" {
		t.Errorf("the connection that was busy answers %q", got)
	}
	old.await("the old generation ends", old.ended)
}

// Half a record stays where it is; the connection follows after its request.
func TestHalfARequestStays(t *testing.T) {
	old, next := says(t, "old"), says(t, "new")
	old.succeeds(next)
	ping := []string{"REQUEST_METHOD", "GET", "SCRIPT_NAME", "/ping", "SCRIPT_FILENAME", "/ping"}
	c := old.dial()
	text := encode(1, fcgi.FlagKeepConn, ping, "")
	if _, err := c.Write(text[:13]); err != nil {
		t.Fatal(err)
	}
	old.until("it was read", func(s *Supervisor) bool {
		for c := range s.conns {
			return c.heard
		}
		return false
	})
	old.on(func(s *Supervisor) { s.Drain(true, true) })
	if _, err := c.Write(text[13:]); err != nil {
		t.Fatal(err)
	}
	if got := hear(t, c); got != "old" {
		t.Errorf("the request that had begun got %q", got)
	}
	if got := ask(t, c, ping); got != "new" {
		t.Errorf("the next got %q", got)
	}
}

// More connections than one message carries.
func TestManyConnectionsAreHandedOver(t *testing.T) {
	old, next := says(t, "old"), says(t, "new")
	old.succeeds(next)
	const count = 3*control.MaxFDs + 1
	var conns []net.Conn
	for range count {
		conns = append(conns, old.dial())
	}
	old.until("all are there", func(s *Supervisor) bool { return len(s.conns) == count })
	old.on(func(s *Supervisor) { s.Drain(true, true) })
	next.until("all are there", func(s *Supervisor) bool { return len(s.conns) == count })
	for _, c := range conns {
		_ = c.Close()
	}
	next.settled()
}

// What is no connection is closed, not served.
func TestWhatIsNoConnection(t *testing.T) {
	g := says(t, "new")
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	g.on(func(s *Supervisor) {
		s.takeConnections([]control.Connection{{}, {}}, []int{pipe[0], listener})
		if len(s.conns) != 0 {
			t.Errorf("%d connections", len(s.conns))
		}
	})
	for _, fd := range []int{pipe[0], listener} {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("descriptor %d is open: %v", fd, err)
		}
	}
	_ = unix.Close(pipe[1])
	c := g.dial()
	if _, err := c.Write(encode(1, 0, []string{"REQUEST_METHOD", "GET", "SCRIPT_NAME", "/ping", "SCRIPT_FILENAME", "/ping"}, "")); err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(c); err != nil || decode(t, raw)[1].body() != "new" {
		t.Errorf("%q, %v", raw, err)
	}
}
