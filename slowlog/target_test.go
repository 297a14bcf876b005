package slowlog

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// inode is the number of one.
var inode = regexp.MustCompile(`\[\d+\]`)

// sleeper is a Python program that says END when it is about to wait for its
// input.
const sleeper = `
import sys
def query():
    print("END", flush=True); sys.stdin.read()
def handler():
    query()
handler()
`

func hasFrame(r Report, function string) bool {
	return slices.ContainsFunc(r.Stacks, func(s Stack) bool {
		return slices.ContainsFunc(s.Frames, func(f Frame) bool { return f.Func == function })
	})
}

func TestProcessThatIsGone(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	target, err := Open(cmd.Process.Pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	r := target.Report(context.Background())
	if len(r.Stacks) != 0 || len(r.Notes) != 1 || r.PID != cmd.Process.Pid {
		t.Errorf("got %+v", r)
	}
	if _, err := Open(cmd.Process.Pid, Options{}); err == nil {
		t.Error("a process that is gone was opened")
	}
}

func TestPIDThatIsAnotherProcess(t *testing.T) {
	target, err := Open(os.Getpid(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	target.start-- // as if the process had been an earlier one
	r := target.Report(context.Background())
	if len(r.Stacks) != 0 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "another one has its pid") {
		t.Errorf("got %+v", r)
	}
}

// A worker that becomes another program is looked at anew.
func TestExec(t *testing.T) {
	program := filepath.Join(t.TempDir(), "sleeper.py")
	if err := os.WriteFile(program, []byte(sleeper), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `echo END; read line; exec /usr/bin/python3 "$0"`, program)
	stdin, stdout := pipes(t, cmd)
	expectLine(t, stdout, "END")
	target, err := Open(cmd.Process.Pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r := target.Report(context.Background()); hasFrame(r, "query") || len(r.Stacks) == 0 || r.Stacks[0].Runtime != "native" {
		t.Errorf("before exec: %+v", r)
	}
	if _, err := io.WriteString(stdin, "go\n"); err != nil {
		t.Fatal(err)
	}
	expectLine(t, stdout, "END")
	if r := target.Report(context.Background()); !hasFrame(r, "query") || !hasFrame(r, "handler") {
		t.Errorf("after exec: %+v", r)
	}
}

// A process that becomes another program again and again while it is looked at,
// and then is killed, is shown as what it is or not at all.
func TestChangingProcess(t *testing.T) {
	dir := t.TempDir()
	python, perl := filepath.Join(dir, "p.py"), filepath.Join(dir, "p.pl")
	for name, text := range map[string]string{
		python: "import os, sys\ndef in_python(n):\n  for i in range(100000): pass\n  if n: os.execv('/usr/bin/perl', ['perl', sys.argv[1], sys.argv[0], str(n)])\n  print('END', flush=True); sys.stdin.read()\nin_python(int(sys.argv[2]))\n",
		perl:   "sub in_perl { my ($py, $n) = @_; for (1..100000) { $a++ } exec '/usr/bin/python3', $py, $0, $n - 1 }\nin_perl(@ARGV);\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/usr/bin/python3", python, perl, "20")
	_, stdout := pipes(t, cmd)
	target, err := Open(cmd.Process.Pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	look := func() Report {
		r := target.Report(t.Context())
		for _, s := range r.Stacks {
			language, _, _ := strings.Cut(s.Runtime, " ")
			for _, f := range s.Frames {
				if f.Func == "in_python" && language != "python" || f.Func == "main::in_perl" && language != "perl" {
					t.Errorf("a stack of %s has %v", s.Runtime, f)
				}
			}
		}
		if len(r.Stacks) == 0 && len(r.Notes) == 0 && r.Wait.State == "" {
			t.Errorf("a report of nothing: %+v", r)
		}
		return r
	}
	said := make(chan string, 1)
	go func() {
		line, _ := stdout.ReadString('\n')
		said <- line
	}()
	for len(said) == 0 {
		look()
	}
	if line := <-said; line != "END\n" {
		t.Fatalf("the program said %q", line)
	}
	if r := look(); !hasFrame(r, "in_python") {
		t.Errorf("in the end: %+v", r)
	}
	go cmd.Process.Kill()
	eventually(t, "the process has ended", func() bool {
		r := look()
		return len(r.Stacks) == 0 && r.Wait.State == "Z" // nobody has waited for it
	})
}

func pipes(t *testing.T, cmd *exec.Cmd) (io.WriteCloser, *bufio.Reader) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return stdin, bufio.NewReader(stdout)
}

func expectLine(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil || strings.TrimSpace(line) != want {
		t.Fatalf("got %q, %v; want %q", line, err, want)
	}
}

// A shell script that waits for a Python program shows that program's stack.
func TestStackOfAChild(t *testing.T) {
	program := filepath.Join(t.TempDir(), "sleeper.py")
	if err := os.WriteFile(program, []byte(sleeper), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `/usr/bin/python3 "$0"; true`, program)
	_, stdout := pipes(t, cmd)
	expectLine(t, stdout, "END")
	var r Report
	eventually(t, "the child waits for its input", func() bool {
		r = report(t, cmd.Process.Pid)
		return len(r.Children) == 1 && r.Children[0].Wait.Call == "read"
	})
	if !hasFrame(r, "query") || r.Stacks[0].PID != r.Children[0].PID {
		t.Errorf("stacks %+v", r.Stacks)
	}
	if r.Wait.Call != "wait4" {
		t.Errorf("the shell waits in %v", r.Wait)
	}
	if c := r.Children[0]; c.Parent != cmd.Process.Pid || !strings.Contains(c.Command, program) || !strings.HasPrefix(c.Wait.Descriptors[0].Target, "pipe:") {
		t.Errorf("child %+v", c)
	}
}

// An interpreter of a version that is not known is named, and never guessed
// at; native frames and the tree are there.
func TestUnknownVersion(t *testing.T) {
	pid := startC(t, `
#include <stdio.h>
#include <unistd.h>
char _PyRuntime[4096] = "xdebugpy";
const unsigned long Py_Version = 0x030f00f0;
char PyCode_Type[8], PyUnicode_Type[8], PyFrame_Type[8];
__attribute__((noinline)) int query(void) { char c; puts("END"); fflush(stdout); return read(0, &c, 1); }
int main(void) { return query() + 1; }
`, "-O2", "-rdynamic")
	r := report(t, pid)
	const want = "python 3.15.0 is not known to this build"
	if !slices.Contains(r.Notes, want) || r.Advice != want {
		t.Errorf("notes %q, advice %q; want %q", r.Notes, r.Advice, want)
	}
	if !hasFrame(r, "query") || r.Stacks[0].Runtime != "native" {
		t.Errorf("stacks %+v", r.Stacks)
	}
}

// Only one sample of a process is under way, and nobody waits for it longer
// than he wants to.
func TestReportDoesNotWait(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	pipes(t, cmd)
	target, err := Open(cmd.Process.Pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	target.busy <- struct{}{}
	if r := target.Report(context.Background()); len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "still under way") {
		t.Errorf("notes %q", r.Notes)
	} else if r.Wait.State == "" {
		t.Error("a process that is there is said to be gone")
	}
	<-target.busy
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	target.Report(ctx)
	eventually(t, "a report that nobody waits for is done", func() bool { return len(target.busy) == 0 })
}

// stuck is a sampler that takes until the report is given up, and longer.
type stuck struct {
	giveUp context.CancelFunc
	until  <-chan struct{}
}

func (stuck) Name() string { return "stuck" }

func (s stuck) Walk(*procmem.Memory, stack.Limits) ([]stack.Stack, error) {
	s.giveUp()
	<-s.until
	return nil, nil
}

// A report that is given up while the stack is looked for has all the rest.
func TestReportWithoutStack(t *testing.T) {
	pid := startC(t, cHead+`int main(void) { char c; puts("END"); fflush(stdout); return read(0, &c, 1); }`, "-O2")
	target, err := Open(pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the program reads", func() bool { return target.Report(t.Context()).Wait.Call == "read" })
	ctx, cancel := context.WithCancel(t.Context())
	until := make(chan struct{})
	target.program.sampler, target.program.native = idle{}, stuck{cancel, until}
	r := target.Report(ctx)
	if r.Wait.Call != "read" || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "not found in time") {
		t.Errorf("got %+v", r)
	}
	close(until)
	eventually(t, "the look is over", func() bool { return len(target.busy) == 0 })
}

// idle is an interpreter that runs nothing.
type idle struct{}

func (idle) Name() string { return "idle" }

func (idle) Walk(*procmem.Memory, stack.Limits) ([]stack.Stack, error) { return nil, nil }

// What a process waits for, of each kind there is.
func TestWaits(t *testing.T) {
	for name, c := range map[string]struct{ code, want string }{
		"poll":   {"import select, os; r, w = os.pipe(); p = select.poll(); p.register(r); END(); p.poll()", "poll(R pipe:[N])"},
		"select": {"import select, os; r, w = os.pipe(); END(); select.select([r], [], [])", "pselect6(R pipe:[N])"},
		"epoll":  {"import select, os; r, w = os.pipe(); p = select.epoll(); p.register(r, 1); END(); p.poll()", "epoll_wait(R pipe:[N])"},
		"read":   {"import os; r, w = os.pipe(); END(); os.read(r, 1)", "read(R pipe:[N])"},
		"wait":   {"import subprocess; c = subprocess.Popen(['sleep', '600']); r = c.pid; END(); c.wait()", "wait4(process R)"},
		"lock":   {"import fcntl; f = open(NAME, 'w'); fcntl.flock(f, 2); g = open(NAME, 'w'); r = g.fileno(); END(); fcntl.flock(g, 2)", "flock(R NAME)"},
		"open":   {"import os; os.mkfifo(NAME); r = 0; END(); open(NAME)", "openat(NAME)"},
		"tcp":    {"import socket; l = socket.create_server(('127.0.0.1', 0)); s = socket.create_connection(l.getsockname()); r = s.fileno(); p = s.getsockname()[1]; q = l.getsockname()[1]; END(); s.recv(1)", "recvfrom(R tcp 127.0.0.1:P -> 127.0.0.1:Q)"},
		"unix":   {"import socket; l = socket.socket(1); l.bind(NAME); l.listen(); s = socket.socket(1); s.connect(NAME); r = s.fileno(); END(); s.recv(1)", "recvfrom(R unix NAME)"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "name")
			head := fmt.Sprintf("NAME = %q\ndef END():\n  print(globals()['r'], globals().get('p', 0), globals().get('q', 0), flush=True)\n", file)
			cmd := exec.Command("/usr/bin/python3", "-c", head+c.code)
			_, stdout := pipes(t, cmd)
			line, err := stdout.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			var fd, p, q string
			fmt.Sscan(line, &fd, &p, &q)
			want := strings.NewReplacer("R", fd, "P", p, "Q", q, "NAME", file).Replace(c.want)
			var got string
			defer func() {
				if got != want {
					t.Logf("waits in %q", got)
				}
			}()
			eventually(t, "the process waits in "+want, func() bool { // it is on its way there
				got = inode.ReplaceAllString(report(t, cmd.Process.Pid).Wait.String(), "[N]")
				return got == want
			})
			if name == "wait" {
				exec.Command("kill", fd).Run()
			}
		})
	}
}

func TestTrace(t *testing.T) {
	program := filepath.Join(t.TempDir(), "sleeper.py")
	if err := os.WriteFile(program, []byte(sleeper), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", program)
	_, stdout := pipes(t, cmd)
	expectLine(t, stdout, "END")
	var out strings.Builder
	if err := Trace(&out, cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("process %d  /usr/bin/python3 %s\n", cmd.Process.Pid, program),
		"  waits in  ",
		"\npython 3.",
		"  query  " + program + ":4\n  handler  " + program + ":6\n  <module>  " + program + ":7\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if err := Trace(&out, 1<<22+1); err == nil {
		t.Error("a process that is not there was traced")
	}
}

// A report is quick: no sleep hides in it.
func TestReportIsQuick(t *testing.T) {
	pid := startC(t, cHead+`int main(void) { char c; puts("END"); fflush(stdout); return read(0, &c, 1); }`, "-O2")
	target, err := Open(pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	target.Report(context.Background())
	eventually(t, "one of many reports is quick", func() bool { // the others had to wait for a processor
		return target.Report(context.Background()).Took < 20*time.Millisecond
	})
}
