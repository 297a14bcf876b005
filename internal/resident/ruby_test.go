package resident_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// TestRubyGem: a gem can be required by one request after the other, and its
// directory keeps the place in the load path that RubyGems gives it.
func TestRubyGem(t *testing.T) {
	script := writeScript(t, "script.rb", `
require "minitest"
require "minitest/mock"
site = $LOAD_PATH.index(RbConfig::CONFIG["sitelibdir"])
p $LOAD_PATH.grep(/minitest/).size, $LOAD_PATH.index { |dir| dir.include?("minitest") } == site - 1
$LOAD_PATH.unshift("/nowhere")
`)
	w := spawn(t, "ruby", resident.Start{})
	for range 3 {
		w.ask(script, "1\ntrue\n")
	}
}

// TestRubyLeavings: what a script leaves for the interpreter's end is done,
// although a process that has nothing of it does without.
func TestRubyLeavings(t *testing.T) {
	for name, test := range map[string]struct{ library, script, want string }{
		"open file":      {"", `File.open(OUT, "w").write("file")`, "file"},
		"several":        {"", `$a, $b = File.open(OUT, "w"), File.open("/dev/null"); $b.close; $a << "first"`, "first"},
		"the last":       {"", `$a, $b = File.open("/dev/null"), File.open(OUT, "w"); $a.close; $b << "last"`, "last"},
		"a duplicate":    {"", `require "fcntl"; f = File.open(OUT, "w"); d = IO.for_fd(f.fcntl(Fcntl::F_DUPFD, 100), "w"); f.close; d << "duplicate"`, "duplicate"},
		"pipe":           {"", `IO.popen("cat > #{OUT}", "w").write("pipe")`, "pipe"},
		"finalizer":      {"", `ObjectSpace.define_finalizer("x".dup, proc { File.write(OUT, "finalized") })`, "finalized"},
		"a mixed-in one": {"", `include ObjectSpace; define_finalizer("x".dup, proc { File.write(OUT, "mixed in") })`, "mixed in"},
		"its finalizer":  {"", `class C; def initialize; ObjectSpace.define_finalizer(self, self.class.left); end; def self.left; proc { File.write(OUT, "left") }; end; end; C.new`, "left"},
		"thread":         {"", `Thread.new { begin; sleep; ensure; File.write(OUT, "ensured"); end }; Thread.pass until Thread.list.last.stop?`, "ensured"},
		"at_exit":        {"", `at_exit { File.open(OUT, "w").write("at_exit") }`, "at_exit"},
		"a library's":    {`LOG = File.open(OUT, "w")`, `LOG.write("logged")`, "logged"},
		"nothing":        {"", `File.write(OUT, "nothing")`, "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out")
			path := fmt.Sprintf("OUT = %q\n", out)
			library := filepath.Join(dir, "library.rb")
			check(t, os.WriteFile(library, []byte(path+test.library+"\n"), 0o644))
			z := spawnZygote(t, "ruby", resident.Start{Once: true, Preload: []string{library}})
			w := z.fork()
			if r := w.do(request{script: writeScript(t, "script.rb", test.script+"\nputs 'ok'\n")}); r.stdout() != "ok\n" || r.stderr != "" {
				t.Errorf("%+v", r)
			}
			if status := z.awaitExit(w.pid); status != 0 {
				t.Errorf("wait status %#x", status)
			}
			// A child of popen's writes when it likes.
			eventually(t, "the file", func() bool {
				text, _ := os.ReadFile(out)
				return string(text) == test.want
			})
		})
	}
}

// TestRubyFilesOnStandardOutput: what a script leaves in files of its own on its
// standard output belongs to its response.
func TestRubyFilesOnStandardOutput(t *testing.T) {
	for _, file := range []string{"IO.new(1)", "IO.for_fd(1)", "STDOUT.dup"} {
		t.Run(file, func(t *testing.T) {
			w := spawnZygote(t, "ruby", resident.Start{Once: true}).fork()
			w.ask(writeScript(t, "script.rb", "file = "+file+"\nfile.print('said')\n"), "said")
		})
	}
}
