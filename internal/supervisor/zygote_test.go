package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/runner/runtime"
	"github.com/anyfpm/anyfpm/pool"
)

// altered is a pool whose workers are Python's for one request, with changes to
// their program: each text is replaced by the one that follows.
func altered(t *testing.T, texts ...string) *config.Pool {
	t.Helper()
	program, err := runtime.Load("python")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(texts); i += 2 {
		if !strings.Contains(string(program.Text), texts[i]) {
			t.Fatalf("the program lacks %q", texts[i])
		}
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte(strings.NewReplacer(texts...).Replace(string(program.Text))), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := interpreter(config.RunnerPython, "fork")
	cfg.RunnerCommand = []string{"sh", "-c", `exec python3 "$@" <` + path, "sh"}
	return cfg
}

// A zygote that says nothing of the bodies that its workers take has workers that
// say when they are ready, as all had once.
func TestZygoteWhoseWorkersSayHello(t *testing.T) {
	g := start(t, altered(t, "work.inline if once else 0", "0", "if not (once and forked)", "if True"))
	g.ready()
	g.on(func(s *Supervisor) {
		if s.zygote.inline != 0 || s.only().inline != 4096 {
			t.Errorf("the zygote says %d and its workers %d", s.zygote.inline, s.only().inline)
		}
	})
	if got := g.get(params(g.plain("x.py", "print('A: b\\n\\nfine')\n")), ""); got.body() != "fine" {
		t.Errorf("got %q, stderr %q", got.stdout, got.stderr)
	}
}

// Workers that die before they have read a request are of no use, whether one is
// waiting for them or not: the pool fails, and says what they have said.
func TestZygoteWhoseWorkersDie(t *testing.T) {
	g := start(t, altered(t, "work.attach()", "work.detach()"))
	waiting := g.begin(append(params(g.plain("x.py", "")), "REQUEST_METHOD", "POST"), "x")
	select {
	case reason := <-g.events.failed:
		if !strings.Contains(reason, "exited with code 1") || !strings.Contains(reason, "no attribute 'detach'") {
			t.Errorf("the reason is %q", reason)
		}
	case <-time.After(patience):
		t.Fatal("the pool does not fail")
	}
	if got := <-waiting; !strings.HasPrefix(got.stdout, "Status: 503") {
		t.Errorf("the request that waited got %q", got.stdout)
	}
}

// A worker that hangs before it has read its request has as long for that as one
// has to get ready.
func TestZygoteWhoseWorkersHang(t *testing.T) {
	cfg := altered(t, "work.attach()", "work.attach(); import time; time.sleep(1000)")
	cfg.RunnerStartTime = time.Second
	g := start(t, cfg)
	got := g.get(params(g.plain("x.py", "")), "")
	if !strings.HasPrefix(got.stdout, "Status: 50") || !strings.Contains(got.stderr, "not read its request within runner.start_timeout (1s)") {
		t.Errorf("got %q, stderr %q", got.stdout, got.stderr)
	}
}

// A request that its worker has not read when it dies is given to another one,
// whatever its method.
func TestUnreadRequestIsTriedAgain(t *testing.T) {
	for _, isolation := range []string{"fork", "persistent"} {
		for name, body := range map[string]string{"short": "x", "long": strings.Repeat("x", 1<<20)} {
			t.Run(isolation+" "+name, func(t *testing.T) {
				cfg := interpreter(config.RunnerPython, isolation)
				cfg.MaxChildren = 1
				g := start(t, cfg)
				g.ready()
				script := g.plain("x.py", "import sys\nprint('A: b\\n')\nprint(len(sys.stdin.buffer.read()))\n")
				var first int
				g.on(func(s *Supervisor) { first = s.only().pid })
				_ = syscall.Kill(first, syscall.SIGSTOP)
				answer := g.begin(append(params(script), "REQUEST_METHOD", "POST"), body)
				g.until("the worker has the request", func(s *Supervisor) bool { return s.only().lease.State() == pool.StateBusy })
				_ = syscall.Kill(first, syscall.SIGKILL)
				if got := <-answer; got.body() != fmt.Sprint(len(body)) {
					t.Errorf("got %q, stderr %q", got.stdout, got.stderr)
				}
			})
		}
	}
}

// One that it has read is not.
func TestReadRequestIsNotTriedAgain(t *testing.T) {
	for _, isolation := range []string{"fork", "persistent"} {
		t.Run(isolation, func(t *testing.T) {
			g := start(t, interpreter(config.RunnerPython, isolation))
			g.ready()
			script := g.plain("x.py", "import os\nos.kill(os.getpid(), 9)\n")
			got := g.get(append(params(script), "REQUEST_METHOD", "POST"), "x")
			if !strings.HasPrefix(got.stdout, "Status: 502") {
				t.Errorf("got %q", got.stdout)
			}
			g.until("its end is counted", func(s *Supervisor) bool { return s.exits[exitSignal] == 1 })
		})
	}
}

// Nor is one that another worker had not read before.
func TestReadRequestIsNotTriedAgainAfterUnread(t *testing.T) {
	cfg := interpreter(config.RunnerPython, "fork")
	cfg.MaxChildren = 1
	g := start(t, cfg)
	g.ready()
	runs := filepath.Join(t.TempDir(), "runs")
	script := g.plain("x.py", fmt.Sprintf("import os\nopen(%q, 'a').write('x')\nos.kill(os.getpid(), 9)\n", runs))
	var first int
	g.on(func(s *Supervisor) { first = s.only().pid })
	_ = syscall.Kill(first, syscall.SIGSTOP)
	answer := g.begin(append(params(script), "REQUEST_METHOD", "POST"), "x")
	g.until("the worker has the request", func(s *Supervisor) bool { return s.only().lease.State() == pool.StateBusy })
	_ = syscall.Kill(first, syscall.SIGKILL)
	if got := <-answer; !strings.HasPrefix(got.stdout, "Status: 502") {
		t.Errorf("got %q", got.stdout)
	}
	if got, _ := os.ReadFile(runs); string(got) != "x" {
		t.Errorf("it was run %d times", len(got))
	}
}

// What a worker for one request says on stderr between the end of its request and
// its own is logged, if it is more than a pipe holds, too.
func TestLastWordsOfWorkerForOneRequest(t *testing.T) {
	for name, lines := range map[string]int{"few": 3, "many": 3000} {
		t.Run(name, func(t *testing.T) {
			end := "self.end(status, tail)"
			cfg := altered(t, end, fmt.Sprintf("%s; os.write(2, (b'late' * 9 + bytes([10])) * %d)", end, lines))
			g := start(t, cfg)
			g.ready()
			if got := g.get(params(g.plain("x.py", "print('A: b\\n\\nfine')\n")), ""); got.body() != "fine" {
				t.Errorf("got %q, stderr %q", got.stdout, got.stderr)
			}
			g.until("the worker has ended", func(s *Supervisor) bool { return s.exits[exitCompleted] == 1 })
			if n := strings.Count(g.log.String(), "said into stderr: latelate"); n != lines {
				t.Errorf("%d lines of %d are in the log", n, lines)
			}
		})
	}
}

// A worker for one request that does not end when that is over is killed. The
// loop is not told of its descriptors meanwhile.
func TestWorkerForOneRequestThatStays(t *testing.T) {
	end := "self.end(status, tail)"
	g := start(t, altered(t, end, end+"; __import__('time').sleep(1000)"))
	g.ready()
	if got := g.get(params(g.plain("x.py", "print('A: b\\n\\nfine')\n")), ""); got.body() != "fine" {
		t.Errorf("got %q, stderr %q", got.stdout, got.stderr)
	}
	g.on(func(s *Supervisor) {
		for _, w := range s.forked {
			if w.isLeaving && (len(w.links) > 0 || !w.stderr.resting) {
				t.Errorf("worker %d is listened to", w.pid)
			}
		}
	})
	g.pass(exitPatience)
	g.on(func(*Supervisor) {}) // the turn in which that is due
	g.pass(leavePatience)
	g.until("the worker has been killed", func(s *Supervisor) bool { return s.exits[exitBroken] == 1 })
}
