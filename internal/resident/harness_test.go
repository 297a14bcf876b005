package resident_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/resident"
	"github.com/anyfpm/anyfpm/internal/runner/runtime"
)

// patience is how long a worker may be silent before a test fails.
const patience = 2 * time.Minute

// A worker is a process that speaks the protocol, and the supervisor's side
// of it in its simplest form: blocking, one request at a time.
type worker struct {
	t       testing.TB
	cmd     *exec.Cmd // nil for a zygote's child
	pid     int
	control int // the supervisor's ends
	stdout  int
	stderr  int
	decoder resident.Decoder
	pending []byte // read from control, not yet decoded
	hello   resident.Hello
	log     bytes.Buffer // all of stderr
}

// A response is what came of a request.
type response struct {
	body     []byte // stdout
	stderr   string
	status   int
	flags    resident.Flags
	pieces   []string // stdout as it came
	finished bool     // FINISH came before END
	late     string   // stdout after FINISH, which a client never sees
	lost     bool     // the control socket ended before END
}

// A child is how a worker process is started.
type child struct {
	control, stdout, stderr *os.File
}

// newWorker makes the descriptors of a worker: the supervisor's ends, and
// those for the process, which the caller closes after its start.
func newWorker(t testing.TB) (*worker, child) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	check(t, err)
	var out, errs [2]int
	check(t, unix.Pipe2(out[:], unix.O_CLOEXEC))
	check(t, unix.Pipe2(errs[:], unix.O_CLOEXEC))
	w := &worker{t: t, control: pair[0], stdout: out[0], stderr: errs[0]}
	for _, fd := range []int{w.control, w.stdout, w.stderr} {
		check(t, unix.SetNonblock(fd, true))
	}
	t.Cleanup(w.close)
	return w, child{os.NewFile(uintptr(pair[1]), "control"), os.NewFile(uintptr(out[1]), "stdout"), os.NewFile(uintptr(errs[1]), "stderr")}
}

func (c child) close() {
	_ = c.control.Close()
	_ = c.stdout.Close()
	_ = c.stderr.Close()
}

// close ends the worker.
func (w *worker) close() {
	for _, fd := range []*int{&w.control, &w.stdout, &w.stderr} {
		if *fd >= 0 {
			_ = unix.Close(*fd)
		}
		*fd = -1
	}
	if w.pid > 0 {
		_ = unix.Kill(-w.pid, unix.SIGKILL) // also what a script has left behind
	}
	if w.cmd != nil {
		_ = w.cmd.Wait()
		w.cmd = nil
	}
}

// launch starts a worker program without waiting for its HELLO. Interpreter
// may be empty.
func launch(t testing.TB, kind, interpreter string, start resident.Start) *worker {
	t.Helper()
	program, err := runtime.Load(kind)
	check(t, err)
	if interpreter == "" {
		interpreter = "/usr/bin/" + program.Interpreter // the distribution's, not one from PATH
	}
	if _, err = exec.LookPath(interpreter); err != nil {
		t.Fatalf("%v: apt-get install python3 perl ruby python3-flask python3-django", err)
	}
	return launchCommand(t, program.Text, start, interpreter, program.Args("anyfpm: pool test")...)
}

// launchHidden starts a worker program that sees empty directories in place of
// /dev and /proc, as in a chroot.
func launchHidden(t testing.TB, kind string, start resident.Start) *worker {
	t.Helper()
	program, err := runtime.Load(kind)
	check(t, err)
	command := `mount -t tmpfs none /dev && mount -t tmpfs none /proc && exec "$@"`
	args := append([]string{"--mount", "sh", "-c", command, "sh", program.Interpreter}, program.Args("anyfpm: pool test")...)
	return launchCommand(t, program.Text, start, "unshare", args...)
}

func launchCommand(t testing.TB, text []byte, start resident.Start, name string, args ...string) *worker {
	t.Helper()
	w, ends := newWorker(t)
	w.cmd = exec.Command(name, args...)
	w.cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"}
	w.cmd.Stdin = pipeHolding(t, text)
	w.cmd.Stdout, w.cmd.Stderr = ends.stdout, ends.stderr
	w.cmd.ExtraFiles = []*os.File{ends.control}
	w.cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	// Before the start: some programs do not live to read it.
	w.send(resident.AppendStart(nil, &start))
	err := w.cmd.Start()
	ends.close()
	_ = w.cmd.Stdin.(*os.File).Close()
	check(t, err)
	w.pid = w.cmd.Process.Pid
	return w
}

// pipeHolding returns a pipe that holds text and then ends.
func pipeHolding(t testing.TB, text []byte) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	check(t, err)
	go func() { // it may be more than the pipe holds
		_, _ = w.Write(text)
		_ = w.Close()
	}()
	return r
}

// spawn starts a worker and waits until it is ready.
func spawn(t testing.TB, kind string, start resident.Start) *worker {
	t.Helper()
	start.Pool = "test"
	w := launch(t, kind, "", start)
	w.awaitHello()
	return w
}

func (w *worker) awaitHello() {
	w.t.Helper()
	ev, ok := w.next(nil)
	if !ok {
		w.t.Fatalf("worker ended before HELLO: %s", w.log.String())
	}
	if ev.Kind != resident.EventHello {
		w.t.Fatalf("worker sent %+v, not HELLO", ev)
	}
	hello, err := resident.ParseHello(ev.Data)
	check(w.t, err)
	w.drain(nil) // what was printed so far is in no response
	w.hello = hello
}

// send sends a message, and descriptors with its first byte.
func (w *worker) send(message []byte, descriptors ...int) {
	w.t.Helper()
	var rights []byte
	if len(descriptors) > 0 {
		rights = unix.UnixRights(descriptors...)
	}
	for len(message) > 0 {
		n, err := unix.SendmsgN(w.control, message, rights, nil, unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EAGAIN) {
			w.poll(unix.PollFd{Fd: int32(w.control), Events: unix.POLLOUT})
			continue
		}
		check(w.t, err)
		message, rights = message[n:], nil
	}
}

// next returns the next event of the control socket, and false at its end.
// Meanwhile it reads stdout and stderr, as a supervisor must: a worker that
// streams its response waits for that.
func (w *worker) next(r *response) (resident.Event, bool) {
	w.t.Helper()
	buf := make([]byte, 65536)
	for {
		ev, n, err := w.decoder.Next(w.pending)
		check(w.t, err)
		w.pending = w.pending[n:]
		if ev.Kind != resident.EventNone {
			return ev, true
		}
		fds := w.poll(
			unix.PollFd{Fd: int32(w.control), Events: unix.POLLIN},
			unix.PollFd{Fd: int32(w.stdout), Events: unix.POLLIN},
			unix.PollFd{Fd: int32(w.stderr), Events: unix.POLLIN})
		if fds[0].Revents != 0 {
			n, err := unix.Read(w.control, buf)
			if n == 0 || errors.Is(err, unix.ECONNRESET) {
				w.drain(r)
				return resident.Event{}, false
			}
			check(w.t, err)
			w.pending = append([]byte(nil), buf[:n]...)
			continue
		}
		w.drain(r)
	}
}

// drain reads what stdout and stderr hold now.
func (w *worker) drain(r *response) {
	w.t.Helper()
	if r == nil {
		r = &response{}
	}
	buf := make([]byte, 65536)
	for {
		n, err := unix.Read(w.stdout, buf)
		if n <= 0 || err != nil {
			break
		}
		r.add(string(buf[:n]))
	}
	for {
		n, err := unix.Read(w.stderr, buf)
		if n <= 0 || err != nil {
			return
		}
		w.log.Write(buf[:n])
		r.stderr += string(buf[:n])
	}
}

func (r response) stdout() string { return string(r.body) }

func (r *response) add(piece string) {
	if r.finished {
		r.late += piece
		return
	}
	r.body = append(r.body, piece...)
	r.pieces = append(r.pieces, piece)
}

func (w *worker) poll(fds ...unix.PollFd) []unix.PollFd {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		n, err := unix.Poll(fds, int(max(0, time.Until(deadline)).Milliseconds())) // less than 0 is for ever
		if errors.Is(err, unix.EINTR) {
			continue
		}
		check(w.t, err)
		if n == 0 {
			w.t.Fatalf("worker %d says nothing for %v", w.pid, patience)
		}
		return fds
	}
}

// A request is what a test asks of a worker.
type request struct {
	script    string
	args      []string
	variables []string // NAME=value
	body      string
	stdin     *os.File // in place of body
	// descriptor has the body handed over as a file, whatever its length.
	descriptor bool
}

// do sends a request and waits for its END.
func (w *worker) do(req request) response {
	w.t.Helper()
	w.begin(req)
	return w.finish()
}

// begin sends a request.
func (w *worker) begin(req request) {
	w.t.Helper()
	var block []byte
	for _, v := range append([]string{"REQUEST_METHOD=GET", "SCRIPT_FILENAME=" + req.script}, req.variables...) {
		block = append(append(block, v...), 0)
	}
	r := resident.Request{Script: req.script, Args: req.args, Variables: block}
	switch {
	case req.stdin != nil:
		r.Stdin = resident.DescriptorStdin
	case req.descriptor || len(req.body) > int(w.hello.Inline):
		r.Stdin = resident.DescriptorStdin
		req.stdin = fileHolding(w.t, req.body)
		defer req.stdin.Close()
	case req.body != "":
		r.Stdin = resident.InlineStdin
		r.BodyLen = len(req.body)
	}
	message := resident.AppendRequest(nil, &r)
	if r.Stdin == resident.DescriptorStdin {
		w.send(message, int(req.stdin.Fd()))
		return
	}
	w.send(append(message, req.body...))
}

// finish waits for the END of the request that begin sent.
func (w *worker) finish() response {
	w.t.Helper()
	var r response
	for {
		ev, ok := w.next(&r)
		if !ok {
			r.lost = true
			return r
		}
		if ev.Kind != resident.EventEnd && ev.Kind != resident.EventFinish {
			w.t.Fatalf("worker sent %+v in a request", ev)
		}
		if ev.Flags&(resident.DrainStdout|resident.DrainStderr) != 0 {
			w.drain(&r)
		}
		r.flags |= ev.Flags
		r.status = int(ev.Status)
		for tail := ev; !tail.Final; {
			if tail, ok = w.next(&r); !ok {
				w.t.Fatalf("worker ended in a tail")
			}
			r.add(string(tail.Data))
		}
		if ev.Kind == resident.EventEnd {
			return r
		}
		r.finished = true
	}
}

// fileHolding returns an unlinked file that holds text.
func fileHolding(t testing.TB, text string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "body")
	check(t, err)
	_, err = f.WriteString(text)
	check(t, err)
	_, err = f.Seek(0, 0)
	check(t, err)
	return f
}

// writeScript writes a script into a directory of its own and returns its path.
func writeScript(t testing.TB, name, text string) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	check(t, os.WriteFile(path, []byte(text), 0o755))
	return path
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

// eventually waits until condition holds. It is the one place that sleeps.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %v", what, patience)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
