package resident_test

import (
	"os"
	"testing"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// TestLocalModules: scripts of two directories each have a module of the same
// name beside them, which is seen anew when its file changes, also through
// another module.
func TestLocalModules(t *testing.T) {
	w := spawn(t, "python", resident.Start{})
	one, two := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		check(t, os.WriteFile(path+".new", []byte(text), 0o644))
		check(t, os.Rename(path+".new", path))
	}
	const script = "import package.middle, sys\nprint(package.middle.WORD, package.middle.count(), 'local' in sys.modules)\n"
	for dir, word := range map[string]string{one: "one", two: "two"} {
		check(t, os.Mkdir(dir+"/package", 0o755))
		write(dir+"/package/__init__.py", "")
		write(dir+"/package/middle.py", "from local import WORD\nruns = 0\ndef count():\n    global runs\n    runs += 1\n    return runs\n")
		write(dir+"/local.py", "WORD = '"+word+"'\n")
		write(dir+"/script.py", script)
	}
	write(two+"/alone.py", "import sys\nprint('local' in sys.modules, 'package.middle' in sys.modules)\n")
	stranger := writeScript(t, "stranger.py", "import sys\nprint('local' in sys.modules)\n")
	for i, step := range []struct{ script, want, change string }{
		{script: one + "/script.py", want: "one 1 True\n"},
		{script: two + "/script.py", want: "two 1 True\n"},
		{script: one + "/script.py", want: "one 2 True\n"},
		{script: stranger, want: "False\n"},
		{script: two + "/script.py", want: "two 2 True\n"},
		{script: two + "/alone.py", want: "True True\n"},
		{script: two + "/script.py", want: "second 1 True\n", change: two + "/local.py"},
		{script: two + "/script.py", want: "second 2 True\n"},
		{script: one + "/script.py", want: "one 3 True\n"},
	} {
		if step.change != "" {
			// Of another length: Python's own cache of compiled modules knows
			// only seconds and length.
			write(step.change, "WORD = 'second'\n")
		}
		if r := w.do(request{script: step.script}); r.stdout() != step.want {
			t.Errorf("step %d: %q, want %q: %s", i+1, r.stdout(), step.want, r.stderr)
		}
	}
}
