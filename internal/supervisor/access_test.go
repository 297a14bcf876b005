package supervisor

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/anyfpm/anyfpm/internal/logfile"
)

func TestAccessLog(t *testing.T) {
	cfg := defaults()
	cfg.AccessFormat = "%m %r%Q%q %s %l %n %{user}C %{Content-Type}o %{REMOTE_USER}e"
	cfg.AccessSuppressPath = []string{"/ping"}
	g := start(t, cfg)
	path := filepath.Join(g.dir, "access.log")
	g.on(func(s *Supervisor) {
		fd, err := logfile.OpenFD(path)
		if err != nil {
			t.Error(err)
			return
		}
		if err := s.OpenAccessLog(fd); err != nil {
			t.Error(err)
		}
	})
	script := g.script("echo", echoScript)
	for _, request := range [][]string{
		params(script, "QUERY_STRING", "a=1", "REMOTE_USER", "bob"),
		params(script, "SCRIPT_NAME", "/ping"),
		params("/missing"),
	} {
		g.get(request, "")
		g.settled() // a script's line is written when its process is gone
	}
	g.on(func(s *Supervisor) { s.access.close() })
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^GET /x\?a=1 200 0 test \d+\.\d\d text/plain bob\nGET /x 404 0 test 0\.00 - -\n$`)
	if !want.Match(text) {
		t.Errorf("the log is\n%s", text)
	}
}

// A line is written soon, whether or not others follow it, and none is lost
// when the file is replaced.
func TestAccessLogIsWrittenSoon(t *testing.T) {
	cfg := defaults()
	cfg.AccessFormat, cfg.PingPath = "%r", "/x"
	g := start(t, cfg)
	first, second := filepath.Join(g.dir, "first.log"), filepath.Join(g.dir, "second.log")
	open := func(path string) int {
		fd, err := logfile.OpenFD(path)
		if err != nil {
			t.Error(err)
		}
		return fd
	}
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	g.on(func(s *Supervisor) {
		if err := s.OpenAccessLog(open(first)); err != nil {
			t.Error(err)
		}
	})
	g.get(params("/x"), "")
	g.until("the line is there", func(*Supervisor) bool { return read(first) == "/x\n" })
	for range 3 {
		g.get(params("/x"), "")
	}
	g.on(func(s *Supervisor) { s.access.swap(open(second)) })
	g.until("all lines are there", func(*Supervisor) bool { return read(first)+read(second) == "/x\n/x\n/x\n/x\n" })
}

// In a pool that is not busy a line is handed over at once. A busy one hands
// over what came in an accessDelay, until there was less in one.
func TestAccessLogOfABusyPool(t *testing.T) {
	g := start(t, defaults())
	fd, err := logfile.OpenFD(filepath.Join(g.dir, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	g.on(func(s *Supervisor) {
		if err := s.OpenAccessLog(fd); err != nil {
			t.Error(err)
			return
		}
		a := s.access
		waits := func() bool {
			a.add(append(a.lines, '\n'))
			return len(a.lines) > 0
		}
		for i := range accessPrompt {
			if waits() {
				t.Errorf("line %d waits", i+1)
			}
		}
		if !waits() {
			t.Error("the pool is busy, and nothing waits")
		}
		a.since -= accessDelay
		if !waits() {
			t.Error("it is busy after an accessDelay, and nothing waits")
		}
		a.since -= accessDelay
		if waits() {
			t.Error("it was not busy for an accessDelay, and a line waits")
		}
	})
}
