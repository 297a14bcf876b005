package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/usage"
)

// body is the response without its header.
func (r reply) body() string {
	_, body, _ := strings.Cut(strings.ReplaceAll(r.stdout, "\r\n", "\n"), "\n\n")
	return strings.TrimSpace(body)
}

// keep is a Python script that keeps some megabytes for itself, asks for as
// many more for the time of the request alone, and says who it is.
const keepScript = `import os, sys
from urllib.parse import parse_qs
query = parse_qs(os.environ['QUERY_STRING'])
for n in query.get('keep', []):
    sys.kept = getattr(sys, 'kept', []) + [b'x' * (int(n) << 20)]
for n in query.get('use', []):
    used = b'x' * (int(n) << 20)
    del used
print('Content-Type: text/plain\n')
print(os.getpid())
`

// kept is the pid of the worker that answered a request to keepScript.
func (g *rig) kept(script, query string) string {
	g.t.Helper()
	got := g.get(params(script, "QUERY_STRING", query), "")
	if pid := got.body(); pid != "" {
		return pid
	}
	g.t.Fatalf("got %q, stderr %q", got.stdout, got.stderr)
	return ""
}

// another is the pid of the worker that takes the place of the first for requests
// with the query.
func (g *rig) another(script, query, first string) string {
	g.t.Helper()
	pid := g.kept(script, query)
	for deadline := time.Now().Add(patience); pid == first; pid = g.kept(script, query) {
		if time.Now().After(deadline) {
			g.t.Fatalf("worker %s is not replaced", first)
		}
	}
	return pid
}

// A worker that has grown above pm.max_memory is replaced between requests,
// and its replacement starts first.
func TestMaxMemory(t *testing.T) {
	cfg := interpreter(config.RunnerPython, "persistent")
	cfg.MaxChildren = 1
	cfg.MaxMemory = 100 << 20
	g := start(t, cfg)
	g.ready()
	script := g.plain("x.py", keepScript)
	first := g.kept(script, "")
	if grown := g.kept(script, "keep=120"); grown != first {
		t.Fatalf("worker %s was replaced by %s while it was small", first, grown)
	}
	second := g.another(script, "", first)
	g.until("the worker is counted", func(s *Supervisor) bool { return s.exits[exitMaxMemory] == 1 })
	g.inOrder("worker is above pm.max_memory, it is replaced\" pid="+first, "child "+second+" started", "child "+first+" exited")
	if strings.Contains(g.log.String(), "level=WARN") {
		t.Error("an ordinary replacement is a warning")
	}
	for range 20 {
		if again := g.kept(script, ""); again != second {
			t.Fatalf("worker %s was replaced by %s", second, again)
		}
	}
}

// inOrder fails the test unless the log has the texts in this order.
func (g *rig) inOrder(texts ...string) {
	g.t.Helper()
	rest := g.log.String()
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		if !found {
			g.t.Fatalf("the log lacks %q in its place", text)
		}
		rest = after
	}
}

// What a worker needs for a request alone is not held against it.
func TestMaxMemoryOfRequest(t *testing.T) {
	cfg := interpreter(config.RunnerPython, "persistent")
	cfg.MaxChildren = 1
	cfg.MaxMemory = 100 << 20
	g := start(t, cfg)
	g.ready()
	script := g.plain("x.py", keepScript)
	first := g.kept(script, "")
	for range 10 {
		if pid := g.kept(script, "use=150"); pid != first {
			t.Fatalf("worker %s was replaced by %s", first, pid)
		}
	}
}

// Memory that others have too counts in part only.
func TestMaxMemoryShared(t *testing.T) {
	cfg := interpreter(config.RunnerPython, "persistent")
	cfg.MaxChildren = 1
	cfg.MaxMemory = 100 << 20
	g := start(t, cfg)
	g.ready()
	path := filepath.Join(g.dir, "shared")
	if err := os.WriteFile(path, make([]byte, 120<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	share(t, path, 3)
	script := g.plain("x.py", keepScript)
	mapping := g.plain("map.py", `import mmap, os, sys
f = open('`+path+`', 'rb')
sys.map = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
print('Content-Type: text/plain\n')
print(len(sys.map[::4096]) and os.getpid())
`)
	first := g.kept(mapping, "")
	g.until("the worker is measured", func(s *Supervisor) bool {
		f := &s.only().footprint
		return f.measuredAt > 0 && f.memory.RSS > 120<<20 && f.memory.PSS < 100<<20
	})
	for range 10 {
		if pid := g.kept(script, ""); pid != first {
			t.Fatalf("worker %s was replaced by %s", first, pid)
		}
	}
	// It has its own part and grows over the limit with it.
	g.another(script, "keep=90", first)
}

// A worker that was measured during a request is judged by what it had before
// it: only what it shares is taken from the measurement.
func TestMaxMemoryMeasuredLate(t *testing.T) {
	cfg := interpreter(config.RunnerPython, "persistent")
	cfg.MaxChildren = 1
	cfg.MaxMemory = 100 << 20
	g := start(t, cfg)
	g.ready()
	g.kept(g.plain("x.py", keepScript), "")
	g.on(func(s *Supervisor) {
		f := &s.only().footprint
		f.requests = 0 // it has had one since
		for _, tt := range []struct {
			before   uint64
			tooLarge bool
		}{{120 << 20, false}, {160 << 20, true}} {
			f.rss = tt.before
			f.measured(usage.Memory{RSS: 500 << 20, PSS: 450 << 20}, s.loop.Now())
			if f.tooLarge != tt.tooLarge {
				t.Errorf("a worker that had %d MB, 50 of them shared, is too large: %v", tt.before>>20, f.tooLarge)
			}
		}
	})
}

// share maps a file as often as asked and reads all of it.
func share(t *testing.T, path string, times int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for range times {
		m, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Munmap(m) })
	}
}

// only returns the pool's only worker.
func (s *Supervisor) only() *worker {
	s.pool.Snapshot(&s.snap, s.loop.Now())
	w, _ := s.snap.Workers[0].Owner.(*worker)
	return w
}

// Workers that have served their number of requests or their time are
// replaced without a request noticing.
func TestReplacementUnderLoad(t *testing.T) {
	tests := []struct {
		name   string
		change func(*config.Pool)
		cause  exitCause
	}{
		{"pm.max_requests with jitter", func(c *config.Pool) { c.MaxRequests, c.MaxRequestsJitter = 20, 0.5 }, exitMaxRequests},
		{"pm.max_lifetime", func(c *config.Pool) { c.MaxLifetime = 100 * time.Millisecond }, exitMaxLifetime},
	}
	programs := []struct {
		name, text string
		cfg        *config.Pool
	}{
		{"php", "<?php echo 'fine';", interpreter(config.RunnerPHP, "")},
		{"python", "print('Content-Type: text/plain\\n\\nfine')", interpreter(config.RunnerPython, "persistent")},
	}
	for _, tt := range tests {
		for _, program := range programs {
			t.Run(tt.name+" of "+program.name, func(t *testing.T) {
				cfg := *program.cfg
				tt.change(&cfg)
				g := start(t, &cfg)
				g.ready()
				script := g.plain("script.php", program.text)
				g.load(8, params(script), func(s *Supervisor) bool { return s.exits[tt.cause] >= 8 })
				g.on(func(s *Supervisor) {
					if reasons(s.exits.byName()) != 1 {
						t.Errorf("workers ended otherwise too: %v", s.exits.byName())
					}
				})
			})
		}
	}
}

// load has clients send the same request until the condition holds. Each must
// be answered with "fine".
func (g *rig) load(clients int, params []string, enough func(*Supervisor) bool) {
	g.t.Helper()
	stop := make(chan struct{})
	faults := make(chan error, clients)
	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := g.get(params, ""); got.body() != "fine" {
					faults <- fmt.Errorf("got %q, stderr %q", got.stdout, got.stderr)
					return
				}
			}
		})
	}
	g.until("enough workers were replaced", enough)
	close(stop)
	running.Wait()
	close(faults)
	for err := range faults {
		g.t.Error(err)
	}
}
