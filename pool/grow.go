package pool

import "time"

// Start makes the first workers of a static or dynamic pool. Call it, or
// [Pool.StartGradually], once, before anything else.
func (p *Pool) Start(now time.Duration) []Action {
	return p.startWith(now, p.firstWorkers())
}

// StartGradually is Start for a pool that another one serves for meanwhile: at
// most a quarter of the first workers are starting at a time, so that most of
// the processors are left to those that serve.
func (p *Pool) StartGradually(now time.Duration) []Action {
	return p.startWith(now, (p.firstWorkers()+3)/4)
}

// startWith makes the first workers, of which so many may be starting at once.
func (p *Pool) startWith(now time.Duration, atOnce int) []Action {
	p.begin(now)
	if p.begun || p.phase != phaseRunning {
		return p.out
	}
	p.begun = true
	p.first, p.firstAtOnce = max(0, p.firstWorkers()-p.places()), atOnce
	p.settle()
	return p.out
}

// firstWorkers returns how many workers the pool starts with.
func (p *Pool) firstWorkers() int {
	switch {
	case p.cfg.Slots, p.cfg.Manager == Ondemand:
		return 0
	case p.cfg.Manager == Static:
		return p.cfg.MaxChildren
	default:
		return p.cfg.StartServers
	}
}

// Beginning reports whether first workers are starting or will without anybody's
// doing.
func (p *Pool) Beginning() bool {
	return p.starting.len > 0 || p.first > 0 && p.limit != 0
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
	if p.failed && p.owed == 0 && p.first == 0 && p.starting.len == 0 {
		p.owed = 1 // the probe
	}
	p.startFirst()
	p.owed = min(p.owed, max(0, p.cfg.MaxChildren-p.places()-p.first))
	for p.owed > 0 && p.mayStart() {
		p.owed--
		p.start(Replacement)
	}
	p.meetDemand()
	if p.cfg.Manager == Dynamic && p.first == 0 {
		p.keepSpare()
	}
}

// startFirst starts those of the first workers whose turn it is.
func (p *Pool) startFirst() {
	p.first = min(p.first, max(0, p.cfg.MaxChildren-p.places()))
	for p.first > 0 && p.coming() < p.firstAtOnce && p.mayStart() {
		p.first--
		p.start(Initial)
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
		p.first = max(0, p.first-1) // it comes before its turn
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
