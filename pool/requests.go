package pool

import "time"

// Arrive gives the pool a request: it is leased to a worker at once, or waits
// in the queue, or is refused.
func (p *Pool) Arrive(now time.Duration, r *Request) []Action {
	p.begin(now)
	if !p.stepRequest(r, requestArrive) {
		return p.out
	}
	r.aborted, r.verdict, r.attempts, r.leased = false, 0, 0, 0
	r.arrived = p.now
	p.stats.accepted++
	if reason := p.closed(); reason != 0 {
		p.refuse(r, reason)
		return p.out
	}
	p.enqueue(&p.queue, r)
	p.settle()
	p.stats.maxQueue = max(p.stats.maxQueue, p.waiting())
	return p.out
}

// Cancel says that the client of r is gone. A waiting request ends without an
// action; a running one is marked as aborted, is not tried again if its worker
// dies, and goes on.
func (p *Pool) Cancel(now time.Duration, r *Request) []Action {
	p.begin(now)
	was := r.state
	if !p.stepRequest(r, requestCancel) {
		return p.out
	}
	switch was {
	case RequestQueued:
		r.line.leave()
		p.settle()
	case RequestRunning, RequestFinishing:
		r.aborted = true
	case RequestNew, RequestEnded:
	}
	return p.out
}

// Abort ends r for the given reason: a waiting request is refused, a running
// one loses its worker and is refused when that has exited.
func (p *Pool) Abort(now time.Duration, r *Request, reason Reason) []Action {
	p.begin(now)
	was := r.state
	if !p.stepRequest(r, requestAbort) {
		return p.out
	}
	switch was {
	case RequestQueued:
		r.line.leave()
		p.emit(Action{Kind: Refuse, Request: r, Reason: reason})
	case RequestRunning, RequestFinishing:
		p.condemn(r, reason)
	case RequestNew, RequestEnded:
	}
	p.settle()
	return p.out
}

// Responded says that the response of r is over while its worker still works
// on: the request is finishing until [Pool.Free].
func (p *Pool) Responded(now time.Duration, r *Request) []Action {
	p.begin(now)
	if !p.stepRequest(r, requestRespond) {
		return p.out
	}
	r.look.leave()
	p.backoff.served(r.worker.started)
	if !p.cfg.TerminateTrackFinished {
		r.line.leave()
	}
	if w := r.worker; w.open == 0 {
		p.stepWorker(w, workerRespond)
	}
	p.settle()
	return p.out
}

// Free says that the worker of r is done with it, be the response over or not.
// The request has ended; its worker takes the next one, or retires. With
// Config.Slots it says that the script is gone, so that no Exited follows.
func (p *Pool) Free(now time.Duration, r *Request) []Action {
	p.begin(now)
	w := r.worker
	if !p.stepRequest(r, requestFree) {
		return p.out
	}
	p.unlease(r)
	p.backoff.served(w.started)
	p.freed(w)
	p.settle()
	return p.out
}

// closed returns why a request that arrives now is refused, or zero.
func (p *Pool) closed() Reason {
	switch {
	case p.phase == phaseStopping:
		return Shutdown
	case p.phase == phaseDraining:
		return Draining
	case p.failed:
		return PoolFailed
	case p.cfg.NoQueue && p.leased+p.waiting() >= p.cfg.MaxChildren*p.cfg.Concurrency:
		return QueueFull
	case !p.cfg.NoQueue && p.cfg.QueueMaxLength > 0 && p.waiting() >= p.cfg.QueueMaxLength:
		// A request waits only if no worker has room.
		return QueueFull
	}
	return 0
}

// enqueue lets r wait at the end of l.
func (p *Pool) enqueue(l *list[Request], r *Request) {
	r.queued = p.now
	l.pushBack(&r.line, r)
}

// refuse ends r, which waits or has lost its worker.
func (p *Pool) refuse(r *Request, reason Reason) {
	if !p.stepRequest(r, requestEnd) {
		return
	}
	w := p.unlease(r)
	switch reason {
	case QueueFull:
		p.stats.queueFull++
	case QueueTimeout:
		p.stats.queueTimeouts++
	default:
	}
	p.emit(Action{Kind: Refuse, Request: r, Worker: w, Reason: reason})
}

// refuseWaiting ends all requests that wait.
func (p *Pool) refuseWaiting(reason Reason) {
	for _, l := range [...]*list[Request]{&p.retries, &p.queue} {
		for r := l.first(); r != nil; r = l.first() {
			p.refuse(r, reason)
		}
	}
}

// condemn stops the worker of r because of r.
func (p *Pool) condemn(r *Request, reason Reason) {
	if r.verdict == 0 {
		r.verdict = reason
	}
	r.line.leave()
	r.look.leave()
	p.stop(r.worker, Term, reason)
}
