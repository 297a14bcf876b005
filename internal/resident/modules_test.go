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

// TestLocalModulesElsewhere: so have they in a package without __init__.py,
// and in a directory that sys.path names relative to theirs.
func TestLocalModulesElsewhere(t *testing.T) {
	w := spawn(t, "python", resident.Start{})
	one, two := t.TempDir(), t.TempDir()
	const script = "import sys\nsys.path.insert(0, 'lib')\nimport relative\nfrom space import module\nprint(relative.WORD, module.WORD)\n"
	for dir, word := range map[string]string{one: "one", two: "two"} {
		check(t, os.Mkdir(dir+"/lib", 0o755))
		check(t, os.Mkdir(dir+"/space", 0o755))
		for name, text := range map[string]string{"lib/relative.py": "WORD = '" + word + "'\n", "space/module.py": "WORD = '" + word + "'\n", "script.py": script} {
			check(t, os.WriteFile(dir+"/"+name, []byte(text), 0o644))
		}
	}
	ask := func(dir, want string) {
		t.Helper()
		if r := w.do(request{script: dir + "/script.py"}); r.stdout() != want {
			t.Errorf("%q, want %q: %s", r.stdout(), want, r.stderr)
		}
	}
	ask(one, "one one\n")
	ask(two, "two two\n")
	ask(one, "one one\n")
	check(t, os.WriteFile(one+"/space/module.py", []byte("WORD = 'changed'\n"), 0o644))
	ask(one, "one changed\n")
}
