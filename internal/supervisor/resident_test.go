package supervisor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/config"
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
			<-g.events.ready
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

// A script in a process of its own may end that process as it likes: what it
// printed is the response, and it is not tried again.
func TestForkedScriptsEndTheirProcess(t *testing.T) {
	g := start(t, interpreter(config.RunnerPython, "fork"))
	<-g.events.ready
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
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := g.get(params(g.plain("end.py", tt.text)), "")
			if _, body, _ := strings.Cut(got.stdout, "\r\n\r\n"); body != tt.body || got.end.AppStatus != tt.appStatus {
				t.Errorf("got %q and status %d, want %q and %d", got.stdout, got.end.AppStatus, tt.body, tt.appStatus)
			}
		})
	}
	count := g.plain("count.py", "import os\nopen(os.path.join(os.path.dirname(__file__), 'count'), 'a').write('x')\nos._exit(0)\n")
	if got := g.get(params(count), ""); !strings.HasPrefix(got.stdout, "Status: 502") {
		t.Errorf("got %q of a script that prints nothing", got.stdout)
	}
	if ran, err := os.ReadFile(filepath.Join(g.dir, "count")); err != nil || len(ran) != 1 {
		t.Errorf("the script that prints nothing ran %d times, %v", len(ran), err)
	}
}
