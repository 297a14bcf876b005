package resident_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// inEach runs a test with a worker of each language that runs scripts, in
// both isolations.
func inEach(t *testing.T, scripts map[string]string, test func(t *testing.T, w *worker, script string)) {
	t.Helper()
	for _, ext := range slices.Sorted(maps.Keys(scripts)) {
		t.Run(languages[ext]+"/persistent", func(t *testing.T) {
			test(t, spawn(t, languages[ext], resident.Start{}), writeScript(t, "script."+ext, scripts[ext]))
		})
		t.Run(languages[ext]+"/fork", func(t *testing.T) {
			z := spawnZygote(t, languages[ext], resident.Start{Once: true})
			test(t, z.fork(), writeScript(t, "script."+ext, scripts[ext]))
		})
	}
}

// TestEnvironmentFull: a worker that stays retires before the C library keeps
// too many values of variables, and not for those that come again. Perl does
// not use the C library's.
func TestEnvironmentFull(t *testing.T) {
	for ext, program := range map[string]string{
		"py": "import os\nprint(os.environ['LONG'][:5], end='')\n",
		"rb": "print ENV['LONG'][0, 5]\n",
	} {
		t.Run(languages[ext], func(t *testing.T) {
			script := writeScript(t, "script."+ext, program)
			w := spawn(t, languages[ext], resident.Start{})
			const size = 32 << 10
			run := func(n int) bool {
				word := fmt.Sprintf("%05d", n)
				r := w.do(request{script: script, variables: []string{"LONG=" + word + strings.Repeat("x", size-5)}})
				if r.stdout() != word {
					t.Fatalf("%q, want %q: %s", r.stdout(), word, r.stderr)
				}
				return r.flags&resident.Retire != 0
			}
			for n := range 1000 {
				if run(n % 100) {
					t.Fatalf("retires in request %d, with 100 values", n)
				}
			}
			n := 100
			for n < 1000 && !run(n) {
				n++
			}
			if n != 16<<20/(size+len("LONG")+64) {
				t.Errorf("retires with %d values of %d bytes", n, size)
			}
		})
	}
}

var allBytes = func() string {
	var b []byte
	for i := range 256 {
		b = append(b, byte(i))
	}
	return string(b)
}()

// TestBinary sends and receives every byte, as a message and as a file.
func TestBinary(t *testing.T) {
	scripts := map[string]string{
		"py": "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())\n",
		"pl": "binmode STDIN; binmode STDOUT; local $/; print <STDIN>;\n",
		"rb": "STDIN.binmode; STDOUT.binmode; STDOUT.write(STDIN.read)\n",
	}
	for _, size := range []int{256, 4096, 4097, 3 << 20} {
		body := strings.Repeat(allBytes, 1+size/256)[:size]
		inEach(t, scripts, func(t *testing.T, w *worker, script string) {
			r := w.do(request{script: script, body: body})
			if r.stdout() != body {
				t.Errorf("body of %d bytes came back as %d: %s", len(body), len(r.stdout()), r.stderr)
			}
		})
	}
}

// TestLargeOutput streams 100 MB. The worker must not keep it.
func TestLargeOutput(t *testing.T) {
	const line = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n"
	const lines = 100 << 20 / len(line)
	inEach(t, map[string]string{
		"py": fmt.Sprintf("for i in range(%d): print(%q)\n", lines, line[:len(line)-1]),
		"pl": fmt.Sprintf("print %q for 1 .. %d;\n", line, lines),
		"rb": fmt.Sprintf("%d.times { puts %q }\n", lines, line),
	}, func(t *testing.T, w *worker, script string) {
		want := sha256.Sum256(bytes.Repeat([]byte(line), lines))
		r := w.do(request{script: script})
		if sha256.Sum256([]byte(r.stdout())) != want {
			t.Errorf("%d bytes, not %d: %s", len(r.stdout()), lines*len(line), r.stderr)
		}
		if !alive(w.pid) {
			return // it served its only request
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.pid))
		check(t, err)
		var peak int
		_, after, _ := strings.Cut(string(status), "VmHWM:")
		_, err = fmt.Sscan(after, &peak)
		check(t, err)
		if peak > 60<<10 {
			t.Errorf("worker has used %d KB", peak)
		}
	})
}

// TestLargeRequest sends environments of a size that no web server sends.
func TestLargeRequest(t *testing.T) {
	var variables []string
	for i := range 2000 {
		variables = append(variables, fmt.Sprintf("VARIABLE_%d=%d", i, i))
	}
	variables = append(variables, "LONG="+strings.Repeat("x", 100<<10))
	inEach(t, map[string]string{
		"py": `import os; print(sum(int(v) for k, v in os.environ.items() if k.startswith("VARIABLE_")), len(os.environ["LONG"]))`,
		"pl": `$sum += $ENV{$_} for grep /^VARIABLE_/, keys %ENV; print "$sum ", length $ENV{LONG}, "\n";`,
		"rb": `puts "#{ENV.to_h.sum { |k, v| k.start_with?("VARIABLE_") ? v.to_i : 0 }} #{ENV["LONG"].size}"`,
	}, func(t *testing.T, w *worker, script string) {
		if r := w.do(request{script: script, variables: variables}); r.stdout() != "1999000 102400\n" {
			t.Errorf("%q: %s", r.stdout(), r.stderr)
		}
	})
}

// TestInvalidBytes: variables, arguments and names of scripts may be any bytes.
func TestInvalidBytes(t *testing.T) {
	const raw = "\xff\xfe\x80 kůň \xc3("
	for ext, script := range map[string]string{
		"py": "import os, sys\nsys.stdout.buffer.write(os.environb[b'RAW'] + b'|' + os.fsencode(sys.argv[1]) + b'|' + os.fsencode(__file__))\n",
		"pl": "print \"$ENV{RAW}|$ARGV[0]|$0\";\n",
		"rb": "STDOUT.binmode\nSTDOUT.write([ENV['RAW'], ARGV[0], __FILE__].map(&:b).join('|'))\n",
	} {
		for _, name := range []string{"plain", "with \"quotes' and $signs", "kůň", "\xff\xfe", "-e", "#{1}"} {
			w := spawn(t, languages[ext], resident.Start{})
			path := writeScript(t, name+"."+ext, script)
			for range 2 {
				r := w.do(request{script: path, variables: []string{"RAW=" + raw}, args: []string{raw}})
				if want := raw + "|" + raw + "|" + path; r.stdout() != want || r.status != 0 {
					t.Errorf("%s:\n%q\n%q\n%s", path, r.stdout(), want, r.stderr)
				}
			}
		}
	}
}

// TestFlush looks whether a part of the response is there before the rest.
func TestFlush(t *testing.T) {
	inEach(t, map[string]string{
		"py": "import sys\nprint('first', flush=True)\nsys.stdin.readline()\nprint('second')\n",
		"pl": "$| = 1; print \"first\\n\"; <STDIN>; print \"second\\n\";\n",
		"rb": "puts 'first'; $stdout.flush; STDIN.gets; puts 'second'\n",
	}, func(t *testing.T, w *worker, script string) {
		stdin, hold, err := os.Pipe()
		check(t, err)
		defer stdin.Close()
		w.begin(request{script: script, stdin: stdin})
		var r response
		for r.stdout() != "first\n" {
			w.poll(unix.PollFd{Fd: int32(w.stdout), Events: unix.POLLIN})
			w.drain(&r)
		}
		_, err = hold.WriteString("go on\n")
		check(t, err)
		check(t, hold.Close())
		if r = w.finish(); r.stdout() != "second\n" {
			t.Errorf("%q: %s", r.stdout(), r.stderr)
		}
	})
}

// TestFinishRequest looks whether the response is over while the script is
// still at work, and what it writes then is not seen.
func TestFinishRequest(t *testing.T) {
	inEach(t, map[string]string{
		"py": `import anyfpm, os, sys
print("answer")
anyfpm.finish_request()
print("late", flush=True)
os.system("echo late")
sys.stdin.readline()
open("done", "w").close()
`,
		"pl": `print "answer\n";
Anyfpm::finish_request();
$| = 1;
print "late\n";
system 'echo late';
<STDIN>;
open DONE, '>', 'done';
`,
		"rb": `puts "answer"
Anyfpm.finish_request
puts "late"
system "echo late"
STDIN.gets
File.write("done", "")
`,
	}, func(t *testing.T, w *worker, script string) {
		stdin, hold, err := os.Pipe()
		check(t, err)
		defer stdin.Close()
		w.begin(request{script: script, stdin: stdin})
		var r response
		ev, _ := w.next(&r)
		w.drain(&r)
		for tail := ev; !tail.Final; {
			tail, _ = w.next(&r)
			r.add(string(tail.Data))
		}
		if ev.Kind != resident.EventFinish || r.stdout() != "answer\n" {
			t.Fatalf("%+v %+v", ev, r)
		}
		if _, err = os.Stat(filepath.Dir(script) + "/done"); err == nil {
			t.Error("the script was done before it could be")
		}
		check(t, hold.Close())
		if r = w.finish(); r.stdout() != "" || r.stderr != "" || r.status != 0 {
			t.Errorf("after FINISH: %+v", r)
		}
		if _, err = os.Stat(filepath.Dir(script) + "/done"); err != nil {
			t.Error("the script did not work on")
		}
	})
}

// TestFileChanged looks whether a changed script is compiled again.
func TestFileChanged(t *testing.T) {
	for ext, line := range map[string]string{"py": "print(%q)\n", "pl": "print %q;\n", "rb": "print %q\n"} {
		t.Run(languages[ext], func(t *testing.T) {
			w := spawn(t, languages[ext], resident.Start{})
			script := writeScript(t, "script."+ext, "")
			for i, word := range []string{"one", "three", "three", "seven", "eight"} {
				if i > 0 && i != 2 {
					// A new file of the same length in place of the old one, as
					// deployments do it, and an old one written to.
					check(t, os.WriteFile(script+".new", fmt.Appendf(nil, line, word), 0o644))
					check(t, os.Rename(script+".new", script))
				} else if i == 0 {
					check(t, os.WriteFile(script, fmt.Appendf(nil, line, word), 0o644))
				}
				r := w.do(request{script: script})
				if got := strings.TrimSpace(r.stdout()); got != word {
					t.Errorf("%q, want %q: %s", got, word, r.stderr)
				}
				if compiled := r.flags&resident.Compiled != 0; compiled != (i != 2) {
					t.Errorf("%s: compiled = %v", word, compiled)
				}
			}
			check(t, os.Remove(script))
			if r := w.do(request{script: script}); r.flags&resident.Failed == 0 || !strings.Contains(r.stderr, script) {
				t.Errorf("removed script: %+v", r)
			}
		})
	}
}

// TestOpenFile: what is written to files that a script or a module of its
// leaves open is in them when the request is over, or when the process is
// where that is the end of the request.
func TestOpenFile(t *testing.T) {
	inEach(t, map[string]string{
		"py": "out = open('out', 'w')\nout.write('text')\ndef use(): return out\n",
		"pl": "open OUT, '>', 'out'; print OUT 'text';\n",
		"rb": "File.open('out', 'w') { |out| out.write('text') }\n",
	}, func(t *testing.T, w *worker, script string) {
		w.do(request{script: script})
		compareFile(t, filepath.Dir(script)+"/out", "text")
	})
	for ext, script := range map[string]string{
		"py": "import keep\nkeep.out.write('text')\n",
		"pl": "package Keep; our $out; open $out, '>', 'out'; print $out 'text';\n",
		"rb": "OUT = File.open('out', 'w')\nOUT.write('text')\n",
	} {
		t.Run("module/"+languages[ext], func(t *testing.T) {
			z := spawnZygote(t, languages[ext], resident.Start{Once: true})
			path := writeScript(t, "script."+ext, script)
			check(t, os.WriteFile(filepath.Dir(path)+"/keep.py", []byte("out = open('out', 'w')\n"), 0o644))
			w := z.fork()
			w.do(request{script: path})
			z.awaitExit(w.pid)
			compareFile(t, filepath.Dir(path)+"/out", "text")
		})
	}
}

func compareFile(t *testing.T, path, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || string(text) != want {
		t.Errorf("%s: %q, %v", path, text, err)
	}
}

// TestAlarm: an alarm that a script has set cannot go off in a later request.
func TestAlarm(t *testing.T) {
	for ext, script := range map[string]string{
		"py": "import signal\nprint(signal.setitimer(signal.ITIMER_REAL, 1000.5)[0])\n",
		"pl": "use Time::HiRes (); print Time::HiRes::alarm(1000.5), \"\\n\";\n",
	} {
		t.Run(languages[ext], func(t *testing.T) {
			w := spawn(t, languages[ext], resident.Start{})
			alarming := writeScript(t, "alarm."+ext, script)
			for range 3 { // each time it prints what was left of the one before
				if r := w.do(request{script: alarming}); strings.TrimSuffix(strings.TrimSpace(r.stdout()), ".0") != "0" {
					t.Errorf("an alarm of the request before is set: %+v", r)
				}
			}
		})
	}
}

// TestWithoutNull starts workers without /proc and /dev.
func TestWithoutNull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("not root: cannot hide /dev")
		return
	}
	for _, ext := range slices.Sorted(maps.Keys(languages)) {
		t.Run(languages[ext], func(t *testing.T) {
			scripts := map[string]string{
				"py": "import anyfpm\nprint('answer')\nanyfpm.finish_request()\nprint('late')\n",
				"pl": "print \"answer\\n\"; Anyfpm::finish_request(); print \"late\\n\";\n",
				"rb": "puts 'answer'\nAnyfpm.finish_request\nputs 'late'\n",
			}
			w := launchHidden(t, languages[ext], resident.Start{Pool: "test"})
			w.awaitHello()
			script := writeScript(t, "script."+ext, scripts[ext])
			for range 2 {
				if r := w.do(request{script: script, body: "body"}); r.stdout() != "answer\n" || r.status != 0 {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// TestPerlOutOfMemory: Perl has no limit of recursion; the end of its memory
// is the end of the process, and seen as that.
func TestPerlOutOfMemory(t *testing.T) {
	w := spawn(t, "perl", resident.Start{})
	limit := unix.Rlimit{Cur: 256 << 20, Max: 256 << 20}
	check(t, unix.Prlimit(w.pid, unix.RLIMIT_AS, &limit, nil))
	r := w.do(request{script: writeScript(t, "script.pl", "sub again { my @x = (1 .. 100); again() } again();\n")})
	if !r.lost || !strings.Contains(r.stderr, "Out of memory") {
		t.Errorf("%+v", r)
	}
}

// TestMemory: a worker does not grow with its requests, not even by scripts
// that leave cycles behind or are compiled each time.
func TestMemory(t *testing.T) {
	for ext, script := range map[string]string{
		"py": "class Thing:\n    pass\ndef use(): return Thing\nthing = Thing()\nthing.self = thing\nthing.text = 'x' * 10000\nprint('ok')\n",
		"pl": "my @list = (1 .. 500); my $text = 'x' x 10000;\nsub use_it { return scalar @list }\nour %table = (a => \\@list);\nprint use_it() ? \"ok\\n\" : '';\n",
		"rb": "class Thing; def use; Limit; end; end\nLimit = 'x' * 10000\ndef helper; Thing.new; end\nhelper.use\nputs 'ok'\n",
	} {
		t.Run(languages[ext], func(t *testing.T) {
			t.Parallel()
			w := spawn(t, languages[ext], resident.Start{})
			path := writeScript(t, "script."+ext, script)
			run := func(n int) {
				for range n {
					if r := w.do(request{script: path, body: "body"}); r.stdout() != "ok\n" {
						t.Fatalf("%+v", r)
					}
				}
			}
			run(1000)
			before := privateMemory(t, w.pid)
			run(4000)
			if after := privateMemory(t, w.pid); after > before+6144 {
				t.Errorf("worker has grown from %d to %d KB in 4000 requests", before, after)
			}
		})
	}
}

// TestEndMarker: __END__ may be the last of a file, without a line break.
func TestEndMarker(t *testing.T) {
	for name, text := range map[string]string{
		"end.pl": "print \"body\\n\";\n__END__",
		"end.rb": "puts \"body#{DATA.read}\"\n__END__",
	} {
		w := spawn(t, languages[name[len("end."):]], resident.Start{})
		if r := w.do(request{script: writeScript(t, name, text)}); r.stdout() != "body\n" {
			t.Errorf("%s: %q: %s", name, r.stdout(), r.stderr)
		}
	}
}
