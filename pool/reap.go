package pool

import "time"

// reapEvery is the least time between two idle workers being stopped.
const reapEvery = time.Second

// reap stops an idle worker if there are too many, at most one a second: in a
// dynamic pool when more than MaxSpareServers have been idle for a second, the
// one that was started first; in an ondemand pool when one has been idle for
// ProcessIdleTimeout, the one that has been idle for longest. While starts fail
// nobody is stopped who might be missed.
func (p *Pool) reap() {
	if p.cfg.Slots || p.backoff.failing() {
		return
	}
	switch p.cfg.Manager {
	case Dynamic:
		p.reapSurplus()
	case Ondemand:
		if w := p.longestIdle(); w != nil && p.now >= p.idleUntil(w) {
			p.reapOne(w)
		}
	case Static:
	}
}

func (p *Pool) reapSurplus() {
	tooMany := func() bool { return p.rooms.idle().len > p.cfg.MaxSpareServers }
	switch {
	case !tooMany():
		p.surplus = false
	case !p.surplus:
		p.surplus, p.surplusSince = true, p.now
	case p.now >= p.surplusSince+reapEvery:
		if w := p.oldestIdle(); w != nil {
			p.reapOne(w)
		}
		p.surplus, p.surplusSince = tooMany(), p.now
	}
}

// reapAt returns when reap has something to do.
func (p *Pool) reapAt() (at time.Duration, ok bool) {
	switch {
	case p.cfg.Slots || p.backoff.failing():
	case p.cfg.Manager == Dynamic && p.surplus:
		return p.surplusSince + reapEvery, true
	case p.cfg.Manager == Ondemand:
		if w := p.longestIdle(); w != nil {
			return p.idleUntil(w), true
		}
	}
	return 0, false
}

// idleUntil returns when w, idle in an ondemand pool, is stopped.
func (p *Pool) idleUntil(w *Worker) time.Duration {
	at := w.idle + p.cfg.ProcessIdleTimeout
	if p.reaped {
		at = max(at, p.reapedAt+reapEvery)
	}
	return at
}

func (p *Pool) reapOne(w *Worker) {
	p.reaped, p.reapedAt = true, p.now
	p.stop(w, Quit, Idle)
}

// longestIdle returns the worker that has been idle for longest, or nil. Those
// that retire leave anyway.
func (p *Pool) longestIdle() *Worker {
	w := p.rooms.idle().last()
	for w != nil && w.retiring {
		w = w.stage.before()
	}
	return w
}

// oldestIdle returns the idle worker that was started first, or nil. Those that
// retire leave anyway.
func (p *Pool) oldestIdle() *Worker {
	var oldest *Worker
	for w := p.rooms.idle().first(); w != nil; w = w.stage.after() {
		if w.retiring {
			continue
		}
		if oldest == nil || w.started < oldest.started ||
			w.started == oldest.started && w.Slot < oldest.Slot {
			oldest = w
		}
	}
	return oldest
}
