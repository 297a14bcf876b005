package supervisor

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
)

// A client that goes away while its worker waits for it leaves a worker that
// serves the next one.
func TestClientLeavesLargeResponse(t *testing.T) {
	cgi := defaults()
	cgi.MaxChildren = 1
	for name, cfg := range map[string]*config.Pool{"php": phpPool(), "cgi": cgi} {
		t.Run(name, func(t *testing.T) {
			g := start(t, cfg)
			g.ready()
			large := g.plain("large.php", "<?php for ($i = 0; $i < 100; $i++) echo str_repeat('x', 1 << 20);")
			small := g.plain("small.php", "<?php echo 'small';")
			if name == "cgi" {
				large = g.script("large", "#!/bin/sh\necho A: b\necho\nhead -c 100000000 /dev/zero\n")
				small = g.script("small", "#!/bin/sh\necho A: b\necho\nprintf small\n")
			}
			c := g.dial()
			if _, err := c.Write(encode(1, 0, params(large), "")); err != nil {
				t.Fatal(err)
			}
			g.until("the client is behind", func(s *Supervisor) bool {
				for c := range s.conns {
					if c.congested() && c.blocked {
						return true
					}
				}
				return false
			})
			_ = c.Close()
			if got := g.get(params(small), ""); got.body() != "small" {
				t.Errorf("got %q", got.stdout)
			}
		})
	}
}

// A request that waits for a php-cgi is run although its client does not wait
// for it, for what it does: one by a safe method does nothing.
func TestClientLeavesQueue(t *testing.T) {
	g := startPHP(t, phpPool())
	fifo, done := g.fifo("fifo"), filepath.Join(g.dir, "done")
	hold := g.plain("hold.php", "<?php fgets(fopen('"+fifo+"', 'r'));")
	note := g.plain("note.php", "<?php file_put_contents('"+done+"', $_SERVER['REQUEST_METHOD'], FILE_APPEND);")
	held := g.begin(params(hold), "")
	gate := g.stuck(fifo)
	for _, method := range []string{"GET", "POST"} {
		c := g.dial()
		if _, err := c.Write(encode(1, 0, append(params(note), "REQUEST_METHOD", method), "")); err != nil {
			t.Fatal(err)
		}
		g.until("it waits", func(s *Supervisor) bool {
			for c := range s.conns {
				if len(c.reqs) == 1 && c.reqs[0].phase == phaseQueued {
					return true
				}
			}
			return false
		})
		_ = c.Close()
		g.until("its client is gone", func(s *Supervisor) bool { return len(s.conns) == 1 })
	}
	g.release(gate)
	<-held
	g.settled()
	if got, err := os.ReadFile(done); string(got) != "POST" {
		t.Errorf("it was run for %q, %v", got, err)
	}
}

// A client that is always behind, and never wholly, makes the buffer for it no
// longer than one that reads nothing.
func TestClientAlwaysBehind(t *testing.T) {
	cfg := defaults()
	g := start(t, cfg)
	g.ready()
	large := g.script("large", "#!/bin/sh\necho A: b\necho\nexec head -c 20000000 /dev/zero\n")
	c := g.dial()
	g.until("the connection is accepted", func(s *Supervisor) bool {
		for c := range s.conns {
			// As short as that of a TCP connection to another machine is in the
			// beginning: there is room long before everything is written.
			if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 16<<10); err != nil {
				t.Error(err)
			}
		}
		return len(s.conns) == 1
	})
	if _, err := c.Write(encode(1, 0, params(large), "")); err != nil {
		t.Fatal(err)
	}
	longest := 0
	for buf := make([]byte, 16<<10); ; {
		_, err := io.ReadFull(c, buf)
		g.on(func(s *Supervisor) {
			for c := range s.conns {
				longest = max(longest, cap(c.out))
			}
		})
		if err != nil {
			break
		}
	}
	if longest > 4*(highWater+scratchSize) {
		t.Errorf("the buffer grew to %d bytes", longest)
	}
}

// Nor does a worker that is always behind with a body.
func TestWorkerAlwaysBehind(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	g := start(t, defaults())
	g.ready()
	g.on(func(s *Supervisor) {
		l := &link{s: s, fd: fds[0], out: make([]byte, 4<<20)}
		if err := s.loop.Add(l.fd, l); err != nil {
			t.Error(err)
			return
		}
		defer s.loop.Remove(l.fd)
		for buf := make([]byte, 64<<10); len(l.out)-l.sent > 1<<20; l.blocked = false {
			l.flush()
			if left := len(l.out) - l.sent; l.sent > left {
				t.Errorf("%d bytes are kept that the worker has, beside %d", l.sent, left)
				return
			}
			if _, err := unix.Read(fds[1], buf); err != nil {
				t.Error(err)
				return
			}
		}
	})
}
