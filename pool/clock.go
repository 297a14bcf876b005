package pool

import "time"

// Each kind of deadline is a constant time after an event, so that a list in
// the order of the events is in the order of the deadlines: the first element
// tells the next deadline, and nothing is ever searched.

// Tick does what is due at now. It may be called at any time and as late as
// may be; [Pool.Next] tells when it is useful.
func (p *Pool) Tick(now time.Duration) []Action {
	p.begin(now)
	p.escalate()
	p.expireStarts()
	p.expireQueue(&p.retries)
	p.expireQueue(&p.queue)
	p.reportSlow()
	p.expireRunning()
	p.expireAging()
	p.backoff.tick(p.now)
	p.settle()
	return p.out
}

// Next returns when Tick should be called; it may change with every call of
// another method. ok is false if nothing will be due: a pool at rest needs no
// wake-up.
func (p *Pool) Next() (at time.Duration, ok bool) {
	next := earliest{}
	if p.Done() {
		return 0, false
	}
	if w := p.stopping.first(); w != nil {
		next.add(w.stopped + p.cfg.StopGrace)
	}
	if w := p.starting.first(); w != nil {
		next.add(w.started + p.cfg.StartTimeout)
	}
	if p.cfg.QueueTimeout > 0 {
		for _, l := range [...]*list[Request]{&p.retries, &p.queue} {
			if r := l.first(); r != nil {
				next.add(r.queued + p.cfg.QueueTimeout)
			}
		}
	}
	if r := p.watched.first(); r != nil {
		next.add(r.slowAt)
	}
	if r := p.running.first(); r != nil {
		next.add(r.leased + p.cfg.TerminateTimeout)
	}
	if p.backoff.proving {
		next.add(p.backoff.provedAt)
	}
	if p.startAwaited {
		next.add(p.backoff.retryAt)
	}
	if p.phase == phaseRunning {
		p.nextInService(&next)
	}
	return next.at, next.ok
}

// nextInService adds what is due only while the pool is neither draining nor
// stopping.
func (p *Pool) nextInService(next *earliest) {
	if w := p.aging.first(); w != nil {
		next.add(w.ready + p.cfg.MaxLifetime)
	}
	if p.spareAwaited {
		next.add(p.spawn.next())
	}
	if at, ok := p.reapAt(); ok {
		next.add(at)
	}
}

// earliest is the earliest of the times added to it.
type earliest struct {
	at time.Duration
	ok bool
}

func (e *earliest) add(at time.Duration) {
	if !e.ok || at < e.at {
		e.at, e.ok = at, true
	}
}

// escalate sends the next signal to workers that did not leave in time.
func (p *Pool) escalate() {
	for w := p.stopping.first(); w != nil && w.stopped+p.cfg.StopGrace <= p.now; w = p.stopping.first() {
		p.stop(w, escalation[w.signal], w.reason)
	}
}

// expireStarts stops workers that did not become ready in time.
func (p *Pool) expireStarts() {
	for w := p.starting.first(); w != nil && w.started+p.cfg.StartTimeout <= p.now; w = p.starting.first() {
		p.startFailed(w)
		p.stop(w, Term, StartTimeout)
	}
}

// expireQueue refuses requests that have waited for too long.
func (p *Pool) expireQueue(l *list[Request]) {
	if p.cfg.QueueTimeout == 0 {
		return
	}
	for r := l.first(); r != nil && r.queued+p.cfg.QueueTimeout <= p.now; r = l.first() {
		p.refuse(r, QueueTimeout)
	}
}

// reportSlow reports requests that have run for SlowlogTimeout, and again while
// they run on.
func (p *Pool) reportSlow() {
	for r := p.watched.first(); r != nil && r.slowAt <= p.now; r = p.watched.first() {
		r.slow++
		if r.slow == 1 {
			p.stats.slowRequests++
		}
		r.look.leave()
		if r.slow <= p.cfg.SlowlogRepeat {
			r.slowAt = p.now + p.cfg.SlowlogTimeout
			p.watched.pushBack(&r.look, r)
		}
		p.emit(Action{Kind: Slow, Request: r, Worker: r.worker, N: r.slow})
	}
}

// expireRunning ends requests that have run for TerminateTimeout.
func (p *Pool) expireRunning() {
	for r := p.running.first(); r != nil && r.leased+p.cfg.TerminateTimeout <= p.now; r = p.running.first() {
		p.emit(Action{Kind: Timeout, Request: r, Worker: r.worker})
		p.condemn(r, TerminateTimeout)
	}
}

// expireAging makes workers that have been ready for MaxLifetime retire.
func (p *Pool) expireAging() {
	if p.phase != phaseRunning {
		return
	}
	for w := p.aging.first(); w != nil && w.ready+p.cfg.MaxLifetime <= p.now; w = p.aging.first() {
		w.age.leave()
		p.outlived(w, MaxLifetime)
	}
}
