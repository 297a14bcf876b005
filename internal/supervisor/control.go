package supervisor

import (
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/runner"
	"github.com/anyfpm/anyfpm/status"
)

// leavePatience is how long a worker that has said it will leave may take, or
// one that is seen to be ending.
const leavePatience = exitPatience * 25

// controlEnds are the descriptors of a resident interpreter that speaks the
// worker protocol: the worker's ends.
type controlEnds struct {
	control, stdout, stderr int
}

// openControl makes the worker's one connection and its pipes.
func (w *worker) openControl() (ends controlEnds, err error) {
	ends = controlEnds{-1, -1, -1}
	defer func() {
		if err != nil {
			ends.close()
		}
	}()
	var pair [2]int
	if pair, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return ends, fmt.Errorf("cannot make a worker's control socket: %w", err)
	}
	ends.control = pair[1]
	loop.SetNonblock(pair[0], unix.O_RDWR)
	l, err := w.s.addLink(w, pair[0])
	if err != nil {
		return ends, err
	}
	if ends.stdout, err = l.stdout.open(w.s.loop, l.readStdout); err != nil {
		return ends, err
	}
	ends.stderr, err = w.stderr.open(w.s.loop, w.readOutput)
	return ends, err
}

// loseControl undoes openControl for a worker that does not exist yet.
func (w *worker) loseControl() {
	for len(w.links) > 0 {
		w.links[len(w.links)-1].close()
	}
	w.stderr.close()
}

func (e controlEnds) list() []int { return []int{e.control, e.stdout, e.stderr} }

func (e controlEnds) close() {
	for _, fd := range e.list() {
		if fd >= 0 {
			loop.Close(fd)
		}
	}
}

// openProgram returns a pipe with the program of an interpreter.
func openProgram(text []byte) (int, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return -1, fmt.Errorf("cannot create a pipe: %w", err)
	}
	n, err := unix.Write(fds[1], text)
	_ = unix.Close(fds[1])
	_ = unix.SetNonblock(fds[0], false)
	if err != nil || n < len(text) {
		_ = unix.Close(fds[0])
		return -1, fmt.Errorf("cannot hand over the worker's program: %d of %d bytes written: %w", n, len(text), err)
	}
	return fds[0], nil
}

// begin sends a request to a worker that speaks the worker protocol. Its body
// goes inline if it is there whole and small, else as a descriptor.
func (l *link) begin(r *request) error {
	req := &r.forRunner
	descriptor := -1
	switch {
	case r.body.eof && r.body.pending() == 0:
		req.Body = runner.NoBody
	case l.w.inline == runner.InlineAll,
		r.body.complete() && r.body.file == 0 && r.body.pending() <= int64(l.w.inline):
		req.Body, req.BodyLen = runner.InlineBody, int(r.body.pending())
	default:
		var err error
		if descriptor, err = l.stdin.open(l.s, r, &r.body); err != nil {
			return err
		}
		defer loop.Close(descriptor)
		req.Body = runner.DescriptorBody
	}
	l.inputDone = true // what is left of it goes through l.stdin
	l.out = l.dlg.Begin(l.frame(), req)
	if req.Body == runner.InlineBody {
		for r.body.pending() > 0 {
			piece, err := r.body.next(l.s.bodyBuf)
			if err != nil {
				return err
			}
			l.out = append(l.out, piece...)
		}
	}
	if descriptor < 0 {
		return nil
	}
	n, errno := loop.Send(l.fd, l.out, descriptor)
	if errno != 0 {
		return fmt.Errorf("cannot send a request to worker %d: %w", l.w.pid, errno)
	}
	l.sent, l.fresh = n, false
	return nil
}

// readStdout relays what comes through the worker's stdout: what did not fit
// the worker's own buffer, and what the children of a script say.
func (l *link) readStdout() {
	for l.stdout.readable && (l.r == nil || !l.r.congested()) {
		data, eof := l.stdout.read(l.s.relayBuf)
		if eof {
			l.mute()
		}
		if data == nil {
			return
		}
		l.Stdout(data)
	}
}

// mute ends the response of a script that can say nothing more: its worker's
// connection and stdout are closed. The script may go on working, as with CGI.
func (l *link) mute() {
	if !l.severed || l.stdout.fd >= 0 || l.w.gone {
		return
	}
	// Its exit, which says how it ended, mostly comes at once. One that was
	// killed has closed all this, too, and must not be taken for one that works
	// on: without a header nobody waits for the difference.
	patience := time.Second
	if l.r == nil || !l.r.resp.began {
		patience = leavePatience
	}
	l.s.loop.Set(l.w.timer, l.s.loop.Now()+patience)
}

// worksOn ends the response of a script that can say nothing more but did not
// exit, and tells whether there is one.
func (w *worker) worksOn() bool {
	for _, l := range w.links { // its only one
		if l.r != nil && l.severed && l.stdout.fd < 0 {
			l.Finish(runner.Ending{})
			return true
		}
	}
	return false
}

// Drain implements runner.Sink.
func (l *link) Drain(stdout, stderr bool) {
	if stdout && l.stdout.fd >= 0 {
		for l.stdout.toEnd(); l.stdout.readable; {
			data, _ := l.stdout.read(l.s.drainBuf)
			l.Stdout(data)
		}
	}
	if stderr && l.w.stderr.fd >= 0 {
		l.w.stderr.readable = true
		l.w.readOutput()
	}
}

// Finish implements runner.Sink.
func (l *link) Finish(e runner.Ending) {
	if l.r != nil && !l.finished {
		l.finished = true
		l.r.complete(e)
		l.s.perform(l.s.pool.Responded(l.s.loop.Now(), &l.r.lease))
	}
}

// complete ends the response as its worker says.
func (r *request) complete(e runner.Ending) {
	if e.Failed {
		r.failed(e.AppStatus)
		return
	}
	r.End(e.AppStatus)
}

// failed ends the response of a script or an application that ended with an
// uncaught error: with 500, unless it has sent a header before. What a script
// has printed is its response all the same, as with CGI; that of an application
// is known to lack something.
func (r *request) failed(appStatus uint32) {
	begun := r.resp.began || r.resp.muted
	what := "request failed, client gets 500"
	if begun {
		what = "request failed after its response had begun"
	}
	r.log().Warn(what, slog.Int("pid", r.pid()), slog.String("script", r.script), r.attr())
	switch {
	case !begun:
		r.answer(scriptFailed())
	case r.s.traits.Scripts:
		r.End(appStatus)
	default:
		r.outcome = status.BadResponse
		r.cutOff()
	}
}

// endScripts answers the request of a worker that exited by itself and
// did not say how its script ended, which scripts may have it do: by _exit, or
// by exec of another program. The response is what they printed, as with CGI.
func (w *worker) endScripts(exit proc.Exit) {
	if !w.s.traits.Scripts || w.signal != 0 || !exit.Status.Exited() {
		return
	}
	for _, l := range slices.Clone(w.links) {
		if l.r != nil {
			l.Drain(true, false)
			l.End(runner.Ending{AppStatus: uint32(exit.Status.ExitStatus())})
			l.release()
		}
	}
}

// dismiss ends the connection of an idle worker that speaks the worker protocol
// and stays, and tells whether this is one. It ends as a program does, then, and
// not on a signal: its libraries do what they have to do at the end. Package pool
// has it killed if it does not end.
func (w *worker) dismiss() bool {
	if w.s.runner.Wiring() != runner.Control || w.s.traits.Once || len(w.idle) == 0 {
		return false
	}
	w.signal = syscall.SIGTERM // what happens now is not its own doing
	w.idle[0].close()
	return true
}

// leaving waits for the exit of a worker that said it will leave. A fork for one
// request does so at once, and the loop need not be told of the end of its stderr
// beside that of the process.
func (w *worker) leaving() {
	w.isLeaving = true
	patience := leavePatience
	if w.s.traits.Once {
		w.stderr.rest()
		patience = exitPatience
	}
	w.s.loop.Set(w.timer, w.s.loop.Now()+patience)
}

// lingers says that the worker has not left at once, which may be because nobody
// reads its stderr.
func (w *worker) lingers() bool {
	if !w.stderr.resting {
		return false
	}
	if err := w.stderr.resume(); err != nil {
		w.s.log.Error(err.Error())
	}
	w.s.loop.Set(w.timer, w.s.loop.Now()+leavePatience-exitPatience)
	return true
}

// compile tells the zygote to have a script ready that a worker had to
// compile.
func (s *Supervisor) compile(script string) {
	if s.zygote != nil && s.zygote.ready {
		s.zygote.send(s.zygote.dlg.Compile(nil, script))
	}
}
