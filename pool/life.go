package pool

import "time"

// hire makes a worker in the lowest free slot.
func (p *Pool) hire() *Worker {
	w := p.slots.take(func(last *Worker) *Worker {
		if last == nil {
			return new(Worker)
		}
		*last = Worker{Owner: last.Owner}
		return last
	})
	w.state, w.started, w.since = StateStarting, p.now, p.now
	p.count[StateStarting]++
	p.total++
	return w
}

// start makes a worker and asks for its process.
func (p *Pool) start(purpose Reason) *Worker {
	w := p.hire()
	w.owed = purpose == Initial || purpose == Replacement || p.cfg.Manager == Static
	if n := p.cfg.MaxRequests; n > 0 {
		w.limit = n - int(p.cfg.Rand()*p.cfg.MaxRequestsJitter*float64(n))
	}
	if p.limit > 0 {
		p.limit--
	}
	if p.backoff.failing() {
		purpose = Probe
	}
	p.starting.pushBack(&w.stage, w)
	p.emit(Action{Kind: Start, Worker: w, Reason: purpose})
	return w
}

// Ready says that w, of a Start, can serve requests: the handshake is done.
func (p *Pool) Ready(now time.Duration, w *Worker) []Action {
	p.begin(now)
	stopping := w.state == StateStopping
	if !p.stepWorker(w, workerReady) || stopping {
		return p.out
	}
	w.stage.leave()
	w.ready = p.now
	p.backoff.ready(p.now)
	if p.failed {
		p.failed = false
		p.emit(Action{Kind: Notice, Reason: Recovered, Worker: w})
	}
	if p.cfg.MaxLifetime > 0 {
		p.aging.pushBack(&w.age, w)
	}
	if w.elder != nil {
		p.relieve(w.elder)
	}
	p.place(w)
	p.settle()
	return p.out
}

// Exited says that the process of w is gone, whatever state it was in. The
// requests it held are given to another worker if they are Retryable or Unread
// and this was the first attempt, else they are refused.
func (p *Pool) Exited(now time.Duration, w *Worker) []Action {
	p.begin(now)
	was := w.state
	if !p.stepWorker(w, workerExit) {
		return p.out
	}
	p.backoff.tick(p.now)
	switch {
	case p.cfg.Slots || p.phase == phaseStopping:
	case was == StateStarting, p.stillborn(w, was):
		if r := w.leases.first(); r != nil {
			r.attempts-- // it has lost nothing
		}
		p.startFailed(w)
		p.owe(w, was != StateStarting || w.owed)
	case was == StateStopping && w.reason == StartTimeout:
		p.owe(w, w.owed)
	default:
		// One idle worker too many is not replaced, unless it had to be killed:
		// it may have been at work after all.
		killed := p.cfg.Manager == Dynamic && w.signal == Kill
		p.owe(w, was != StateStopping || w.reason != Idle || killed)
	}
	p.bury(w)
	p.settle()
	return p.out
}

// stillborn reports whether w, which is gone, was of no use though it was ready:
// it has read no request.
func (p *Pool) stillborn(w *Worker, was WorkerState) bool {
	switch {
	case p.now-w.ready >= trial:
		return false
	case was == StateBusy:
		return w.requests == 1 && w.leases.first().Unread
	default:
		return was == StateIdle && w.requests == 0
	}
}

// StartDenied says that w, of a Start, may not be started now: the pool starts
// no other worker before the next [Pool.SetLimit].
func (p *Pool) StartDenied(now time.Duration, w *Worker) []Action {
	p.begin(now)
	if !p.stepWorker(w, workerExit) {
		return p.out
	}
	p.limit = 0
	p.owe(w, w.owed)
	p.bury(w)
	p.settle()
	return p.out
}

// owe has the pool start another worker for w, which is gone, if it is missed
// and nobody has its place.
func (p *Pool) owe(w *Worker, missed bool) {
	if missed && p.phase == phaseRunning && w.heir == nil && w.elder == nil {
		p.owed++
	}
}

// bury takes w, which is dead, out of the pool.
func (p *Pool) bury(w *Worker) {
	w.stage.leave()
	w.age.leave()
	w.due.leave()
	if w.retiring {
		p.retiring--
	}
	for r := w.leases.first(); r != nil; r = w.leases.first() {
		p.orphan(r)
	}
	p.unpair(w)
	p.total--
	p.slots.release(w, p.cfg.Slots)
}

// orphan decides what becomes of r, whose worker is dead.
func (p *Pool) orphan(r *Request) {
	switch {
	case r.state == RequestFinishing:
		p.stepRequest(r, requestEnd)
		w := p.unlease(r)
		p.emit(Action{Kind: End, Request: r, Worker: w})
	case p.mayRetry(r):
		p.stepRequest(r, requestRetry)
		p.unlease(r)
		p.enqueue(&p.retries, r)
		p.stats.retried++
	case r.verdict != 0:
		p.refuse(r, r.verdict)
	case p.phase == phaseStopping:
		p.refuse(r, Shutdown)
	default:
		p.refuse(r, WorkerDied)
	}
}

// mayRetry reports whether r, whose worker is dead, may be given to another.
func (p *Pool) mayRetry(r *Request) bool {
	return (r.Retryable || r.Unread) && r.attempts < 2 && !r.aborted && r.verdict == 0 &&
		p.phase != phaseStopping && !p.failed
}

// startFailed counts the start of w as failed.
func (p *Pool) startFailed(w *Worker) {
	p.backoff.fail(p.now, w.started)
	p.emit(Action{Kind: Notice, Reason: StartFailed, Worker: w, N: p.backoff.failures})
}

// judge finds the pool failed if nobody serves and starts keep failing.
func (p *Pool) judge() {
	if p.failed || p.backoff.failures < failedAfter {
		return
	}
	if alive := p.active() + p.count[StateIdle] + p.count[StateStarting]; alive > 0 {
		return
	}
	if p.phase != phaseRunning && p.waiting() == 0 {
		return // they were all asked to leave
	}
	p.failed = true
	p.emit(Action{Kind: Notice, Reason: PoolFailed, N: p.backoff.failures})
	p.refuseWaiting(PoolFailed)
}
