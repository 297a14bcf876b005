package supervisor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/slowlog"
)

// withSlowlog gives a rig a slow log and returns its path.
func (g *rig) withSlowlog() string {
	g.t.Helper()
	path := filepath.Join(g.dir, "slow.log")
	g.slowlogTo(path)
	return path
}

func (g *rig) slowlogTo(path string) {
	g.t.Helper()
	fd, err := logfile.OpenFD(path)
	if err != nil {
		g.t.Fatal(err)
	}
	g.on(func(s *Supervisor) {
		s.OpenSlowlog(fd)
		// A look takes long when the machine is slow.
		p := &s.slowlog.patience
		p.each, p.first, p.last = patience, patience, patience
	})
}

// slowPool makes requests slow after an hour, which a test lets pass.
func slowPool(cfg *config.Pool) *config.Pool {
	cfg.SlowlogTimeout, cfg.SlowlogTraceDepth = time.Hour, 20
	cfg.MaxChildren = 1
	return cfg
}

// holds waits until a file matches all patterns in this order.
func (g *rig) holds(path string, patterns ...string) string {
	g.t.Helper()
	pattern := regexp.MustCompile("(?s)" + strings.Join(patterns, ".*"))
	var text []byte
	g.until("the log matches "+pattern.String(), func(*Supervisor) bool {
		text, _ = os.ReadFile(path)
		return pattern.Match(text)
	})
	return string(text)
}

func TestSlowlogOfLanguages(t *testing.T) {
	persistent := func(kind config.RunnerKind) func() *config.Pool {
		return func() *config.Pool { return interpreter(kind, "persistent") }
	}
	const header = `\n\[\d\d-\w{3}-\d{4} \d\d:\d\d:\d\d\]  \[pool test\] pid \d+\nscript_filename = \S+\n`
	for name, c := range map[string]struct {
		cfg    func() *config.Pool
		text   string
		frames []string
	}{
		"python": {persistent(config.RunnerPython), `import os
def inner(path):
    os.read(os.open(path, os.O_RDONLY), 1)
def outer(path):
    inner(path)

outer(os.environ['GATE'])
print('Content-Type: text/plain\n\nfine')
`, []string{`\[0x[0-9a-f]{16}\] inner\(\) \S+/x:3\n`, `\[0x[0-9a-f]{16}\] outer\(\) \S+/x:5\n`, `\(\) \S+/x:7\n`}},
		"forked python": {func() *config.Pool { return interpreter(config.RunnerPython, "fork") }, `import os
def inner(path):
    with open(path) as f:
        f.read()
inner(os.environ['GATE'])
print('Content-Type: text/plain\n\nfine')
`, []string{` inner\(\) \S+/x:[34]\n`, `\(\) \S+/x:5\n`}},
		"perl": {persistent(config.RunnerPerl), `sub inner {
    open(my $f, '<', $_[0]); my $line = <$f>;
}
sub outer {
    inner($_[0]);
}
outer($ENV{GATE});
print "Content-Type: text/plain\n\nfine";
`, []string{`inner\(\) \S+/x:2\n`, `outer\(\) \S+/x:5\n`}},
		"php": {func() *config.Pool { return resident("/usr/bin/php-cgi") }, `<?php
function inner($path) {
    file_get_contents($path);
}
function outer($path) {
    inner($path);
}
outer($_SERVER['GATE']);
echo 'fine';
`, []string{` file_get_contents\(\) \S+/x:3\n`, ` inner\(\) \S+/x:6\n`, ` outer\(\) \S+/x:8\n#`}},
		"shell": {defaults, `#!/bin/sh
head -n 1 "$GATE" >/dev/null
printf 'Content-Type: text/plain\n\nfine'
`, []string{`# waits in: wait4`, `# process \d+ of \d+, head -n 1 \S+/gate, waits in: `}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, slowPool(c.cfg()))
			g.ready()
			slow, gate := g.withSlowlog(), g.fifo("gate")
			script := g.script("x", c.text)
			got := g.begin(params(script, "GATE", gate, "QUERY_STRING", "a=b", "REDIRECT_STATUS", "200"), "")
			open := g.stuck(gate)
			g.pass(time.Hour)
			g.holds(slow, append([]string{header}, c.frames...)...)
			g.holds(slow, `# request: GET /x\?a=b, slow after 1h[\d.hms]+, queued for `)
			g.release(open)
			if r := <-got; !strings.HasSuffix(r.stdout, "fine") && !strings.HasSuffix(r.stdout, "fine\n") {
				t.Errorf("got %q, stderr %q", r.stdout, r.stderr)
			}
			warning := regexp.MustCompile(`level=WARN msg="child \d+, script '\S+/x' \(request: \\"GET /x\?a=b\\"\) executing too slow \(\d+\.\d{6} sec\), logging"`)
			if !warning.MatchString(g.log.String()) {
				t.Error("php-fpm's warning is not in the log")
			}
			g.on(func(s *Supervisor) {
				if s.counters.slow != 1 {
					t.Errorf("%d slow requests are counted", s.counters.slow)
				}
			})
		})
	}
}

// The JSON form has one object per line; a request that goes on is sampled
// again, and counts once.
func TestSlowlogRepeat(t *testing.T) {
	cfg := slowPool(interpreter(config.RunnerPython, "persistent"))
	cfg.SlowlogRepeat, cfg.SlowlogFormat, cfg.SlowlogTraceDepth = 2, "json", 1
	g := start(t, cfg)
	g.ready()
	slow, gate := g.withSlowlog(), g.fifo("gate")
	g.pass(24 * time.Hour) // in which there was no request
	script := g.plain("x.py", "import os\ndef inner():\n    open(os.environ['GATE']).read()\ninner()\nprint('A: b\\n')\n")
	got := g.begin(params(script, "GATE", gate, "QUERY_STRING", "q=\"\n\xff", "REQUEST_ID", "r1"), "")
	open := g.stuck(gate)
	var text string
	for n := range 3 {
		g.pass(time.Hour)
		text = g.holds(slow, strings.Repeat(`\n.*`, n+1))
	}
	g.release(open)
	<-got
	lines := strings.SplitAfter(text, "\n")
	if len(lines) != 4 {
		t.Fatalf("three samples are %q", text)
	}
	for i, line := range lines[:3] {
		var e struct {
			Event, Pool, Method, URI, Script string
			RequestID                        string `json:"request_id"`
			Elapsed                          float64
			Sample                           int
			Stacks                           []slowlog.Stack
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if e.Event != "slow" || e.Sample != i+1 || e.Pool != "test" || e.Method != "GET" || e.URI != "/x?q=\".." || e.Script != script || e.RequestID != "r1" {
			t.Errorf("sample %d is of %+v", i, e)
		}
		if least := 3600 * float64(i+1); e.Elapsed < least || e.Elapsed >= least+3600 {
			t.Errorf("sample %d is after %v s", i, e.Elapsed)
		}
		if len(e.Stacks) == 0 || len(e.Stacks[0].Frames) != 1 || !e.Stacks[0].Truncated || e.Stacks[0].Frames[0].Func != "inner" || e.Stacks[0].Frames[0].Line != 3 {
			t.Errorf("sample %d has the stacks %+v", i, e.Stacks)
		}
	}
	g.on(func(s *Supervisor) {
		if s.counters.slow != 1 {
			t.Errorf("%d slow requests are counted", s.counters.slow)
		}
	})
}

// A request over request_terminate_timeout is looked at before its worker is
// ended, also when it never counted as slow.
func TestSlowlogBeforeTermination(t *testing.T) {
	for name, cfg := range map[string]*config.Pool{
		"resident": interpreter(config.RunnerPython, "persistent"),
		"script":   defaults(),
	} {
		t.Run(name, func(t *testing.T) {
			cfg.MaxChildren, cfg.TerminateTimeout, cfg.SlowlogTraceDepth = 1, time.Hour, 20
			g := start(t, cfg)
			g.ready()
			slow, gate := g.withSlowlog(), g.fifo("gate")
			script := g.script("x", "#!/usr/bin/python3\nimport os\ndef inner():\n    open(os.environ['GATE']).read()\ninner()\n")
			answer := g.begin(params(script, "GATE", gate), "")
			g.stuck(gate)
			g.pass(time.Hour)
			if got := <-answer; !strings.HasPrefix(got.stdout, "Status: 504") {
				t.Errorf("got %q", got.stdout)
			}
			g.holds(slow, `\] inner\(\) \S+/x:4\n`, `timeout after 1h[\d.hms]+`)
			g.settled()
			g.inOrder("execution timed out")
			if name == "resident" {
				g.inOrder("execution timed out", "exited on signal 15 (SIGTERM)")
			}
		})
	}
}

// A sample taken when the process no longer served the request is dropped.
func TestSlowlogOfAnotherRequest(t *testing.T) {
	g := start(t, slowPool(interpreter(config.RunnerPython, "persistent")))
	g.ready()
	slow := g.withSlowlog()
	g.on(func(s *Supervisor) {
		r := s.newRequest()
		k := &look{r: r, pid: 1, event: slowlog.Event{Pool: "test"}}
		r.look = k
		s.looked(k, nil, k.event.Report) // served by nobody
		s.looked(k, nil, k.event.Report) // and given up
		if r.look != nil {
			t.Error("the request waits for a look that is over")
		}
		if err := s.slowlog.out.Close(); err != nil {
			t.Error(err)
		}
	})
	if text, err := os.ReadFile(slow); err != nil || len(text) > 0 {
		t.Errorf("the slow log has %q, %v", text, err)
	}
}

// A slow log on a full disk harms no request; the loss is counted, and said
// once.
func TestSlowlogOnFullDisk(t *testing.T) {
	cfg := slowPool(defaults())
	cfg.SlowlogRepeat = 4
	g := start(t, cfg)
	g.ready()
	g.slowlogTo("/dev/full")
	gate := g.fifo("gate")
	script := g.script("x", "#!/bin/sh\nread x <\"$GATE\"\nprintf 'Content-Type: text/plain\\n\\nfine'\n")
	got := g.begin(params(script, "GATE", gate), "")
	open := g.stuck(gate)
	for n := range 5 {
		g.pass(time.Hour)
		g.until("a look is over", func(s *Supervisor) bool {
			return strings.Count(g.log.String(), "executing too slow") == n+1 && s.slowlog.current == nil
		})
	}
	g.release(open)
	if r := <-got; !strings.HasSuffix(r.stdout, "fine") {
		t.Errorf("got %q", r.stdout)
	}
	g.until("the loss is counted and said", func(s *Supervisor) bool {
		return s.lostLines()["slow"] >= 5 && strings.Contains(g.log.String(), "lines of the slow log ")
	})
	if said := strings.Count(g.log.String(), "lines of the slow log "); said != 1 {
		t.Errorf("the loss is said %d times", said)
	}
}
