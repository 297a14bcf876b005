package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/runner"
	"github.com/anyfpm/anyfpm/pool"
	"github.com/anyfpm/anyfpm/status"
)

const (
	// exitPatience is how long after its connection a worker's exit may come.
	exitPatience = 200 * time.Millisecond
	// crashPause is how long a request of a worker that was killed waits until
	// it is tried again. What has killed one worker may be killing all of them
	// at this moment, and a request has two attempts only.
	crashPause = 50 * time.Millisecond
)

// waited is called when the answer to the probe, or the exit that should
// follow a lost connection, did not come in time.
func (w *worker) waited() {
	switch {
	case w.gone:
		w.part()
	case w.lingers():
	case !w.awaited && proc.Ending(w.pid):
		w.awaited = true
		w.s.loop.Set(w.timer, w.s.loop.Now()+leavePatience)
	case w.worksOn():
	case w.isLeaving, w.s.runner.Wiring() == runner.Control:
		w.kill(syscall.SIGKILL)
	case !w.isReady:
		w.unanswered()
	default:
		w.abandoned()
	}
}

// linkLost is a connection without a request that the worker closed: some
// programs do so after a while, or after each request, and some because they
// are about to exit.
func (w *worker) linkLost(l *link) {
	probing := l.probing && !w.isReady // it closes instead of answering FCGI_GET_VALUES; if it lives it will do
	if !w.gone && !w.isLeaving && (probing || w.s.runner.Wiring() == runner.Control) {
		w.s.loop.Set(w.timer, w.s.loop.Now()+exitPatience)
	}
}

// expectExit waits a moment for the exit that explains a lost connection.
func (w *worker) expectExit() {
	if !w.gone {
		w.s.loop.Set(w.timer, w.s.loop.Now()+exitPatience)
	}
}

var errClosed = errors.New("it closed the connection without END_REQUEST")

// abandoned ends the requests whose connection the worker has closed while it
// lives on. It may have closed it before it saw the request, which is then worth
// another.
func (w *worker) abandoned() {
	lost := w.lost
	w.lost = nil
	for _, l := range lost {
		r := l.r
		if r == nil {
			continue
		}
		l.r, r.link = nil, nil
		r.cause = fmt.Sprintf("child %d failed: %v", w.pid, errClosed)
		if r.lease.Retryable && !r.again && r.whole() {
			r.again = true
			r.retry()
			w.serve(r)
			continue
		}
		r.outcome = status.WorkerDied
		r.bereaved()
		r.released()
	}
}

// fail gives up a worker that can not be spoken to: it is killed, and its
// exit does the rest.
func (w *worker) fail(err error) {
	w.s.log.Warn("worker failed, it is replaced", slog.Int("pid", w.pid), slog.Any("err", err))
	w.broken = err
	w.kill(syscall.SIGKILL)
}

func (w *worker) kill(sig syscall.Signal) {
	if w.signal != syscall.SIGKILL {
		w.signal = sig
	}
	if w.gone {
		return
	}
	if w.pid == 0 {
		if z := w.s.zygote; z != nil && sig == syscall.SIGKILL {
			z.kill(sig) // it hangs, and the worker with it
		}
		return
	}
	// A program that waits for the next request on a kept connection may not
	// look at the signal before it ends (php-cgi).
	for len(w.idle) > 0 {
		w.idle[len(w.idle)-1].close()
	}
	if err := w.s.signal(w.pid, sig); err != nil {
		w.s.log.Error("cannot stop worker", slog.Any("err", err))
	}
}

func (w *worker) onExit(exit proc.Exit) {
	w.exiting = true
	for _, l := range slices.Clone(w.links) {
		l.lastWords()
	}
	w.stdout.toEnd()
	w.stderr.toEnd()
	w.readOutput()
	w.endScripts(exit)
	w.lines.flush(w)
	d := death{exit: exit, stopped: w.stopped, signal: w.signal, early: !w.isReady}
	w.s.count(&d)
	line := exitLine(exit, w.s.loop.Now()-w.startedAt)
	if w.reaped() {
		line = idleLine(exit.PID, w.s.loop.Now()-w.startedAt)
	}
	w.explain(w.exitLevel(exit), line, &d)
	cause := line
	if w.broken != nil && (exit.Status.Signaled() || !w.refused) { // else its end is why it refused
		cause = fmt.Sprintf("child %d failed: %v", exit.PID, w.broken)
	}
	w.mourn(cause)
	if !w.isReady || w.stopped == 0 && w.untried() {
		w.s.lastFailure = cause
		if w.stopped == pool.StartTimeout {
			w.s.lastFailure = fmt.Sprintf("child %d was not ready within runner.start_timeout (%v)", exit.PID, w.s.cfg.RunnerStartTime)
		}
		if last := w.lines.lastLine(); last != "" {
			w.s.lastFailure += ": " + last
		}
	}
	if exit.Status.Signaled() && w.signal == 0 {
		w.crashed = true
		w.s.events.Crashed(exit.PID, exit.Status.Signal())
	}
	if !w.s.compat.php {
		// Whatever the worker left in its group must not outlive it.
		proc.KillRest(exit.PID, syscall.SIGKILL)
	}
	w.retire()
}

// mourn tells the requests of the worker why it is gone.
func (w *worker) mourn(cause string) {
	for _, links := range [...][]*link{w.links, w.lost} {
		for _, l := range links {
			if r := l.r; r != nil {
				r.cause = cause
				whole := r.whole()
				r.lease.Retryable = r.lease.Retryable && whole
				r.lease.Unread = r.lease.Unread && whole
			}
		}
	}
}

// untried says that the worker has read no request: it may be its start that has
// failed.
func (w *worker) untried() bool {
	n := w.lease.Requests()
	return n == 0 || n == 1 && w.deaf
}

// reaped says that the worker was idle for too long and left when it was asked
// to.
func (w *worker) reaped() bool { return w.stopped == pool.Idle && w.signal != syscall.SIGKILL }

// outlived says that the worker was replaced after its requests or its time, or
// for its size.
func (w *worker) outlived() bool {
	return w.stopped == pool.MaxRequests || w.stopped == pool.MaxLifetime || w.stopped == pool.MaxMemory
}

// exitLevel is php-fpm's level for the end of a child.
func (w *worker) exitLevel(exit proc.Exit) slog.Level {
	switch {
	case w.isLeaving, w.reaped(), w.stopped == pool.Drained, w.stopped == pool.Shutdown:
		return slog.LevelDebug
	case exit.Status.Exited() && exit.Status.ExitStatus() == 0, w.outlived() && w.signal != syscall.SIGKILL:
		return slog.LevelInfo
	default:
		return slog.LevelWarn
	}
}

// explain logs the end of the worker. Whoever watches php-fpm's log matches its
// whole line, so what we know beyond it is one of its own then.
func (w *worker) explain(level slog.Level, line string, d *death) {
	why, last := d.attr(), w.lines.lastAttr()
	if !w.s.compat.php {
		w.s.log.LogAttrs(context.Background(), level, line, why, last)
		return
	}
	w.s.log.Log(context.Background(), level, line)
	if level == slog.LevelWarn && (why.Key != "" || last.Key != "" && !w.s.cfg.CatchWorkersOutput) {
		w.s.log.LogAttrs(context.Background(), level, "worker ended", slog.Int("pid", w.pid), why, last)
	}
}

// retire takes the worker out of the pool. Its requests are tried again or
// refused as package pool decides.
func (w *worker) retire() {
	w.gone = true
	w.memory.close()
	w.s.loop.Clear(w.timer)
	if w.reading != nil {
		w.s.loop.Clear(w.reading)
	}
	w.stdout.close()
	w.stderr.close()
	for len(w.links) > 0 {
		w.links[len(w.links)-1].close()
	}
	for _, l := range w.lost {
		if r := l.r; r != nil {
			l.r, r.link, r.worker = nil, nil, nil
		}
	}
	w.lost = nil
	if w.socket != "" {
		_ = unix.Unlink(w.socket)
	}
	if (w.crashed || w.refused) && w.lease.State() == pool.StateBusy {
		w.crashed, w.refused = false, false
		w.s.loop.Set(w.timer, w.s.loop.Now()+crashPause)
		return
	}
	w.part()
}

// part takes the worker out of package pool, which may start another in its
// place.
func (w *worker) part() {
	if w.parted {
		return
	}
	w.parted = true
	w.lease.Owner = nil
	w.s.perform(w.s.pool.Exited(w.s.loop.Now(), w.lease))
}
