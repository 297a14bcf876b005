//go:build integration

package workers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A badScript is a script in one language and what must come of it.
type badScript struct {
	name, text string
	status     int
	log        string // a line of the error log
}

var badScripts = map[string][]badScript{
	"python": {
		{"error", "def inner():\n    raise ValueError('told you')\ninner()\n", 500, `child \d+ said into stderr: "  File ".*/x", line 2, in inner"`},
		{"late error", "print('Content-Type: text/plain\\n\\nbody')\nraise ValueError('told you')\n", 200, `child \d+ said into stderr: "ValueError: told you"`},
		{"syntax error", "def broken(:\n", 500, `said into stderr: "SyntaxError: invalid syntax"`},
		{"recursion", "def f(): return f() + 1\nf()\n", 500, `said into stderr: "RecursionError: maximum recursion depth exceeded`},
		{"hanging import", "import hangs\n", 504, `execution timed out`},
		{"no header", "print('hello')\n", 502, `bad header: no field in "hello"`},
		{"nothing", "", 502, `no header`},
	},
	"perl": {
		{"error", "sub inner {\n    die 'told you';\n}\ninner();\n", 500, `child \d+ said into stderr: "told you at .*/x line 2.`},
		{"late error", "print \"Content-Type: text/plain\\n\\nbody\";\ndie 'told you';\n", 200, `said into stderr: "told you at .*/x line 2`},
		{"syntax error", "sub broken {\n", 500, `said into stderr: "Missing right curly`},
		{"hanging import", "use lib '{{WWW}}/lib';\nuse hangs;\n", 504, `execution timed out`},
		{"no header", "print \"hello\\n\";\n", 502, `bad header: no field in "hello"`},
	},
	"ruby": {
		{"error", "def inner\n  raise ArgumentError, 'told you'\nend\ninner\n", 500, "child \\d+ said into stderr: \".*/x:2:in `inner': told you \\(ArgumentError\\)"},
		{"late error", "puts 'Content-Type: text/plain', '', 'body'\nraise 'told you'\n", 200, `said into stderr: ".*/x:2:in .*told you`},
		{"syntax error", "def broken(\n", 500, `said into stderr: ".*syntax error`},
		{"recursion", "def f = f() + 1\nf\n", 500, `said into stderr: ".*stack level too deep`},
		{"hanging import", "require 'hangs'\n", 504, `execution timed out`},
		{"no header", "puts 'hello'\n", 502, `bad header: no field in "hello"`},
	},
}

// Modules that never come to an end.
var hanging = map[string]string{
	"lib/hangs.py": "import time\ntime.sleep(1000)\n",
	"lib/hangs.pm": "package hangs; sleep 1000; 1;\n",
	"lib/hangs.rb": "sleep 1000\n",
}

// A script that fails in whatever way gives its client a defined answer, and the
// log what the interpreter says of it, with the pool and the process, whether or
// not the pool's output is caught. The next script runs.
func TestBadScripts(t *testing.T) {
	for language, scripts := range badScripts {
		for _, isolation := range []string{"fork", "persistent"} {
			t.Run(language+" "+isolation, func(t *testing.T) {
				t.Parallel()
				d := suite.Start(t, static(1)+"runner = "+language+"\nrunner.isolation = "+isolation+
					"\nrunner.path[] = {{WWW}}/lib\nrequest_terminate_timeout = 5s\n")
				for name, text := range hanging {
					d.File(name, text)
				}
				d.File("fine", map[string]string{
					"python": "print('Content-Type: text/plain\\n\\nfine')\n",
					"perl":   "print \"Content-Type: text/plain\\n\\nfine\\n\";\n",
					"ruby":   "puts 'Content-Type: text/plain', '', 'fine'\n",
				}[language])
				for _, s := range scripts {
					t.Run(s.name, func(t *testing.T) { s.test(t, d.For(t)) })
				}
			})
		}
	}
}

func (s badScript) test(t *testing.T, d *harness.Daemon) {
	d.File("x", strings.ReplaceAll(s.text, "{{WWW}}", d.WWW))
	for range 2 { // compiled by the worker, then known
		res, err := d.Try(harness.Request{Path: "/x"})
		if err != nil || res.Status != s.status {
			t.Errorf("got %d %q, %v, stderr %q, want status %d", res.Status, res.Body, err, res.Stderr, s.status)
		}
		said := strings.Contains(s.log, "said into stderr")
		if said != strings.Contains(string(res.Stderr), "\n") {
			t.Errorf("stderr is %q", res.Stderr)
		}
		d.Log.Expect(`\[pool www\] .*` + s.log)
		if s.status == 504 {
			break
		}
	}
	if res := d.Get("/fine"); res.Body != "fine\n" {
		t.Errorf("the next script got %d %q, stderr %q", res.Status, res.Body, res.Stderr)
	}
}

// A script has the same variables whatever runs it, and so have its children.
func TestSameEnvironment(t *testing.T) {
	for language, text := range map[string]string{
		"python": "#!/usr/bin/python3\nimport os\nprint('Content-Type: text/plain\\n', *sorted(os.environ), sep='\\n', flush=True)\nos.system('env')\n",
		"perl":   "#!/usr/bin/perl\n$| = 1;\nprint \"Content-Type: text/plain\\n\\n\", map { \"$_\\n\" } sort keys %ENV;\nsystem 'env';\n",
		"ruby":   "#!/usr/bin/ruby\n$stdout.sync = true\nputs 'Content-Type: text/plain', '', ENV.keys.sort\nsystem 'env'\n",
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			names := func(directives string) string {
				d := suite.Start(t, static(1)+directives+"env[OF_THE_POOL] = 1\n")
				d.Script("x", text)
				var names []string
				for line := range strings.Lines(d.Get("/x").Body) {
					name, _, _ := strings.Cut(strings.TrimSpace(line), "=")
					names = append(names, name)
				}
				slices.Sort(names)
				return strings.Join(names, " ")
			}
			want := names("runner = cgi\n")
			if strings.Count(want, "SCRIPT_FILENAME") != 2 || strings.Count(want, "OF_THE_POOL") != 2 {
				t.Fatalf("cgi: %s", want)
			}
			for _, isolation := range []string{"fork", "persistent"} {
				if got := names("runner = " + language + "\nrunner.isolation = " + isolation + "\n"); got != want {
					t.Errorf("%s: %s\ncgi: %s", isolation, got, want)
				}
			}
		})
	}
}

// A response of any length takes no memory: not with a client that reads it, and
// not with one that does not.
func TestMuchOutput(t *testing.T) {
	for language, text := range map[string]string{
		"python": "import sys\nprint('Content-Type: text/plain\\n')\nfor i in range(%d): sys.stdout.write('x' * (1 << 20))\n",
		"perl":   "print \"Content-Type: text/plain\\n\\n\";\nprint 'x' x (1 << 20) for 1 .. %d;\n",
		"ruby":   "puts 'Content-Type: text/plain', ''\n%d.times { print 'x' * (1 << 20) }\n",
		"wsgi":   "def application(environ, start_response):\n    start_response('200 OK', [])\n    return (b'x' * (1 << 20) for _ in range(%d))\n",
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			conf := static(1) + "runner = " + language + "\n"
			box := harness.NewSandbox(t, harness.Current())
			script := box.File("much.py", fmt.Sprintf(text, *outputMiB))
			if language == "wsgi" {
				conf += "runner.application = much:application\nrunner.path[] = " + box.WWW + "\n"
			}
			d := suite.Start(t, conf)
			c := d.Dial()
			c.Send(harness.Request{Path: "/much.py", Root: d.WWW, Params: map[string]string{"SCRIPT_FILENAME": script}}.Bytes(1))
			length := 0
			for {
				rec := c.Read()
				if rec.Type == harness.EndRequest {
					break
				}
				length += len(rec.Content)
			}
			if length < *outputMiB<<20 || length > *outputMiB<<20+1000 {
				t.Errorf("got %d bytes", length)
			}
			d.ExpectPeakBelow(d.Supervisor("www"), 32)
			for _, w := range pids(d.AwaitStatus("an idle worker", idle(1))) {
				d.ExpectPeakBelow(w, 64)
			}
		})
	}
}

// A script that closes all descriptors but its standard ones, as daemons do,
// loses nothing of what it prints.
func TestScriptClosesAll(t *testing.T) {
	for _, isolation := range []string{"fork", "persistent"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			d := suite.Start(t, static(1)+"runner = python\nrunner.isolation = "+isolation+"\n")
			d.File("x", "import os\nprint('Content-Type: text/plain\\n\\nbefore')\nos.closerange(3, 1000)\nprint('after')\n")
			for range 3 {
				if res := d.Get("/x"); res.Body != "before\nafter\n" || len(res.Stderr) > 0 {
					t.Errorf("got %d %q, stderr %q", res.Status, res.Body, res.Stderr)
				}
			}
		})
	}
}
