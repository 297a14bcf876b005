package pool

import "time"

// Start makes the first workers of a static or dynamic pool. Call it once,
// before anything else.
func (p *Pool) Start(now time.Duration) []Action {
	p.begin(now)
	if p.begun || p.phase != phaseRunning {
		return p.out
	}
	p.begun = true
	first := 0
	switch {
	case p.cfg.Slots:
	case p.cfg.Manager == Static:
		first = p.cfg.MaxChildren
	case p.cfg.Manager == Dynamic:
		first = p.cfg.StartServers
	}
	first = max(0, first-p.places())
	for ; first > 0 && p.mayStart(); first-- {
		p.start(Initial)
	}
	p.owed = first
	p.settle()
	return p.out
}

// SetLimit sets how many workers the pool may still start; each Start uses one
// up. -1 is no limit, and what a new pool has.
func (p *Pool) SetLimit(now time.Duration, n int) []Action {
	p.begin(now)
	p.limit = max(n, -1)
	if p.limit != 0 {
		p.limitNoticed = false
	}
	p.settle()
	return p.out
}

// grow starts the workers that are missing.
func (p *Pool) grow() {
	if p.cfg.Slots {
		p.noticeFullSlots()
		return
	}
	if p.failed && p.owed == 0 && p.starting.len == 0 {
		p.owed = 1 // the probe
	}
	p.owed = min(p.owed, max(0, p.cfg.MaxChildren-p.places()))
	for p.owed > 0 && p.mayStart() {
		p.owed--
		p.start(Replacement)
	}
	p.meetDemand()
	if p.cfg.Manager == Dynamic {
		p.keepSpare()
	}
}

// meetDemand starts a worker for each request that waits and that no starting
// worker will take.
func (p *Pool) meetDemand() {
	if p.cfg.Slots {
		return
	}
	for p.waiting() > p.coming()*p.cfg.Concurrency {
		if p.places() >= p.cfg.MaxChildren {
			p.noticeFull()
			return
		}
		if !p.mayStart() {
			return
		}
		p.fullNoticed = false
		p.start(Demand)
	}
}

// keepSpare starts workers while fewer than Config.MinSpareServers are idle or
// will be.
func (p *Pool) keepSpare() {
	promised := (p.waiting() + p.cfg.Concurrency - 1) / p.cfg.Concurrency
	short := p.cfg.MinSpareServers - p.rooms.idle().len - max(0, p.coming()-promised)
	if short <= 0 {
		return
	}
	room := p.cfg.MaxChildren - p.places()
	if room <= 0 {
		p.noticeFull()
		return
	}
	if !p.mayStart() {
		return
	}
	want := min(short, room)
	if p.backoff.failing() {
		want = 1
	}
	granted, busy := p.spawn.grant(p.now, want)
	if busy {
		p.emit(Action{Kind: Notice, Reason: SeemsBusy, N: p.spawn.rate, Idle: p.rooms.idle().len, Total: p.total})
	}
	p.spareAwaited = granted < want
	for ; granted > 0 && p.mayStart(); granted-- {
		p.fullNoticed = false
		p.start(Spare)
	}
}

// coming returns how many starting workers will add to those that serve; one
// with an elder only takes its place.
func (p *Pool) coming() int { return p.starting.len - p.newHeirs }

// mayStart reports whether a worker may be started now. If not, it notes what
// that waits for. While starts fail there is one at a time.
func (p *Pool) mayStart() bool {
	if p.backoff.failing() {
		if p.starting.len > 0 {
			return false
		}
		if p.now < p.backoff.retryAt {
			p.startAwaited = true
			return false
		}
	}
	if p.limit == 0 {
		if !p.limitNoticed {
			p.limitNoticed = true
			p.emit(Action{Kind: Notice, Reason: ProcessMax})
		}
		return false
	}
	return true
}

// noticeFull says, once until the pool can grow again, that more workers are
// wanted than Config.MaxChildren.
func (p *Pool) noticeFull() {
	if p.fullNoticed || p.cfg.Manager == Static {
		return
	}
	p.fullNoticed = true
	p.stats.maxChildrenReached++
	p.emit(Action{Kind: Notice, Reason: MaxChildrenReached, N: p.cfg.MaxChildren})
}

// noticeFullSlots is noticeFull for slots, which grow with every request.
func (p *Pool) noticeFullSlots() {
	switch {
	case p.waiting() > 0:
		p.noticeFull()
	case p.total < p.cfg.MaxChildren:
		p.fullNoticed = false
	}
}
