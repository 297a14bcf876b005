package supervisor

import (
	"testing"

	"github.com/anyfpm/anyfpm/internal/config"
)

// A client that goes away while its worker waits for it leaves a worker that
// serves the next one.
func TestClientLeavesLargeResponse(t *testing.T) {
	cgi := defaults()
	cgi.MaxChildren = 1
	for name, cfg := range map[string]*config.Pool{"php": phpPool(), "cgi": cgi} {
		t.Run(name, func(t *testing.T) {
			g := start(t, cfg)
			g.ready()
			large := g.plain("large.php", "<?php for ($i = 0; $i < 100; $i++) echo str_repeat('x', 1 << 20);")
			small := g.plain("small.php", "<?php echo 'small';")
			if name == "cgi" {
				large = g.script("large", "#!/bin/sh\necho A: b\necho\nhead -c 100000000 /dev/zero\n")
				small = g.script("small", "#!/bin/sh\necho A: b\necho\nprintf small\n")
			}
			c := g.dial()
			if _, err := c.Write(encode(1, 0, params(large), "")); err != nil {
				t.Fatal(err)
			}
			g.until("the client is behind", func(s *Supervisor) bool {
				for c := range s.conns {
					if c.congested() && c.blocked {
						return true
					}
				}
				return false
			})
			_ = c.Close()
			if got := g.get(params(small), ""); got.body() != "small" {
				t.Errorf("got %q", got.stdout)
			}
		})
	}
}
