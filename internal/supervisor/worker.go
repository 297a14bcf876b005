package supervisor

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/runner"
	"github.com/anyfpm/anyfpm/pool"
	"github.com/anyfpm/anyfpm/slowlog"
	"github.com/anyfpm/anyfpm/status"
)

// A worker is a process that stays and serves one request after the other.
type worker struct {
	s     *Supervisor
	lease *pool.Worker
	// purpose is why package pool wanted it.
	purpose pool.Reason
	pid     int // 0 until it is started
	socket  string

	links []*link // open connections
	idle  []*link // those without a request
	lost  []*link // closed ones whose request is not over

	row       row
	stopwatch stopwatch
	footprint footprint
	target    *slowlog.Target // of looks at it, nil before the first
	memory    phpMemory
	stdout    readPipe // of a FastCGI program, for the log
	stderr    readPipe
	lines     lines
	complaint complaint
	startedAt time.Duration
	isReady   bool
	isLeaving bool // it takes no further request
	exiting   bool // its process is gone
	parted    bool // package pool counts it no more
	inline    int  // the longest body that may be sent inline
	again     bool // a second zygote forks it
	crashed   bool // killed by somebody else
	refused   bool // it did not accept a connection
	deaf      bool // it has left a request unread
	awaited   bool // its end was seen coming, and more time given
	gone      bool
	broken    error          // why it was given up
	signal    syscall.Signal // the strongest that was sent
	terminate syscall.Signal // runner.Plan.Terminate
	stopped   pool.Reason
	timer     *loop.Timer // waits for the probe's answer, later for an exit
	reading   *loop.Timer // waits until it has read its request; nil if it has told that it is ready
}

func workerOf(w *pool.Worker) *worker {
	owner, _ := w.Owner.(*worker)
	return owner
}

// serve hands a request to the worker, over a kept connection or a new one.
func (w *worker) serve(r *request) {
	var l *link
	if n := len(w.idle); n > 0 {
		l = w.idle[n-1]
		w.idle = w.idle[:n-1]
	} else if l = w.newLink(r); l == nil {
		return
	}
	r.worker = w
	if w.inline == runner.InlineAll && !r.body.complete() {
		w.idle = append(w.idle, l)
		r.tooLarge()
		return
	}
	if w.s.cfg.RunnerConcurrency <= 1 && w.s.sample(w.s.loop.Now()) {
		w.stopwatch.start(w.pid, w.s.loop.Now())
	} else {
		w.stopwatch.reset()
	}
	if w.reading != nil {
		w.s.loop.Set(w.reading, w.s.loop.Now()+w.s.cfg.RunnerStartTime)
	}
	l.serve(r)
}

// tooLarge refuses a request whose worker takes whole bodies only, and which has
// one that is streamed.
func (r *request) tooLarge() {
	r.log().Warn("request body too large for a worker that receives no descriptors, client gets 413", r.attr(),
		slog.Int64("request_body.spool", r.s.cfg.BodySpool))
	r.outcome = status.Denied
	r.lease.Retryable = false
	r.answer(newAnswer(413, "", ""))
	r.dropInput()
	r.released()
}

// newLink connects to the worker for a request. Without success the worker's
// exit has the request tried again, whatever it is: nobody has seen it.
func (w *worker) newLink(r *request) *link {
	if w.s.runner.Wiring() == runner.Control { // its only connection is lost
		r.worker, r.cause = w, fmt.Sprintf("child %d has closed its connection", w.pid)
		r.unseen()
		w.expectExit()
		return nil
	}
	l, err := w.s.connect(w)
	if err != nil {
		r.worker, r.cause = w, err.Error()
		r.unseen()
		w.refused = true
		w.fail(err)
	}
	return l
}

// unseen permits to try a request again that no worker has read, and tells
// whether all of it is still there.
func (r *request) unseen() bool {
	r.worker.deaf = true
	r.lease.Unread = r.whole()
	return r.lease.Unread
}

// whole rewinds what a worker was given of the request, and tells whether all of
// it is still there.
func (r *request) whole() bool {
	return r.body.rewind() && r.data.rewind()
}

// said takes FCGI_STDERR of a request.
func (w *worker) said(r *request, p []byte) {
	if w.s.compat.php {
		r.phpSaid(p)
		return
	}
	w.lines.add(onStderr, p, w)
	r.Stderr(p)
}

// readOutput takes what the worker says on its own stdout and stderr. It
// belongs to the request it serves, if it serves just one.
func (w *worker) readOutput() {
	w.readStream(onStdout, &w.stdout)
	w.readStream(onStderr, &w.stderr)
}

func (w *worker) readStream(s stream, pipe *readPipe) {
	for pipe.readable {
		data, _ := pipe.read(w.s.drainBuf)
		if data == nil {
			return
		}
		w.lines.add(s, data, w)
		if r := w.only(); r != nil && !w.s.compat.php {
			r.Stderr(data)
		}
	}
}

// endLines has the lines of a request end with it. What the worker printed
// before the end of its response is in its pipes by now; the events for it may
// be those of the next turn.
func (w *worker) endLines() {
	w.s.spoken = append(w.s.spoken, w)
	if w.s.cfg.CatchWorkersOutput {
		w.stdout.readable = w.stdout.fd >= 0
		w.stderr.readable = w.stderr.fd >= 0
		w.readOutput()
	}
}

// only returns the request that the worker serves, nil if it serves none or
// several.
func (w *worker) only() *request {
	var only *request
	for _, l := range w.links {
		if l.r == nil {
			continue
		}
		if only != nil {
			return nil
		}
		only = l.r
	}
	return only
}

// sayLine implements speaker.
func (w *worker) sayLine(on stream, line []byte) {
	w.s.workerSaid(w.pid, on, line)
	if !w.s.cfg.CatchWorkersOutput && w.s.runner.Wiring() == runner.Control {
		w.complaint.add(on, line)
	}
}

// A complaint is what a worker has said during a request. It is logged if the
// request fails, even if the pool does not want what its workers say.
type complaint struct {
	lines  []heldLine // without their source
	size   int
	failed bool
}

func (c *complaint) add(on stream, line []byte) {
	if c.size += len(line); on == onStderr && c.size <= maxHeld {
		c.lines = append(c.lines, heldLine{line: bytes.Clone(line)})
	}
}

// complain ends a request's complaint.
func (w *worker) complain() {
	if w.complaint.failed && w.s.log.Enabled(context.Background(), logfile.LevelWarning) {
		source := fmt.Sprintf("child %d said into %s", w.pid, onStderr)
		for _, l := range w.complaint.lines {
			logfile.Output(w.s.log, source, l.line)
		}
		w.s.said = true
	}
	clear(w.complaint.lines)
	w.complaint = complaint{lines: w.complaint.lines[:0]}
}

// drop forgets a closed connection.
func (w *worker) drop(l *link) {
	w.links = remove(w.links, l)
	w.idle = remove(w.idle, l)
}

func remove(links []*link, l *link) []*link {
	for i, other := range links {
		if other == l {
			last := len(links) - 1
			links[i] = links[last]
			links[last] = nil
			return links[:last]
		}
	}
	return links
}
