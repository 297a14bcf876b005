package supervisor

import (
	"io"
	"strings"
	"testing"
)

// A body is kept in memory up to request_body.memory, and from its next byte in
// a file.
func TestWhereABodyIsKept(t *testing.T) {
	for _, size := range []int{1000, 1001} {
		cfg := defaults()
		cfg.BodyMemory = 1000
		g := start(t, cfg)
		raw := encode(1, 0, params(g.script("echo", echoScript)), strings.Repeat("x", size))
		c := g.dial()
		if _, err := c.Write(raw[:len(raw)-8]); err != nil {
			t.Fatal(err)
		}
		inFile := false
		g.until("the body is there", func(s *Supervisor) bool {
			for c := range s.conns {
				if len(c.reqs) == 1 && c.reqs[0].body.got == int64(size) {
					inFile = c.reqs[0].body.file > 0
					return true
				}
			}
			return false
		})
		if want := size > 1000; inFile != want {
			t.Errorf("%d bytes are in a file: %v, want %v", size, inFile, want)
		}
		if _, err := c.Write(raw[len(raw)-8:]); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		if r := decode(t, got)[1]; strings.Count(r.body(), "x") != size {
			t.Errorf("of %d bytes the script got %d", size, strings.Count(r.body(), "x"))
		}
		g.settled()
	}
}
