package supervisor

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/config"
)

func TestScriptAnswers(t *testing.T) {
	g := start(t, defaults())
	script := g.script("hello.sh", "#!/bin/sh\necho 'Content-Type: text/plain'\necho\necho hello $REQUEST_METHOD\n")
	got := g.get(params(script), "")
	if want := "Content-Type: text/plain\r\n\r\nhello GET\n"; got.stdout != want {
		t.Errorf("got %q, want %q", got.stdout, want)
	}
	if got.end == nil {
		t.Error("no END_REQUEST")
	}
}

func TestScriptReadsBody(t *testing.T) {
	g := start(t, defaults())
	script := g.script("count.sh", "#!/bin/sh\necho Content-Type: text/plain\necho\nwc -c\n")
	for _, size := range []int{0, 1, 65536, 65537, 1 << 20, 20 << 20} {
		got := g.get(append(params(script), "REQUEST_METHOD", "POST"), strings.Repeat("x", size))
		if _, body, _ := strings.Cut(got.stdout, "\r\n\r\n"); strings.TrimSpace(body) != strconv.Itoa(size) {
			t.Errorf("a body of %d bytes: script counts %q", size, body)
		}
	}
}

// Each way in which a script can fail gets its answer and a line in the log
// that says what happened; the next request works.
func TestScriptFailures(t *testing.T) {
	testScriptFailures(t, start(t, defaults()))
}

// So it is where processes are started on a thread of their own.
func TestScriptFailuresConfined(t *testing.T) {
	g := start(t, defaults())
	if err := g.sup.procs.starter.Confine(func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	testScriptFailures(t, g)
}

func testScriptFailures(t *testing.T, g *rig) {
	t.Helper()
	good := g.script("good", "#!/bin/sh\necho Content-Type: text/plain\necho\necho good\n")
	for _, test := range []struct {
		name, script string
		status, log  string
	}{
		{"not executable", g.plain("plain", "#!/bin/sh\n"), "502", "not executable"},
		{"missing interpreter", g.script("noint", "#!/no/such/interpreter\n"), "502", "/no/such/interpreter"},
		{"exec format", g.script("format", "\x00\x01\x02"), "502", "exec format"},
		{"directory", g.dir, "404", "Is a directory"},
		{"missing", g.dir + "/missing", "404", "Primary script unknown"},
		{"no header", g.script("nohdr", "#!/bin/sh\nexit 3\n"), "502", "code 3"},
		{"signal", g.script("sig", "#!/bin/sh\nkill -9 $$\n"), "502", "signal 9"},
		{"large header", g.script("large", "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x\n"), "502", "header"},
		{"NUL in header", g.script("nul", "#!/bin/sh\nprintf 'A: b\\0c\\n\\n'\n"), "502", "NUL"},
		{"no colon", g.script("colon", "#!/bin/sh\necho hello\necho\n"), "502", "hello"},
	} {
		got := g.get(params(test.script), "")
		if !strings.HasPrefix(got.stdout, "Status: "+test.status) || got.end == nil {
			t.Errorf("%s: got %q, want status %s", test.name, got.stdout, test.status)
		}
		g.settled() // the log has its end
		if !strings.Contains(g.log.String(), test.log) {
			t.Errorf("%s: the log does not mention %q:\n%s", test.name, test.log, g.log)
		}
		if got := g.get(params(good), ""); !strings.HasSuffix(got.stdout, "\r\n\r\ngood\n") {
			t.Errorf("after %s the next request gets %q", test.name, got.stdout)
		}
		g.log.reset()
	}
}

// A script that closes its stdout has answered, but keeps its slot.
func TestScriptGoesOnAfterItsAnswer(t *testing.T) {
	cfg := defaults()
	cfg.MaxChildren = 1
	g := start(t, cfg)
	fifo := g.fifo("fifo")
	script := g.script("s", "#!/bin/sh\necho Content-Type: text/plain\necho\necho early\nexec >&-\nread x < "+fifo+"\n")
	if got := g.get(params(script), ""); !strings.HasSuffix(got.stdout, "early\n") {
		t.Fatalf("got %q", got.stdout)
	}
	second := g.begin(params(g.script("t", "#!/bin/sh\necho A: b\necho\nprintf late\n")), "")
	g.until("the second request waits for the slot", func(s *Supervisor) bool { return s.waiting() == 1 && s.busy() == 1 })
	g.write(fifo, "go\n")
	if got := <-second; got.body() != "late" {
		t.Errorf("the second request got %q", got.stdout)
	}
}

// A process that a script leaves behind with its stdout does not keep the
// client waiting.
func TestGrandchildHoldsStdout(t *testing.T) {
	g := start(t, defaults())
	fifo := g.fifo("fifo")
	script := g.script("s", "#!/bin/sh\necho Content-Type: text/plain\necho\necho done\nread x < "+fifo+" &\n")
	if got := g.get(params(script), ""); !strings.HasSuffix(got.stdout, "done\n") {
		t.Errorf("got %q", got.stdout)
	}
	g.pass(time.Hour)
	g.until("the log mentions the process left behind", func(*Supervisor) bool {
		return strings.Contains(g.log.String(), "holds its stdout")
	})
	g.write(fifo, "go\n")
}

// A process that is just being started has a copy of each descriptor, which is
// nothing that a script has left behind.
func TestNobodyHoldsStdout(t *testing.T) {
	g := start(t, defaults())
	script := g.script("s", "#!/bin/sh\nprintf 'A: b\\n\\nbody'\n")
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 30 {
				if got := g.get(params(script), ""); got.body() != "body" {
					t.Errorf("got %q", got.stdout)
				}
			}
		})
	}
	clients.Wait()
	g.settled()
	g.pass(time.Hour)
	g.until("nobody is suspected", func(s *Supervisor) bool { return len(s.suspects) == 0 })
	if strings.Contains(g.log.String(), "holds its stdout") {
		t.Error("scripts are said to have left processes behind")
	}
}

// request_terminate_timeout ends a script that ignores TERM, and all it
// started in its group.
func TestTimeoutKillsGroup(t *testing.T) {
	cfg := defaults()
	cfg.TerminateTimeout = time.Hour
	g := start(t, cfg)
	fifo := g.fifo("alive")
	script := g.script("s", "#!/bin/sh\ntrap '' TERM\n(exec sleep 1000 > "+fifo+") &\nwhile :; do sleep 1; done\n")
	opened, ended := g.follow(fifo)
	answer := g.begin(params(script), "")
	g.await("the grandchild runs", opened)
	g.pass(time.Hour)
	if got := <-answer; !strings.HasPrefix(got.stdout, "Status: 504") {
		t.Errorf("got %q", got.stdout)
	}
	g.until("the script was asked to leave", func(s *Supervisor) bool { return s.busy() == 1 && s.snap.Stopping == 1 })
	g.pass(time.Minute)
	g.await("the grandchild is gone", ended)
}

// A script cannot get away from request_terminate_timeout into another process
// group.
func TestTimeoutKillsDeserter(t *testing.T) {
	for name, cfg := range map[string]*config.Pool{
		"cgi": defaults(), "fork": interpreter(config.RunnerPython, "fork"), "persistent": interpreter(config.RunnerPython, "persistent"),
	} {
		t.Run(name, func(t *testing.T) {
			cfg.TerminateTimeout = time.Hour
			g := start(t, cfg)
			g.ready()
			fifo := g.fifo("alive")
			script := g.script("s", "#!/usr/bin/python3\nimport os, time\nos.setpgid(0, os.getpgid(os.getppid()))\n"+
				"alive = open('"+fifo+"', 'w')\ntime.sleep(1000)\n")
			opened, ended := g.follow(fifo)
			answer := g.begin(params(script, "REQUEST_METHOD", "POST"), "")
			g.await("it has left its group", opened)
			g.pass(time.Hour)
			<-answer
			g.pass(time.Minute)
			g.await("the script is gone", ended)
		})
	}
}

// A client that reads nothing stops the script, not the supervisor's memory.
func TestSlowClientHoldsScriptBack(t *testing.T) {
	g := start(t, defaults())
	script := g.script("s", "#!/bin/sh\necho Content-Type: text/plain\necho\nhead -c 50000000 /dev/zero\n")
	c := g.dial()
	if _, err := c.Write(encode(1, 0, params(script), "")); err != nil {
		t.Fatal(err)
	}
	if got := g.get(params(g.script("t", "#!/bin/sh\necho A: b\necho\necho ok\n")), ""); !strings.HasSuffix(got.stdout, "ok\n") {
		t.Errorf("another client got %q", got.stdout)
	}
	raw, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, body, _ := strings.Cut(decode(t, raw)[1].stdout, "\r\n\r\n"); len(body) != 50000000 {
		t.Errorf("got %d bytes", len(body))
	}
}

func TestStderr(t *testing.T) {
	g := start(t, defaults())
	script := g.script("s", "#!/bin/sh\necho early >&2\necho Content-Type: text/plain\necho\necho late >&2\nhead -c 100000000 /dev/zero | tr '\\0' '\\n' >&2\necho body\n")
	got := g.get(params(script), "")
	if !strings.HasPrefix(got.stderr, "early\nlate\n") || len(got.stderr) != 100000011 {
		t.Errorf("stderr: %d bytes, begins %.20q", len(got.stderr), got.stderr)
	}
	if !strings.HasSuffix(got.stdout, "body\n") {
		t.Errorf("stdout: %q", got.stdout)
	}
}
