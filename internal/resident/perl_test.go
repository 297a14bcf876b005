package resident_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// perlSites writes the same files into two directories. WORD in them is one
// or two.
func perlSites(t *testing.T, files map[string]string) (one, two string) {
	t.Helper()
	one, two = t.TempDir(), t.TempDir()
	for dir, word := range map[string]string{one: "one", two: "two"} {
		for name, text := range files {
			check(t, os.WriteFile(dir+"/"+name, []byte(strings.ReplaceAll(text, "WORD", word)), 0o644))
		}
	}
	return one, two
}

// ask runs a script, and compares what it prints.
func (w *worker) ask(script, want string) {
	w.t.Helper()
	if r := w.do(request{script: script}); r.stdout() != want || r.stderr != "" {
		w.t.Errorf("%s: %q, want %q: %s", script, r.stdout(), want, r.stderr)
	}
}

// ask runs a script in a process of its own, and has it compiled for the next.
func (z *zygote) ask(script, want string) {
	z.t.Helper()
	w := z.fork()
	w.ask(script, want)
	z.awaitExit(w.pid)
	w.close()
	z.send(resident.AppendCompile(nil, script))
}

// TestPerlRequiredFiles: the subs of a file without a package are those of
// each script that requires it, also of one that is compiled for each run.
func TestPerlRequiredFiles(t *testing.T) {
	one, two := perlSites(t, map[string]string{
		"lib.pl":    "sub word { 'WORD' }\n1;\n",
		"script.pl": "use warnings;\nrequire './lib.pl';\nprint word(), qq(\\n);\n",
		"once.pl":   "my $n = 1;\nsub n { $n }\nrequire './lib.pl';\nprint word(), n(), qq(\\n);\n",
	})
	w := spawn(t, "perl", resident.Start{})
	for range 2 {
		w.ask(one+"/script.pl", "one\n")
		w.ask(two+"/script.pl", "two\n")
		w.ask(one+"/once.pl", "one1\n")
		w.ask(two+"/once.pl", "two1\n")
	}
	check(t, os.WriteFile(two+"/script.pl", []byte("require './lib.pl';\nprint word(), qq( again\\n);\n"), 0o644))
	w.ask(two+"/script.pl", "two again\n")
}

// TestPerlRequiredVariables: what such a file sets is set in each run, also by
// a module without a package, and what the script then does to it stays with
// the run.
func TestPerlRequiredVariables(t *testing.T) {
	const conf = "use warnings;\n$title = 'WORD'; %h = (a => 1); sub more { 'more' }\n1;\n"
	one, two := perlSites(t, map[string]string{
		"conf.pl":    conf,
		"Conf.pm":    conf,
		"require.pl": "use vars qw($title %h);\nrequire './conf.pl';\nchdir '/';\nprint $title, %h, more(), qq(\\n);\n$title = 'changed'; %h = ();\n",
		"module.pl":  "use vars qw($title %h);\nrequire './Conf.pm';\nprint $title, %h, more(), qq(\\n);\n$title = 'changed'; %h = ();\n",
		"use.pl":     "use vars qw($title %h);\nuse lib '.';\nuse Conf;\nprint $title, %h, more(), qq(\\n);\n$title = 'changed'; %h = ();\n",
		"do.pl":      "use vars qw($title %h);\ndo './conf.pl';\nprint $title, %h, more(), qq(\\n);\n$title = 'changed'; %h = ();\n",
	})
	w := spawn(t, "perl", resident.Start{})
	z := spawnZygote(t, "perl", resident.Start{Once: true})
	for range 3 {
		for _, script := range []string{"/require.pl", "/module.pl", "/use.pl", "/do.pl"} {
			w.ask(one+script, "onea1more\n")
			w.ask(two+script, "twoa1more\n")
			z.ask(one+script, "onea1more\n")
		}
	}
}

// TestPerlPackages: scripts that declare packages of the same name each have
// their own subs in them.
func TestPerlPackages(t *testing.T) {
	one, two := perlSites(t, map[string]string{
		"script.pl": "package Util;\nuse warnings;\nsub word { 'WORD' }\npackage main;\nprint Util::word(), qq(\\n);\n",
	})
	w := spawn(t, "perl", resident.Start{})
	z := spawnZygote(t, "perl", resident.Start{Once: true})
	for range 3 {
		w.ask(one+"/script.pl", "one\n")
		w.ask(two+"/script.pl", "two\n")
		z.ask(one+"/script.pl", "one\n")
		z.ask(two+"/script.pl", "two\n")
	}
}

// TestPerlForkedModules: forked scripts see the modules beside them as they
// are, and FindBin finds their own directory, whatever the zygote has compiled.
func TestPerlForkedModules(t *testing.T) {
	one, two := perlSites(t, map[string]string{
		"Local.pm":  "package Local;\nsub word { 'WORD' }\n1;\n",
		"script.pl": "use FindBin; use lib $FindBin::Bin;\nuse Local;\nprint Local::word(), qq(\\n);\n",
		"bin.pl":    "use FindBin;\nprint qq($FindBin::Bin\\n);\n",
	})
	z := spawnZygote(t, "perl", resident.Start{Once: true})
	for range 2 {
		z.ask(one+"/script.pl", "one\n")
		z.ask(two+"/script.pl", "two\n")
		z.ask(one+"/bin.pl", one+"\n")
		z.ask(two+"/bin.pl", two+"\n")
	}
	check(t, os.WriteFile(two+"/Local.pm", []byte("package Local;\nsub word { 'changed' }\n1;\n"), 0o644))
	z.ask(two+"/script.pl", "changed\n")
}

// TestPerlMessages: what perl says of a script is what it says of it in a
// process of its own, without the names that the worker has given.
func TestPerlMessages(t *testing.T) {
	const head = "use warnings; use Carp;\nour ($v, %h);\n"
	for name, text := range map[string]string{
		"uninitialized": "my $x = \"a$v$h{k}\";\nwarn 'told';\n",
		"undefined":     "nosub(1);\n",
		"method":        "my $o = bless {};\n$o->nomethod;\n",
		"object":        "package O;\nuse overload '\"\"' => sub { 'text' };\nwarn bless [];\npackage main;\nmy $o = bless [], 'O';\nwarn $o;\n",
		"backtrace":     "sub f { cluck 'clucked'; carp 'carped'; confess 'confessed' }\nf(1);\n",
		"croak":         "croak 'croaked';\n",
		"compile":       "sub f { 1 }\nsub f { 2 }\nuse strict;\n$undeclared = 1;\n",
		"handler":       "$SIG{__DIE__} = sub { warn @_ };\ndie 'told';\n",
	} {
		t.Run(name, func(t *testing.T) {
			script := writeScript(t, "script.pl", head+text)
			cmd := exec.Command("perl", script)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			_ = cmd.Run() // most end with an error
			want := strings.ReplaceAll(stderr.String(), "Execution of "+script+" aborted due to compilation errors.\n", "")
			w := spawn(t, "perl", resident.Start{})
			z := spawnZygote(t, "perl", resident.Start{Once: true}).fork()
			for _, worker := range []*worker{w, w, z} {
				if r := worker.do(request{script: script}); r.stderr != want {
					t.Errorf("got\n%s, want\n%s", r.stderr, want)
				}
			}
		})
	}
}

// TestPerlConstants: a module's constants outlive a script that is compiled for
// each run, and was the first to use them.
func TestPerlConstants(t *testing.T) {
	script := writeScript(t, "script.pl", "use File::Spec::Functions 'rootdir';\nuse POSIX 'EINTR';\nmy $n = EINTR;\nsub n { $n }\nprint n(), rootdir(), qq(\\n);\n")
	w := spawn(t, "perl", resident.Start{})
	for range 3 {
		w.ask(script, "4/\n")
	}
}

// TestPerlEdited: a script is compiled anew also when it was changed in the
// second of its last change, and is as long as before.
func TestPerlEdited(t *testing.T) {
	script := writeScript(t, "script.pl", "")
	second := time.Now().Truncate(time.Second).Add(-time.Hour)
	w := spawn(t, "perl", resident.Start{})
	for i, word := range []string{"one", "two"} {
		check(t, os.WriteFile(script, []byte("print '"+word+"';\n"), 0o644))
		check(t, os.Chtimes(script, second, second.Add(time.Duration(i)*100*time.Millisecond)))
		w.ask(script, word)
	}
}

// TestPerlBroken: nothing stays of a script that cannot be compiled.
func TestPerlBroken(t *testing.T) {
	broken := writeScript(t, "broken.pl", "sub one { two() } sub two { one() }\nprint 'x\n")
	script := writeScript(t, "script.pl", "print join(' ', grep /^(?:script|broken)_pl_/, sort keys %Anyfpm::Script::);\n")
	w := spawn(t, "perl", resident.Start{})
	for range 2 {
		if r := w.do(request{script: broken}); r.status != 255 || r.stderr == "" {
			t.Errorf("%+v", r)
		}
	}
	w.ask(script, "script_pl_3::")
}

// TestPerlFindBin: it is that of the script also while the script is compiled.
func TestPerlFindBin(t *testing.T) {
	one, two := perlSites(t, map[string]string{
		"script.pl": "use FindBin;\nuse constant AT => $FindBin::Bin;\nprint AT, qq(\\n);\n",
	})
	w := spawn(t, "perl", resident.Start{})
	for _, dir := range []string{one, two, one} {
		w.ask(dir+"/script.pl", dir+"\n")
	}
}

// TestPerlMendedModule: a module that could not be compiled is tried again.
func TestPerlMendedModule(t *testing.T) {
	dir, _ := perlSites(t, map[string]string{
		"Mended.pm": "package Mended;\nsub word { 'never' \n",
		"script.pl": "use lib '.';\nprint eval { require Mended; Mended::word() } // 'broken', qq(\\n);\n",
	})
	w := spawn(t, "perl", resident.Start{})
	w.ask(dir+"/script.pl", "broken\n")
	check(t, os.WriteFile(dir+"/Mended.pm", []byte("package Mended;\nsub word { 'mended' }\n1;\n"), 0o644))
	w.ask(dir+"/script.pl", "mended\n")
}

// TestPerlOpenStd: "use open ':std'" is for the script that says so, each
// time, and for no other.
func TestPerlOpenStd(t *testing.T) {
	dir, _ := perlSites(t, map[string]string{
		"utf8.pl":  "use open qw(:std :utf8);\nprint chr(0xe9), qq(\\n);\n",
		"coded.pl": "use open qw(:std :encoding(UTF-8));\nprint chr(0xe9), qq(\\n);\n",
		"bytes.pl": "print chr(0xe9), qq(\\n);\n",
	})
	w := spawn(t, "perl", resident.Start{})
	z := spawnZygote(t, "perl", resident.Start{Once: true})
	for range 3 {
		for script, want := range map[string]string{"utf8.pl": "\u00e9\n", "coded.pl": "\u00e9\n", "bytes.pl": "\xe9\n"} {
			w.ask(dir+"/"+script, want)
			z.ask(dir+"/"+script, want)
		}
	}
}
