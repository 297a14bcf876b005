package supervisor

import (
	"time"

	"github.com/anyfpm/anyfpm/internal/usage"
)

// splitAfter is how much CPU time a worker uses until its division into user
// and system time is taken anew: several of the kernel's ticks, which it is
// sampled by.
const splitAfter = 40 * time.Millisecond

// A stopwatch tells how much CPU time a resident worker uses for each request.
// A reading costs a quarter of a microsecond, more when the worker has just run
// on another processor, twice per request; see gauges.sample for when that is
// spent.
type stopwatch struct {
	pid     int // whose clock it reads; 0 while it stands
	started time.Duration
	last    time.Duration
	lastAt  time.Duration // the turn of the loop in which last was read

	splitTotal, splitUser time.Duration // at the last division
	userShare             float64
}

// start begins a request.
func (w *stopwatch) start(pid int, now time.Duration) {
	w.pid = 0
	if w.lastAt != now { // else it has just ended the request before
		cpu, ok := usage.CPU(pid)
		if !ok {
			return
		}
		w.last, w.lastAt = cpu, now
	}
	w.pid, w.started = pid, w.last
}

// reset has a request not measured.
func (w *stopwatch) reset() { w.pid = 0 }

// stop ends a request and returns what its worker has used since start. It is
// false if start was not called, or the worker is gone.
func (w *stopwatch) stop(now time.Duration) (user, system time.Duration, ok bool) {
	if w.pid == 0 {
		return 0, 0, false
	}
	cpu, ok := usage.CPU(w.pid)
	if !ok {
		return 0, 0, false
	}
	w.last, w.lastAt = cpu, now
	w.divide()
	w.pid = 0
	total := cpu - w.started
	user = time.Duration(float64(total) * w.userShare)
	return user, total - user, true
}

// divide learns which share of its CPU time the worker spends outside the
// kernel. That is known by ticks only, so it is learnt over many requests,
// except of one that is long enough by itself.
func (w *stopwatch) divide() {
	total := w.last - w.splitTotal
	if total < splitAfter && w.splitTotal > 0 {
		return
	}
	user, ok := usage.UserCPU(w.pid)
	if !ok || total <= 0 {
		return
	}
	w.userShare = min(1, float64(user-w.splitUser)/float64(total))
	w.splitTotal, w.splitUser = w.last, user
}
