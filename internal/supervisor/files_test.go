package supervisor

import (
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/fcgi"
)

// Without a descriptor to spare a connection waits until another has gone, and
// a body that does not fit into memory goes to its worker as it comes.
func TestNoDescriptorToSpare(t *testing.T) {
	cfg := defaults()
	cfg.BodyMemory = 1000
	g := start(t, cfg)
	g.on(func(s *Supervisor) { s.spareFiles = 2 })
	count := g.script("count", "#!/bin/sh\necho A: b\necho\nexec wc -c\n")
	first := g.dial()
	g.until("the first is accepted", func(s *Supervisor) bool { return len(s.conns) == 1 })
	second := g.dial()
	raw := encode(1, fcgi.FlagKeepConn, params(count), strings.Repeat("x", 5000))
	if _, err := second.Write(raw[:len(raw)-8]); err != nil {
		t.Fatal(err)
	}
	g.until("the body is with the script", func(s *Supervisor) bool {
		for c := range s.conns {
			if len(c.reqs) == 1 && c.reqs[0].phase == phaseRunning && c.reqs[0].body.got == 5000 {
				return c.reqs[0].body.file == 0 && s.spooled == 0
			}
		}
		return false
	})
	third := g.begin(params(count), "body")
	g.until("the third waits", func(s *Supervisor) bool { return s.starving && len(s.conns) == 2 })
	if _, err := second.Write(raw[len(raw)-8:]); err != nil {
		t.Fatal(err)
	}
	if got := newReplies(t, second).next(); !strings.HasSuffix(got.stdout, "5000\n") {
		t.Errorf("the second got %q", got.stdout)
	}
	_ = first.Close()
	if got := <-third; !strings.HasSuffix(got.stdout, "4\n") {
		t.Errorf("the third got %q", got.stdout)
	}
	_ = second.Close()
	g.settled()
	if n := strings.Count(g.log.String(), "cannot accept connections"); n != 1 {
		t.Errorf("%d lines say that connections wait", n)
	}
}
