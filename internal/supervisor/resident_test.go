package supervisor

import (
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
