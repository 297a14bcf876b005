package resident_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/resident"
	"github.com/anyfpm/anyfpm/internal/runner/runtime"
)

func TestHello(t *testing.T) {
	for kind, inline := range map[string]uint32{"python": 4096, "perl": 4096, "ruby": 4096} {
		w := spawn(t, kind, resident.Start{})
		if w.hello.Runtime != kind || w.hello.PID != w.pid || w.hello.Inline != inline ||
			!regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(w.hello.InterpreterVersion) {
			t.Errorf("%s: %+v", kind, w.hello)
		}
	}
}

// TestTitle: a worker shows in ps what pool it belongs to.
func TestTitle(t *testing.T) {
	for kind, want := range map[string]string{
		"python": "/usr/bin/python3 - anyfpm: pool test",
		"perl":   "anyfpm: pool test",
		"ruby":   "anyfpm: pool test",
	} {
		w := spawn(t, kind, resident.Start{})
		out, err := exec.Command("ps", "-o", "args=", "-p", fmt.Sprint(w.pid)).Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s: %q, %v", kind, got, err)
		}
	}
}

// failedStart starts a worker that must end before HELLO, with a status that
// says so, and returns what it says on stderr.
func failedStart(t *testing.T, w *worker) string {
	t.Helper()
	if ev, ok := w.next(nil); ok {
		t.Fatalf("worker started: %+v", ev)
	}
	if err := w.cmd.Wait(); err == nil {
		t.Error("exit status 0")
	}
	w.drain(nil)
	w.cmd = nil
	return w.log.String()
}

// TestPreloadMissing: a module that is not there is a failed start that names
// the module.
func TestPreloadMissing(t *testing.T) {
	for kind := range map[string]bool{"python": true, "perl": true, "ruby": true} {
		for _, start := range []resident.Start{
			{Preload: []string{"no_such_module"}},
			{Preload: []string{"no_such_module"}, Zygote: true, Once: true},
			{Preload: []string{"no/such'; exit 0; '"}},
		} {
			got := failedStart(t, launch(t, kind, "", start))
			if !strings.Contains(got, start.Preload[0]) {
				t.Errorf("%s: %s", kind, got)
			}
		}
	}
}

// TestPreloadPrints: a module is found in runner.path[]; what it prints when
// it is loaded is in no response.
func TestPreloadPrints(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []struct{ name, text string }{
		{"Loud.py", "print('loud')\n"}, {"Loud.pm", "print \"loud\\n\"; 1;\n"}, {"Loud.rb", "puts 'loud'\n"},
	} {
		check(t, os.WriteFile(dir+"/"+file.name, []byte(file.text), 0o644))
	}
	for ext, kind := range languages {
		for _, zygotic := range []bool{false, true} {
			w := spawn(t, kind, resident.Start{Preload: []string{"Loud"}, Path: []string{"/nowhere", dir}, Zygote: zygotic, Once: zygotic})
			if zygotic {
				w = (&zygote{w, map[int]uint32{}}).fork()
			}
			if r := w.do(request{script: writeScript(t, "script."+ext, trivial[ext])}); r.stdout() != "ok\n" || r.stderr != "" {
				t.Errorf("%s: %+v", kind, r)
			}
		}
	}
}

// TestOldInterpreter makes each program believe that it runs on an old
// interpreter.
func TestOldInterpreter(t *testing.T) {
	for _, tt := range []struct {
		kind, old, now, want string
	}{
		{"python", "import sys\n", "import sys\nsys.version_info = (3, 7, 17)\n", "anyfpm: Python 3.8 or newer is needed, /usr/bin/python3 is 3.7\n"},
		{"wsgi", "import sys\n", "import sys\nsys.version_info = (2, 7, 18)\n", "anyfpm: Python 3.8 or newer is needed, /usr/bin/python3 is 2.7\n"},
		{"perl", "require v5.26", "require v7.26", "Perl v7.26.0 required--this is only v5."},
		{"ruby", "RUBY_VERSION", "'2.6.10'", "anyfpm: Ruby 2.7 or newer is needed, this is "},
	} {
		program, err := runtime.Load(tt.kind)
		check(t, err)
		text := strings.Replace(string(program.Text), tt.old, tt.now, 1)
		w := launchCommand(t, []byte(text), resident.Start{}, "/usr/bin/"+program.Interpreter, program.Args("test")...)
		if got := failedStart(t, w); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.kind, got, tt.want)
		}
	}
}

// TestOtherVersion: a worker refuses a supervisor that speaks another version
// of the protocol.
func TestOtherVersion(t *testing.T) {
	for _, kind := range []string{"python", "perl", "ruby"} {
		program, err := runtime.Load(kind)
		check(t, err)
		text := strings.Replace(string(program.Text), "VERSION = 1", "VERSION = 2", 1)
		text = strings.Replace(text, "VERSION => 1", "VERSION => 2", 1)
		w := launchCommand(t, []byte(text), resident.Start{}, "/usr/bin/"+program.Interpreter, program.Args("test")...)
		want := "anyfpm: this worker speaks version 2 of the worker protocol, not 1\n"
		if got := failedStart(t, w); got != want {
			t.Errorf("%s: %q", kind, got)
		}
	}
}

// TestPythonVersions runs the behaviours on every other Python that this
// machine has; ANYFPM_PYTHONS names them, as a pattern of files.
func TestPythonVersions(t *testing.T) {
	pattern := os.Getenv("ANYFPM_PYTHONS")
	if pattern == "" {
		pattern = "/root/.pyenv/versions/*/bin/python"
	}
	interpreters, err := filepath.Glob(pattern)
	check(t, err)
	cases := behaviours(t)
	for _, interpreter := range interpreters {
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(interpreter))), func(t *testing.T) {
			t.Parallel()
			out, err := exec.Command(interpreter, "-c", "import sys; print(sys.version_info >= (3, 8))").Output()
			check(t, err)
			if strings.TrimSpace(string(out)) == "False" {
				got := failedStart(t, launch(t, "python", interpreter, resident.Start{}))
				if !strings.HasPrefix(got, "anyfpm: Python 3.8 or newer is needed, "+interpreter) {
					t.Error(got)
				}
				return
			}
			w := launch(t, "python", interpreter, resident.Start{})
			w.awaitHello()
			z := &zygote{launch(t, "python", interpreter, resident.Start{Zygote: true, Once: true}), map[int]uint32{}}
			z.awaitHello()
			for _, b := range cases {
				c := b.prepare(t, "py")
				if c == nil {
					continue
				}
				if c.only != "persistent" {
					child := z.fork()
					r := child.do(c.request)
					z.awaitExit(child.pid)
					child.drain(&r)
					c.compare(t, b.name+" in fork", r)
					child.close()
				}
				if c.only == "fork" {
					continue
				}
				r := w.do(c.request)
				c.compare(t, b.name+" in persistent", r)
				if r.lost || r.flags&resident.Retire != 0 {
					w.close()
					w = launch(t, "python", interpreter, resident.Start{})
					w.awaitHello()
				}
			}
		})
	}
}
