package supervisor

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/proc"
)

func resident(command ...string) *config.Pool {
	cfg := defaults()
	cfg.Runner, cfg.RunnerCommand = config.RunnerFastCGI, command
	return cfg
}

// php-cgi is a FastCGI program that nobody here wrote.
func TestPHP(t *testing.T) {
	g := start(t, resident("/usr/bin/php-cgi"))
	g.ready()
	script := g.plain("x.php", "<?php echo $_SERVER['REQUEST_METHOD'], strlen(file_get_contents('php://input')), isset($_SERVER['REQUEST_QUEUE_TIME']);")
	for range 3 {
		got := g.get(params(script, "REDIRECT_STATUS", "200"), "")
		if !strings.HasSuffix(got.stdout, "\r\n\r\nGET01") {
			t.Fatalf("got %q, %q", got.stdout, got.stderr)
		}
	}
	body := strings.Repeat("x", 20<<20)
	got := g.get(params(script, "REDIRECT_STATUS", "200", "REQUEST_METHOD", "POST", "CONTENT_LENGTH", "20971520"), body)
	if !strings.HasSuffix(got.stdout, "\r\n\r\nPOST209715201") {
		t.Fatalf("got %q, %q", got.stdout, got.stderr)
	}
}

// A worker killed before it answers costs no GET request.
func TestKilledWorkerIsRetried(t *testing.T) {
	g := start(t, resident("/usr/bin/php-cgi"))
	g.ready()
	marker := g.dir + "/first"
	script := g.plain("x.php", `<?php if (!file_exists("`+marker+`")) { touch("`+marker+`"); posix_kill(getmypid(), 9); } echo "second";`)
	got := g.get(params(script, "REDIRECT_STATUS", "200"), "")
	if !strings.HasSuffix(got.stdout, "\r\n\r\nsecond") {
		t.Errorf("got %q, %q", got.stdout, got.stderr)
	}
	_ = os.Remove(marker)
	got = g.get(params(script, "REDIRECT_STATUS", "200", "REQUEST_METHOD", "POST"), "")
	if !strings.HasPrefix(got.stdout, "Status: 502") {
		t.Errorf("a POST was answered %q", got.stdout)
	}
}

// A worker whose exit comes late, because the machine is busy, is still one that
// was killed and not one that closed its connection.
func TestExitOfAnEndingWorkerIsAwaited(t *testing.T) {
	g := start(t, resident("/usr/bin/php-cgi"))
	g.ready()
	script := g.plain("x.php", `<?php posix_kill(getmypid(), 9);`)
	reaper().Freeze()
	thaw := sync.OnceFunc(reaper().Thaw)
	defer thaw()
	answer := g.begin(params(script, "REDIRECT_STATUS", "200", "REQUEST_METHOD", "POST"), "")
	g.until("the worker is ending", func(s *Supervisor) bool {
		w := lostWorker(s)
		return w != nil && proc.Ending(w.pid)
	})
	g.pass(exitPatience)
	g.on(func(*Supervisor) {}) // the turn in which that is due
	thaw()
	if got := <-answer; !strings.HasPrefix(got.stdout, "Status: 502") || !strings.Contains(g.log.String(), "exited on signal 9") {
		t.Errorf("got %q", got.stdout)
	}
	if log := g.log.String(); strings.Contains(log, errClosed.Error()) {
		t.Error("it was said to have closed its connection")
	}
}

// lostWorker is the one that has closed its connection in a request.
func lostWorker(s *Supervisor) *worker {
	s.pool.Snapshot(&s.snap, s.loop.Now())
	for _, w := range s.snap.Workers {
		if o, ok := w.Owner.(*worker); ok && len(o.lost) > 0 {
			return o
		}
	}
	return nil
}

// Sockets have short names only; a directory for temporary files may be deep.
func TestDeepTemporaryDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 80))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	g := start(t, resident("/usr/bin/php-cgi"))
	g.ready()
	if got := g.get(params(g.plain("x.php", "<?php echo 1;"), "REDIRECT_STATUS", "200"), ""); got.body() != "1" {
		t.Errorf("got %q", got.stdout)
	}
}

// A program that runs and cannot be connected to is replaced.
func TestWorkerThatCannotBeReached(t *testing.T) {
	cfg := resident("/usr/bin/php-cgi")
	cfg.MaxChildren = 1
	g := start(t, cfg)
	g.ready()
	only := func(s *Supervisor) *worker {
		s.pool.Snapshot(&s.snap, s.loop.Now())
		for _, w := range s.snap.Workers {
			return w.Owner.(*worker)
		}
		return nil
	}
	held, release := make(chan struct{}), make(chan struct{})
	g.helpers.Go(func() {
		_ = g.sup.procs.starter.Do(func() error { // so that none starts
			close(held)
			<-release
			return nil
		})
	})
	g.await("starts wait", held)
	var first *worker
	g.on(func(s *Supervisor) {
		first = only(s)
		first.kill(syscall.SIGKILL)
	})
	g.until("another is to start", func(s *Supervisor) bool {
		w := only(s)
		if w == nil || w == first {
			return false
		}
		if err := os.Remove(w.socket); err != nil {
			t.Error(err)
		}
		return true
	})
	close(release)
	if got := g.get(params(g.plain("x.php", "<?php echo 1;"), "REDIRECT_STATUS", "200"), ""); got.body() != "1" {
		t.Errorf("got %q", got.stdout)
	}
	if !strings.Contains(g.log.String(), "worker failed, it is replaced") {
		t.Errorf("the log does not say that it was replaced:\n%s", g.log)
	}
}

// A program that does not start puts the pool into its failed state.
func TestProgramThatDoesNotStart(t *testing.T) {
	g := start(t, resident("/bin/sh", "-c", "echo no such database >&2; exit 7"))
	var reason string
	select {
	case reason = <-g.events.failed:
	case <-time.After(patience):
	}
	if !strings.Contains(reason, "no such database") || !strings.Contains(reason, "code 7") {
		t.Errorf("the reason is %q", reason)
	}
}

// Beside another generation the first workers start a quarter at a time, and
// nobody is served before all of them are there.
func TestGradualStart(t *testing.T) {
	cfg := resident("/usr/bin/php-cgi")
	cfg.MaxChildren = 8
	g := start(t, cfg)
	most := 0
	g.until("all workers are there", func(s *Supervisor) bool {
		s.pool.Snapshot(&s.snap, s.loop.Now())
		most = max(most, s.snap.Starting)
		all := s.snap.Starting == 0 && s.snap.Total == 8
		if s.ready != all {
			t.Errorf("serving is %v with %d workers, %d of them starting", s.ready, s.snap.Total, s.snap.Starting)
		}
		return all
	})
	if most > 2 {
		t.Errorf("%d workers started at a time", most)
	}
}

// A request to a resident worker costs at most five allocations.
func TestAllocations(t *testing.T) {
	g := start(t, resident("/usr/bin/php-cgi"))
	g.ready()
	script := g.plain("x.php", "<?php echo 'x';")
	c := g.dial()
	raw := encode(1, fcgi.FlagKeepConn, params(script, "REDIRECT_STATUS", "200"), "")
	buf := make([]byte, 4096)
	end := fcgi.AppendEnd(nil, 1, 0, fcgi.StatusRequestComplete)
	request := func() {
		if _, err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
		for n := 0; !bytes.HasSuffix(buf[:n], end); {
			m, err := c.Read(buf[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += m
		}
	}
	for range 100 {
		request()
	}
	if n := testing.AllocsPerRun(200, request); n > 5 {
		t.Errorf("%v allocations per request", n)
	} else {
		t.Logf("%v allocations per request", n)
	}
}

// A program that ignores FCGI_GET_VALUES, and serves one connection at a
// time, is ready all the same. One that answers it and then closes the
// connection, as php-cgi did up to 8.1, gets its first request over another.
func TestGetValues(t *testing.T) {
	source := filepath.Join(t.TempDir(), "w.py")
	if err := os.WriteFile(source, []byte(`
import socket, sys
listener = socket.socket(fileno=0)
while True:
    conn, _ = listener.accept()
    data = b""
    while True:
        piece = conn.recv(65536)
        if not piece: break
        data += piece
        if data[1] == 9 and sys.argv[1] == "closes":
            conn.sendall(bytes([1, 10]) + bytes(6))
            conn.recv(1) # what comes now has come too late
            break
        while len(data) >= 8:
            size = 8 + data[4] * 256 + data[5] + data[6]
            if len(data) < size: break
            if data[1] == 5 and size == 8:
                body = b"A: b\r\n\r\nseen"
                conn.sendall(bytes([1, 6, 0, 1, 0, len(body), 0, 0]) + body + bytes([1, 3, 0, 1, 0, 8, 0, 0]) + bytes(8))
            data = data[size:]
    conn.close()
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"ignores", "closes"} {
		t.Run(program, func(t *testing.T) {
			g := start(t, resident("python3", source, program))
			g.ready()
			for range 3 {
				got := g.get(params("/x", "REQUEST_METHOD", "POST", "CONTENT_LENGTH", "1"), "x")
				if !strings.HasSuffix(got.stdout, "\r\n\r\nseen") {
					t.Fatalf("got %q", got.stdout)
				}
			}
		})
	}
}
