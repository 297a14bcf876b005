package resident_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// A zygote is a worker that forks others.
type zygote struct {
	*worker
	exits map[int]uint32 // wait status by pid, of EXITED frames seen
}

func spawnZygote(t testing.TB, kind string, start resident.Start) *zygote {
	t.Helper()
	start.Zygote = true
	return &zygote{spawn(t, kind, start), map[int]uint32{}}
}

// fork has the zygote fork a worker, and returns it once it is ready.
func (z *zygote) fork() *worker {
	z.t.Helper()
	w := z.forkUnready()
	z.awaitReady(w)
	return w
}

// awaitReady waits until a child is ready: those that serve once are from their
// birth on, and the zygote's HELLO is theirs.
func (z *zygote) awaitReady(w *worker) {
	z.t.Helper()
	if z.hello.Inline == 0 {
		w.awaitHello()
		return
	}
	w.hello = z.hello
}

func (z *zygote) forkUnready() *worker {
	z.t.Helper()
	w, ends := newWorker(z.t)
	z.send(resident.AppendFork(nil), int(ends.control.Fd()), int(ends.stdout.Fd()), int(ends.stderr.Fd()))
	ends.close()
	ev := z.await(resident.EventChild)
	if ev.PID == 0 {
		z.t.Fatal("zygote could not fork")
	}
	w.pid = ev.PID
	return w
}

// await waits for an event of a kind and notes the exits before it.
func (z *zygote) await(kind resident.EventKind) resident.Event {
	z.t.Helper()
	for {
		ev, ok := z.next(nil)
		if !ok {
			z.t.Fatalf("zygote ended: %s", z.log.String())
		}
		if ev.Kind == resident.EventExited {
			z.exits[ev.PID] = ev.WaitStatus
		}
		if ev.Kind == kind {
			return ev
		}
	}
}

// awaitExit waits for the exit of a child and returns its wait status.
func (z *zygote) awaitExit(pid int) uint32 {
	z.t.Helper()
	for {
		if status, ok := z.exits[pid]; ok {
			return status
		}
		z.await(resident.EventExited)
	}
}

// trivial are scripts that answer "ok".
var trivial = map[string]string{"py": "print('ok')\n", "pl": "print \"ok\\n\";\n", "rb": "puts 'ok'\n"}

func eachZygote(t *testing.T, start resident.Start, test func(t *testing.T, z *zygote, ext string)) {
	t.Helper()
	for _, ext := range []string{"pl", "py", "rb"} {
		t.Run(languages[ext], func(t *testing.T) { test(t, spawnZygote(t, languages[ext], start), ext) })
	}
}

// Workers are forked ahead of their requests, and each serves one.
func TestZygoteAhead(t *testing.T) {
	eachZygote(t, resident.Start{Once: true}, func(t *testing.T, z *zygote, ext string) {
		script := writeScript(t, "script."+ext, trivial[ext])
		var ahead []*worker
		for range 5 {
			ahead = append(ahead, z.fork())
		}
		slices.Reverse(ahead)
		for _, w := range ahead {
			if w.pid == z.pid {
				t.Errorf("CHILD says %d, which is the zygote", w.pid)
			}
			r := w.do(request{script: script})
			if r.stdout() != "ok\n" || r.flags&resident.Retire == 0 {
				t.Errorf("%+v", r)
			}
			if status := z.awaitExit(w.pid); status != 0 {
				t.Errorf("wait status %#x", status)
			}
			if _, ok := w.next(nil); ok {
				t.Error("more after END")
			}
		}
	})
}

// A script is compiled by the first worker that runs it, then by the zygote,
// and after a change by both again.
func TestZygoteCompile(t *testing.T) {
	eachZygote(t, resident.Start{Once: true}, func(t *testing.T, z *zygote, ext string) {
		script := writeScript(t, "script."+ext, trivial[ext])
		for i, step := range []struct {
			change   bool
			compile  bool
			compiled bool
		}{
			{compiled: true},
			{compiled: true},
			{compile: true},
			{},
			{change: true, compiled: true},
			{compile: true},
			{compile: true},
		} {
			if step.change {
				check(t, os.WriteFile(script, []byte("\n\n"+trivial[ext]), 0o644))
			}
			if step.compile {
				z.send(resident.AppendCompile(nil, script))
			}
			r := z.fork().do(request{script: script})
			if r.stdout() != "ok\n" || r.flags&resident.Compiled != 0 != step.compiled {
				t.Errorf("step %d: %+v", i+1, r)
			}
		}
	})
}

// What can not be compiled does the zygote no harm.
func TestZygoteCompileErrors(t *testing.T) {
	eachZygote(t, resident.Start{Once: true}, func(t *testing.T, z *zygote, ext string) {
		bad := writeScript(t, "bad."+ext, "(\n")
		z.send(resident.AppendCompile(nil, bad))
		z.send(resident.AppendCompile(nil, "/does/not/exist"))
		z.send(resident.AppendCompile(nil, "/"))
		z.send(resident.AppendCompile(nil, ""))
		if r := z.fork().do(request{script: bad}); r.flags&resident.Failed == 0 || !strings.Contains(r.stderr, bad) {
			t.Errorf("%+v", r)
		}
		good := writeScript(t, "good."+ext, trivial[ext])
		if r := z.fork().do(request{script: good}); r.stdout() != "ok\n" {
			t.Errorf("%+v", r)
		}
		if z.log.Len() > 0 {
			t.Errorf("zygote says %s", z.log.String())
		}
	})
}

// What a script's modules do to the process when the zygote compiles it, as
// CGI::Carp does, is nothing to others.
func TestZygoteCompileTouchesNothing(t *testing.T) {
	z := spawnZygote(t, "perl", resident.Start{Once: true})
	loud := writeScript(t, "loud.pl", "")
	dir := filepath.Dir(loud)
	check(t, os.WriteFile(loud, []byte("use lib '"+dir+"';\nuse Loud;\neval { die };\nprint \"loud\\n\";\n"), 0o644))
	check(t, os.WriteFile(dir+"/Loud.pm", []byte("package Loud;\n$ENV{LOUD} = 'heard';\ndelete $ENV{PATH};\n$SIG{__DIE__} = $SIG{__WARN__} = sub { print 'hooked ' };\n1;\n"), 0o644))
	z.send(resident.AppendCompile(nil, loud))
	if r := z.fork().do(request{script: loud}); r.stdout() != "hooked loud\n" || r.flags&resident.Compiled != 0 {
		t.Errorf("%+v", r)
	}
	other := writeScript(t, "other.pl", "eval { die };\nprint $ENV{LOUD} // 'silence', defined $ENV{PATH} ? '' : ' without PATH', \"\\n\";\n")
	if r := z.fork().do(request{script: other}); r.stdout() != "silence\n" {
		t.Errorf("another script has %q", r.stdout())
	}
}

// The regular expressions that stand in a Python script are compiled with it, if
// that is all there is to them.
func TestZygotePatterns(t *testing.T) {
	z := spawnZygote(t, "python", resident.Start{Once: true, Preload: []string{"re"}})
	script := writeScript(t, "patterns.py", `
import re
import re as regex
from re import compile as c, I

found = [key[1:] for key in re._cache if key[1] not in known]

def use(text, *args, **options):
    re.sub("sub", "", text)
    regex.match("a" "lias", text, regex.M | re.S)
    c("from", flags=I)
    [re.split(b"split", line, 0, re.X) for line in text]
    re.search(string=text, pattern="by" + "name")
    re.compile("shown", re.DEBUG)
    re.compile("[[warns]")
    re.compile("(fails")
    re.compile(text), re.compile(*args), re.compile(**options), text.sub("other", "")

print(found)
`)
	known := writeScript(t, "known.py", "import re\nprint([key[1] for key in re._cache])\n")
	prologue := "known = " + z.fork().do(request{script: known}).stdout()
	source, err := os.ReadFile(script)
	check(t, err)
	check(t, os.WriteFile(script, append([]byte(prologue), source...), 0o644))
	for range 2 { // it may be told more than once
		z.send(resident.AppendCompile(nil, script))
	}
	r := z.fork().do(request{script: script})
	want := "[('sub', 0), ('alias', 24), ('from', 2), ('byname', 0), (b'split', 64)]\n"
	if r.stdout() != want || r.flags&resident.Compiled != 0 {
		t.Errorf("%+v, want %s", r, want)
	}
	if z.log.Len() > 0 {
		t.Errorf("zygote says %s", z.log.String())
	}
}

// Two scripts know nothing of each other.
func TestZygoteScripts(t *testing.T) {
	sources := map[string]string{
		"py": "def name(): return %q\nprint(name())\n",
		"pl": "sub name { %q }\nprint name(), \"\\n\";\n",
		"rb": "def name; %q; end\nputs name\n",
	}
	eachZygote(t, resident.Start{Once: true}, func(t *testing.T, z *zygote, ext string) {
		var scripts []string
		for _, word := range []string{"one", "two"} {
			scripts = append(scripts, writeScript(t, "script."+ext, fmt.Sprintf(sources[ext], word)))
			z.send(resident.AppendCompile(nil, scripts[len(scripts)-1]))
		}
		for i, word := range []string{"one", "two"} {
			if r := z.fork().do(request{script: scripts[i]}); r.stdout() != word+"\n" || r.flags&resident.Compiled != 0 {
				t.Errorf("%+v", r)
			}
		}
	})
}

// Forked workers do not draw the same random numbers.
func TestZygoteRandom(t *testing.T) {
	sources := map[string]string{
		"py": "import random\nprint(random.random())\n",
		"pl": "print rand, \"\\n\";\n",
		"rb": "puts rand, Random.rand\n",
	}
	eachZygote(t, resident.Start{Once: true, Preload: nil}, func(t *testing.T, z *zygote, ext string) {
		script := writeScript(t, "script."+ext, sources[ext])
		a := z.fork().do(request{script: script})
		b := z.fork().do(request{script: script})
		if a.stdout() == b.stdout() {
			t.Errorf("twice %q", a.stdout())
		}
	})
}

// A worker that is killed is reported with its signal; the zygote and the
// other workers go on.
func TestZygoteKilledChild(t *testing.T) {
	eachZygote(t, resident.Start{Once: true}, func(t *testing.T, z *zygote, ext string) {
		script := writeScript(t, "script."+ext, trivial[ext])
		a, b := z.fork(), z.fork()
		check(t, unix.Kill(a.pid, unix.SIGKILL))
		if status := unix.WaitStatus(z.awaitExit(a.pid)); !status.Signaled() || status.Signal() != unix.SIGKILL {
			t.Errorf("wait status %#x", uint32(status))
		}
		if r := b.do(request{script: script}); r.stdout() != "ok\n" {
			t.Errorf("%+v", r)
		}
	})
}

// No worker survives the zygote, not even one at work.
func TestZygoteDeath(t *testing.T) {
	sources := map[string]string{
		"py": "import time\nprint('x', flush=True)\ntime.sleep(1000)\n",
		"pl": "$| = 1; print 'x'; sleep 1000;\n",
		"rb": "print 'x'; $stdout.flush; sleep 1000\n",
	}
	for _, once := range []bool{true, false} {
		eachZygote(t, resident.Start{Once: once}, func(t *testing.T, z *zygote, ext string) {
			idle, busy := z.fork(), z.fork()
			busy.begin(request{script: writeScript(t, "script."+ext, sources[ext])})
			busy.poll(unix.PollFd{Fd: int32(busy.stdout), Events: unix.POLLIN})
			check(t, unix.Kill(z.pid, unix.SIGKILL))
			eventually(t, "workers are gone", func() bool { return !alive(idle.pid) && !alive(busy.pid) })
		})
	}
}

// A worker, and a zygote with its workers, ends when the supervisor does.
func TestSupervisorDeath(t *testing.T) {
	eachZygote(t, resident.Start{Once: true}, func(t *testing.T, z *zygote, ext string) {
		child := z.fork()
		alone := spawn(t, languages[ext], resident.Start{})
		check(t, unix.Close(alone.control))
		alone.control = -1
		program, parent := alone.cmd, z.cmd
		go func() { _ = program.Wait() }()
		check(t, unix.Close(z.control))
		z.control = -1
		go func() { _ = parent.Wait() }()
		eventually(t, "all are gone", func() bool { return !alive(alone.pid) && !alive(z.pid) && !alive(child.pid) })
		alone.cmd, z.cmd = nil, nil
	})
}

// A forked worker leads a process group, so that a supervisor can kill what a
// script has started with it.
func TestZygoteGroup(t *testing.T) {
	eachZygote(t, resident.Start{Once: true}, func(t *testing.T, z *zygote, _ string) {
		w := z.fork()
		group, err := unix.Getpgid(w.pid)
		if err != nil || group != w.pid {
			t.Errorf("process group %d of %d: %v", group, w.pid, err)
		}
	})
}

// Workers of a zygote can be persistent, too; what is preloaded is in memory
// once for all of them.
func TestZygotePersistent(t *testing.T) {
	const workers = 20
	preload := map[string][]string{
		"py": {"json", "decimal", "datetime", "email.message", "http.client", "sqlite3"},
		"pl": {"POSIX", "Storable", "Data::Dumper", "HTTP::Tiny", "Time::Local"},
		"rb": {"json", "time", "set", "net/http", "erb"},
	}
	for ext, modules := range preload {
		t.Run(languages[ext], func(t *testing.T) {
			z := spawnZygote(t, languages[ext], resident.Start{Preload: modules})
			script := writeScript(t, "script."+ext, trivial[ext])
			private := 0
			for range workers {
				w := z.fork()
				for range 10 {
					if r := w.do(request{script: script, variables: nginxVariables}); r.stdout() != "ok\n" {
						t.Fatalf("%+v", r)
					}
				}
				private += privateMemory(t, w.pid)
			}
			t.Logf("%d KB private memory per worker", private/workers)
			if private/workers > 2500 && ext == "py" {
				t.Errorf("%d KB private memory per worker", private/workers)
			}
		})
	}
}

// privateMemory returns the memory in KB that a process shares with no other.
func privateMemory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	check(t, err)
	sum := 0
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "Private_") {
			var kb int
			_, err = fmt.Sscan(fields[1], &kb)
			check(t, err)
			sum += kb
		}
	}
	return sum
}
