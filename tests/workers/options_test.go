//go:build integration

package workers

import (
	"path"
	"testing"
)

// The options of an interpreter in runner.command hold for every script.
func TestInterpreterOptions(t *testing.T) {
	for _, tt := range []struct{ language, command, script string }{
		{"python", "/usr/bin/python3 -O", "import sys\nprint('Content-Type: text/plain\\n\\n%d' % sys.flags.optimize)\n"},
		{"python", "/usr/bin/python3 -u", "import os\nprint('Content-Type: text/plain\\n\\n1', end='')\nos.write(1, b'\\n')\n"},
		{"perl", "/usr/bin/perl -CSDA", "print \"Content-Type: text/plain\\n\\n\", ${^UNICODE} ? 1 : 0, \"\\n\";\n"},
		{"perl", "/usr/bin/perl -w", "print \"Content-Type: text/plain\\n\\n$^W\\n\";\n"},
		{"ruby", "/usr/bin/ruby -W", "puts 'Content-Type: text/plain', '', $VERBOSE ? 1 : 0\n"},
	} {
		for _, isolation := range []string{"fork", "persistent"} {
			t.Run(path.Base(tt.command)+" "+isolation, func(t *testing.T) {
				t.Parallel()
				d := suite.Start(t, static(1)+"runner = "+tt.language+"\nrunner.isolation = "+isolation+
					"\nrunner.command = "+tt.command+"\n")
				d.File("x", tt.script)
				for range 2 {
					if res := d.Get("/x"); res.Body != "1\n" || len(res.Stderr) > 0 {
						t.Errorf("got %d %q, stderr %q", res.Status, res.Body, res.Stderr)
					}
				}
			})
		}
	}
}
