package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/pool"
)

func interpreter(kind config.RunnerKind, isolation string) *config.Pool {
	cfg := defaults()
	cfg.Runner, cfg.RunnerIsolation = kind, isolation
	return cfg
}

func TestPythonScripts(t *testing.T) {
	for _, isolation := range []string{"fork", "persistent"} {
		t.Run(isolation, func(t *testing.T) {
			g := start(t, interpreter(config.RunnerPython, isolation))
			g.ready()
			script := g.plain("x.py", "import os, sys\nprint('Content-Type: text/plain')\nprint()\nprint(os.environ['REQUEST_METHOD'], len(sys.stdin.buffer.read()))\n")
			for range 20 {
				if got := g.get(params(script), ""); !strings.HasSuffix(got.stdout, "\n\nGET 0\n") && !strings.HasSuffix(got.stdout, "\r\n\r\nGET 0\n") {
					t.Fatalf("got %q, stderr %q", got.stdout, got.stderr)
				}
			}
			for _, body := range []string{"x", strings.Repeat("x", 65536), strings.Repeat("x", 65537), strings.Repeat("x", 20<<20)} {
				got := g.get(append(params(script), "REQUEST_METHOD", "POST"), body)
				want := "POST " + strconv.Itoa(len(body)) + "\n"
				if !strings.HasSuffix(got.stdout, want) {
					t.Fatalf("got %q, want %q", got.stdout, want)
				}
			}
			failing := g.plain("fail.py", "raise ValueError('told you')\n")
			got := g.get(params(failing), "")
			if !strings.HasPrefix(got.stdout, "Status: 500") || !strings.Contains(got.stderr, "ValueError: told you") {
				t.Errorf("got %q, stderr %q", got.stdout, got.stderr)
			}
			large := g.plain("large.py", "import os\nprint('A: b\\n')\nfor i in range(500): print('x' * 99999)\nos.system('echo end')\n")
			got = g.get(params(large), "")
			if _, body, _ := strings.Cut(got.stdout, "\r\n\r\n"); len(body) != 50_000_004 {
				t.Errorf("a large response has %d bytes", len(body))
			}
		})
	}
}

// The bodies that a worker gets through a pipe, because they are too long to be
// kept, are whole however the one before was taken.
func TestLongBodiesOfOneWorker(t *testing.T) {
	cfg := interpreter(config.RunnerPython, "persistent")
	cfg.MaxChildren, cfg.BodyMemory, cfg.BodySpool = 1, 1<<10, 1<<10
	g := start(t, cfg)
	g.ready()
	count := g.plain("count.py", "import sys\nprint('A: b\\n')\nprint(len(sys.stdin.buffer.read()))\n")
	some := g.plain("some.py", "import sys\nprint('A: b\\n')\nprint(len(sys.stdin.buffer.read(99)))\n")
	body := strings.Repeat("x", 1<<20)
	for n, c := range []struct{ script, want string }{
		{count, "1048576"}, {count, "1048576"}, {some, "99"}, {count, "1048576"},
	} {
		if got := g.get(append(params(c.script), "REQUEST_METHOD", "POST"), body); got.body() != c.want {
			t.Errorf("request %d got %q, want %q", n, got.stdout, c.want)
		}
	}
}

// What a library does at the end of a program it does at the end of a worker that
// is replaced.
func TestEndOfLibraries(t *testing.T) {
	for kind, tt := range map[config.RunnerKind]struct{ name, library, script string }{
		config.RunnerPython: {
			"lib.py", "import atexit\natexit.register(lambda: open('at-end', 'w'))\n",
			"import lib\nprint('A: b\\n')\n",
		},
		config.RunnerPerl: {
			"Lib.pm", "package Lib;\nEND { open my $file, '>', 'at-end' or die }\n1;\n",
			"use lib '.';\nuse Lib;\nprint qq(A: b\\n\\n);\n",
		},
		config.RunnerRuby: {
			"lib.rb", "at_exit { File.write('at-end', '') }\n",
			"require './lib'\nprint %(A: b\\n\\n)\n",
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			cfg := interpreter(kind, "persistent")
			cfg.MaxChildren, cfg.MaxRequests = 1, 1
			g := start(t, cfg)
			g.ready()
			library := g.plain(tt.name, tt.library)
			if got := g.get(params(g.plain("script", tt.script)), ""); !strings.Contains(got.stdout, "A: b") {
				t.Fatalf("got %q, stderr %q", got.stdout, got.stderr)
			}
			g.until("the worker has ended", func(s *Supervisor) bool { return s.exits[exitMaxRequests] == 1 })
			if _, err := os.Stat(filepath.Join(filepath.Dir(library), "at-end")); err != nil {
				t.Errorf("the library did nothing: %v", err)
			}
		})
	}
}

// A script may end its worker's process as it likes, or make it another
// program: what it printed is the response, and it is not tried again.
func TestScriptsEndTheirProcess(t *testing.T) {
	for _, isolation := range []string{"fork", "persistent"} {
		t.Run(isolation, func(t *testing.T) { testScriptsEndTheirProcess(t, isolation) })
	}
}

func testScriptsEndTheirProcess(t *testing.T, isolation string) {
	g := start(t, interpreter(config.RunnerPython, isolation))
	g.ready()
	const header = "import os\nprint('Content-Type: text/plain\\n\\nfirst', flush=True)\n"
	tests := []struct {
		name, text, body string
		appStatus        uint32
	}{
		{"exit", header + "os._exit(0)\n", "first\n", 0},
		{"exit with a code", header + "os._exit(3)\n", "first\n", 3},
		{"exec", header + "os.execv('/bin/sh', ['sh', '-c', 'sleep 0.4; echo second; exit 4'])\n", "first\nsecond\n", 4},
		{"closed descriptors", header + "os.closerange(3, 64)\nprint('second', flush=True)\nos._exit(0)\n", "first\nsecond\n", 0},
		{"a child that stays", header + "os.fork() or os.execv('/bin/sleep', ['sleep', '20'])\nos._exit(0)\n", "first\n", 0},
		{"closed stdout", header + "os.execv('/bin/sh', ['sh', '-c', 'exec >&-; sleep 20'])\n", "first\n", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := g.get(params(g.plain("end.py", tt.text)), "")
			if _, body, _ := strings.Cut(got.stdout, "\r\n\r\n"); body != tt.body || got.end.AppStatus != tt.appStatus {
				t.Errorf("got %q and status %d, want %q and %d", got.stdout, got.end.AppStatus, tt.body, tt.appStatus)
			}
		})
	}
	g.on(func(s *Supervisor) { // the last one works on, and its worker takes no other request
		s.pool.Snapshot(&s.snap, s.loop.Now())
		for _, w := range s.snap.Workers {
			if w.State == pool.StateFinishing {
				return
			}
		}
		t.Errorf("no worker is finishing: %+v", s.snap.Workers)
	})
	count := g.plain("count.py", "import os\nopen(os.path.join(os.path.dirname(__file__), 'count'), 'a').write('x')\nos._exit(0)\n")
	if got := g.get(params(count), ""); !strings.HasPrefix(got.stdout, "Status: 502") {
		t.Errorf("got %q of a script that prints nothing", got.stdout)
	}
	if ran, err := os.ReadFile(filepath.Join(g.dir, "count")); err != nil || len(ran) != 1 {
		t.Errorf("the script that prints nothing ran %d times, %v", len(ran), err)
	}
}

// With modules to preload, workers that stay are forked from a process that has
// them, too, also the one that takes the place of another.
func TestPersistentWorkersOfAZygote(t *testing.T) {
	cfg := interpreter(config.RunnerPython, "persistent")
	cfg.RunnerPreload = []string{"decimal"}
	g := start(t, cfg)
	g.ready()
	script := g.plain("x.py", "import os, sys\nloaded = 'decimal' in sys.modules\n"+
		"print('Content-Type: text/plain\\n\\n%s %d %d' % (loaded, os.getppid(), os.getpid()), end='')\n")
	ask := func() (parent, pid int) {
		t.Helper()
		got := g.get(params(script), "").body()
		if n, err := fmt.Sscanf(got, "True %d %d", &parent, &pid); n != 2 || err != nil {
			t.Fatalf("got %q", got)
		}
		return parent, pid
	}
	var zygote int
	g.on(func(s *Supervisor) { zygote = s.zygote.pid })
	parent, first := ask()
	_, second := ask()
	if parent != zygote || first != second {
		t.Fatalf("workers %d and %d, one of them of %d; the zygote is %d", first, second, parent, zygote)
	}

	_ = syscall.Kill(first, syscall.SIGKILL)
	g.until("the worker is replaced", func(s *Supervisor) bool { return s.exits[exitSignal] == 1 && s.idleWorkers() == 4 })
	if parent, pid := ask(); parent != zygote || pid == first {
		t.Errorf("worker %d of %d, want another than %d of %d", pid, parent, first, zygote)
	}
}

// An application is imported in the workers and not in the process that forks
// them: what it opens then must not be shared.
func TestApplicationIsNotShared(t *testing.T) {
	cfg := interpreter(config.RunnerWSGI, "")
	cfg.RunnerPreload, cfg.RunnerApplication = []string{"decimal"}, "site_of_one:application"
	cfg.RunnerPath = []string{t.TempDir()}
	text := "import os, sys\nhere = os.getpid()\n" +
		"def application(environ, start_response):\n" +
		"    start_response('200 OK', [])\n" +
		"    return [b'%d %d %d' % ('decimal' in sys.modules, here == os.getpid(), os.getppid())]\n"
	if err := os.WriteFile(filepath.Join(cfg.RunnerPath[0], "site_of_one.py"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	g := start(t, cfg)
	g.ready()
	var zygote int
	g.on(func(s *Supervisor) { zygote = s.zygote.pid })
	if got := g.get(params("/"), "").body(); got != fmt.Sprintf("1 1 %d", zygote) {
		t.Errorf("got %q; the zygote is %d", got, zygote)
	}
}

// idleWorkers is how many workers are idle.
func (s *Supervisor) idleWorkers() int {
	s.pool.Snapshot(&s.snap, s.loop.Now())
	return s.snap.Idle
}
