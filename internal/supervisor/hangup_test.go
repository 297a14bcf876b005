package supervisor

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
)

// A halfCloser is a connection of either kind.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// onBothSockets runs a test with a connection by unix socket and with one by
// TCP.
func onBothSockets(t *testing.T, cfg func() *config.Pool, test func(t *testing.T, g *rig, dial func() halfCloser)) {
	t.Run("unix", func(t *testing.T) {
		g := start(t, cfg())
		test(t, g, func() halfCloser { return g.dial().(*net.UnixConn) })
	})
	t.Run("tcp", func(t *testing.T) {
		g := start(t, cfg())
		address := g.tcpDoor()
		test(t, g, func() halfCloser {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			_ = c.SetDeadline(time.Now().Add(patience))
			return c.(*net.TCPConn)
		})
	})
}

// tcpDoor gives the pool a socket on a port of the loopback.
func (g *rig) tcpDoor() (address string) {
	g.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		g.t.Fatal(err)
	}
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		g.t.Fatal(err)
	}
	address = l.Addr().String()
	g.ready()
	g.on(func(s *Supervisor) {
		d, err := s.addDoor(fd, address)
		if err != nil {
			g.t.Error(err)
			return
		}
		d.resume()
	})
	return address
}

// A client that has closed its sending half behind its requests gets the
// answers, whether they wait, run, or are under way.
func TestHalfClosedClientIsAnswered(t *testing.T) {
	one := func() *config.Pool {
		cfg := defaults()
		cfg.MaxChildren, cfg.OnClientAbort = 1, "terminate"
		return cfg
	}
	onBothSockets(t, one, func(t *testing.T, g *rig, dial func() halfCloser) {
		fifo := g.fifo("fifo")
		script := g.script("s", "#!/bin/sh\nread x < "+fifo+"\necho A: b\necho\nexec head -c 3000000 /dev/zero\n")
		var clients [2]halfCloser
		for i := range clients {
			clients[i] = dial()
			if _, err := clients[i].Write(encode(1, 1, params(script), "")); err != nil {
				t.Fatal(err)
			}
			if err := clients[i].CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		g.until("both ends are noticed", func(s *Supervisor) bool {
			known := 0
			for c := range s.conns {
				if c.eof && c.watched && c.probed == c.peer.IsValid() {
					known++
				}
			}
			return known == len(clients) && s.busy() == 1 && s.waiting() == 1
		})
		for i, c := range clients {
			g.release(g.gate(fifo))
			got, err := io.ReadAll(c)
			if err != nil {
				t.Fatal(err)
			}
			if r := decode(t, got)[1]; len(r.body()) != 3_000_000 || r.end == nil {
				t.Errorf("client %d got %d bytes, %.20q, and then %v", i, len(r.stdout), r.stdout, r.end)
			}
		}
		g.settled()
	})
}

// One that has closed the connection is gone, though nothing was said to it:
// what waits is dropped, what runs is ended.
func TestClosedClientIsGone(t *testing.T) {
	one := func() *config.Pool {
		cfg := defaults()
		cfg.MaxChildren, cfg.OnClientAbort = 1, "terminate"
		return cfg
	}
	onBothSockets(t, one, func(t *testing.T, g *rig, dial func() halfCloser) {
		fifo := g.fifo("alive")
		script := g.script("s", "#!/bin/sh\nexec 3> "+fifo+"\nexec sleep 1000\n")
		clients := []halfCloser{dial(), dial()}
		opened, ended := g.follow(fifo)
		for i, c := range clients {
			if _, err := c.Write(encode(1, 1, params(script), "")); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				g.await("the script runs", opened)
			}
		}
		g.until("one runs and one waits", func(s *Supervisor) bool { return s.busy() == 1 && s.waiting() == 1 })
		_ = clients[1].Close()
		g.until("none waits", func(s *Supervisor) bool { return s.waiting() == 0 && len(s.conns) == 1 })
		_ = clients[0].Close()
		g.await("the script is gone", ended)
		g.settled()
	})
}

// One that closes its sending half within a request will not complete it.
func TestHalfClosedWithinARequest(t *testing.T) {
	onBothSockets(t, defaults, func(t *testing.T, g *rig, dial func() halfCloser) {
		raw := encode(1, 0, params(g.script("echo", echoScript)), strings.Repeat("x", 100))
		for _, n := range []int{1, 8, 20, len(raw) - 20, len(raw) - 8, len(raw) - 1} {
			c := dial()
			if _, err := c.Write(raw[:n]); err != nil {
				t.Fatal(err)
			}
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(c); len(got) > 0 {
				t.Errorf("after %d bytes of %d it got %q, %v", n, len(raw), got, err)
			}
		}
		g.settled()
	})
}

// A script whose client has gone gets the whole of a body that had come: it
// cannot tell a part from all.
func TestBodyOfAClientThatIsGone(t *testing.T) {
	for name, memory := range map[string]int64{"in memory": 2 << 20, "in a file": 1000} {
		t.Run(name, func(t *testing.T) {
			cfg := defaults()
			cfg.BodyMemory = memory
			g := start(t, cfg)
			fifo, count := g.fifo("fifo"), g.fifo("count")
			script := g.script("s", "#!/bin/sh\nread x < "+fifo+"\nexec wc -c > "+count+"\n")
			c := g.dial()
			if _, err := c.Write(encode(1, 0, params(script), strings.Repeat("x", 1<<20))); err != nil {
				t.Fatal(err)
			}
			gate := g.stuck(fifo)
			_ = c.Close()
			g.until("the client is gone", func(s *Supervisor) bool { return len(s.conns) == 0 })
			g.release(gate)
			got, err := g.openFIFO(count, os.O_RDONLY)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Close()
			if n, err := io.ReadAll(got); string(n) != "1048576\n" {
				t.Errorf("the script got %q bytes, %v", n, err)
			}
			g.settled()
		})
	}
}
