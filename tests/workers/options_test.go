//go:build integration

package workers

import (
	"bytes"
	"path"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
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

// A worker starts, and its scripts may still open files, with the fewest
// descriptors that an interpreter can do with.
func TestFewDescriptorsInAWorker(t *testing.T) {
	for language, script := range map[string]string{
		"python": "import sys\nfiles = [open('/dev/null') for _ in range(3)]\nprint('Content-Type: text/plain\\n\\n%d' % len(sys.stdin.read()))\n",
		"perl":   "open($_, '<', '/dev/null') or die $! for my ($a, $b, $c);\nlocal $/;\nprint \"Content-Type: text/plain\\n\\n\", length(<STDIN>), \"\\n\";\n",
		"ruby":   "files = Array.new(3) { open('/dev/null') }\nputs 'Content-Type: text/plain', '', STDIN.read.size\n",
	} {
		for _, isolation := range []string{"fork", "persistent"} {
			t.Run(language+" "+isolation, func(t *testing.T) {
				t.Parallel()
				d := suite.Start(t, static(1)+"rlimit_files = 20\nrunner = "+language+"\nrunner.isolation = "+isolation+"\n")
				d.File("x", script)
				for range 2 {
					body := bytes.Repeat([]byte("x"), 100_000)
					if res := d.Do(harness.Request{Method: "POST", Path: "/x", Body: body}); res.Body != "100000\n" || len(res.Stderr) > 0 {
						t.Errorf("got %d %q, stderr %q", res.Status, res.Body, res.Stderr)
					}
				}
			})
		}
	}
}
