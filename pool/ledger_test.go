package pool

import (
	"fmt"
	"slices"
	"time"
)

// A ledger is the naive model of a pool: slices searched from end to end, no
// state but what the events and actions themselves say. It says what is wrong
// with an action as soon as it sees it.
type ledger struct {
	cfg    Config
	now    time.Duration
	phase  phase
	exact  bool // no worker retires, so that the ledger knows each worker's load
	limit  int
	failed bool

	queue, retries []*client // as the pool should have them
	children       []*child  // that are not gone
	orphans        []*client // of the worker that just exited, still to be refused or ended
	exits          []*child  // the worker that just exited

	moment    int // counts, to order what happens at the same time
	lastReap  time.Duration
	reaped    bool
	delivered int // requests that came to an end
	faults    []string
}

// A client is a request as the ledger sees it.
type client struct {
	Request
	id        int
	in        bool // in the pool
	arrived   time.Duration
	queued    time.Duration
	leased    time.Duration
	on        *child
	tries     int
	responded bool
	gone      bool
	verdict   Reason
	reports   int
	timedOut  bool
}

// A child is a worker as the ledger sees it.
type child struct {
	*Worker
	id       int
	started  time.Duration
	ready    bool
	stopped  Signal
	reason   Reason
	clients  []*client
	idleFrom time.Duration
	stamp    int // when it came to have its present number of clients
}

func (l *ledger) wrong(format string, args ...any) {
	l.faults = append(l.faults, fmt.Sprintf("%v: ", l.now)+fmt.Sprintf(format, args...))
}

// concurrency returns the leases per worker.
func (l *ledger) concurrency() int { return max(1, l.cfg.Concurrency) }

func (l *ledger) waiting() int { return len(l.queue) + len(l.retries) }

// touch notes that the number of c's clients has changed.
func (l *ledger) touch(c *child) {
	l.moment++
	c.stamp = l.moment
	if len(c.clients) == 0 {
		c.idleFrom = l.now
	}
}

// available returns the children that may be leased.
func (l *ledger) available() []*child {
	var free []*child
	for _, c := range l.children {
		if c.ready && c.stopped == 0 && len(c.clients) < l.concurrency() {
			free = append(free, c)
		}
	}
	return free
}

// idle returns the children without a client.
func (l *ledger) idle() []*child {
	return slices.DeleteFunc(l.available(), func(c *child) bool { return len(c.clients) > 0 })
}

// starting returns how many children are started, neither ready nor stopped,
// and have a place of their own.
func (l *ledger) starting() int {
	n := 0
	for _, c := range l.children {
		if !c.ready && c.stopped == 0 && c.elder == nil {
			n++
		}
	}
	return n
}

// running returns how many requests are leased.
func (l *ledger) running() int {
	n := 0
	for _, c := range l.children {
		n += len(c.clients)
	}
	return n
}

// ended notes that r is no longer in the pool.
func (l *ledger) ended(r *client) {
	if !r.in {
		l.wrong("r%d ended twice", r.id)
	}
	if r.on != nil {
		r.on.clients = slices.DeleteFunc(r.on.clients, func(other *client) bool { return other == r })
		l.touch(r.on)
	}
	r.in, r.on = false, nil
	l.delivered++
	if r.State() != RequestEnded {
		l.wrong("r%d is %v after its end", r.id, r.State())
	}
}

// lostWorker notes that c is gone, and with it the requests it had.
func (l *ledger) lostWorker(c *child) {
	l.children = slices.DeleteFunc(l.children, func(other *child) bool { return other == c })
	l.exits = append(l.exits, c)
	for _, r := range slices.Clone(c.clients) {
		if !r.responded && r.Retryable && r.tries < 2 && !r.gone && r.verdict == 0 && l.phase != phaseStopping && !l.failed {
			r.on, r.queued = nil, l.now
			l.retries = append(l.retries, r)
			continue
		}
		l.orphans = append(l.orphans, r)
	}
}

// apply holds an action against the ledger and enters it.
func (l *ledger) apply(a Action) {
	switch a.Kind {
	case Lease:
		l.applyLease(a)
	case Start:
		l.applyStart(a)
	case Stop:
		l.applyStop(a)
	case Refuse:
		l.applyRefuse(a)
	case End:
		r := a.Request.Owner.(*client)
		if !r.responded || !l.dropOrphan(r) {
			l.wrong("r%d ends, but it had not responded on the worker that exited", r.id)
		}
		l.ended(r)
	case Slow:
		l.applySlow(a)
	case Timeout:
		r := a.Request.Owner.(*client)
		if r.timedOut || l.cfg.TerminateTimeout == 0 || l.now < r.leased+l.cfg.TerminateTimeout {
			l.wrong("r%d, leased at %v, times out", r.id, r.leased)
		}
		if r.responded && !l.cfg.TerminateTrackFinished {
			l.wrong("r%d times out after its response", r.id)
		}
		r.timedOut = true
		if r.verdict == 0 {
			r.verdict = TerminateTimeout
		}
	case Notice:
		if a.Reason == MaxChildrenReached && len(l.children) < l.cfg.MaxChildren {
			l.wrong("max children reached with %d", len(l.children))
		}
	default:
		l.wrong("action %v", a.Kind)
	}
}

func (l *ledger) applyLease(a Action) {
	r := a.Request.Owner.(*client)
	switch {
	case len(l.retries) > 0 && l.retries[0] == r:
		l.retries = l.retries[1:]
	case len(l.retries) == 0 && len(l.queue) > 0 && l.queue[0] == r:
		l.queue = l.queue[1:]
	default:
		l.wrong("r%d is leased out of turn", r.id)
	}
	c := l.childOf(a.Worker)
	if l.cfg.Slots {
		c = l.hire(a.Worker)
		c.ready = true
	} else {
		l.checkBest(c)
	}
	if c == nil || !c.ready || c.stopped != 0 || len(c.clients) >= l.concurrency() {
		l.wrong("r%d is leased to worker %d, which cannot take it", r.id, a.Worker.Slot)
		return
	}
	r.on, r.leased, r.responded, r.reports, r.timedOut = c, l.now, false, 0, false
	r.tries++
	if r.tries > 2 {
		l.wrong("r%d is tried %d times", r.id, r.tries)
	}
	c.clients = append(c.clients, r)
	l.touch(c)
	if n := l.running(); n > l.cfg.MaxChildren*l.concurrency() {
		l.wrong("%d requests run on %d places", n, l.cfg.MaxChildren)
	}
}

// checkBest holds that c has the fewest clients of all, and of those with as
// few for the shortest time.
func (l *ledger) checkBest(c *child) {
	if !l.exact || c == nil {
		return
	}
	for _, other := range l.available() {
		if len(other.clients) < len(c.clients) ||
			len(other.clients) == len(c.clients) && other.stamp > c.stamp {
			l.wrong("child %d (load %d, since %d) is leased before child %d (load %d, since %d)",
				c.id, len(c.clients), c.stamp, other.id, len(other.clients), other.stamp)
		}
	}
}

func (l *ledger) applyStart(a Action) {
	if l.cfg.Slots || l.phase == phaseStopping {
		l.wrong("a worker is started")
	}
	if l.limit == 0 {
		l.wrong("a worker is started without permission")
	}
	if l.limit > 0 {
		l.limit--
	}
	l.hire(a.Worker)
}

// hire enters a new child.
func (l *ledger) hire(w *Worker) *child {
	slot := 0
	for slices.ContainsFunc(l.children, func(c *child) bool { return c.Slot == slot }) {
		slot++
	}
	if w.Slot != slot {
		l.wrong("a worker has slot %d, the lowest free one is %d", w.Slot, slot)
	}
	l.moment++
	c := &child{Worker: w, id: l.moment, started: l.now, stamp: l.moment}
	w.Owner = c
	l.children = append(l.children, c)
	limit := l.cfg.MaxChildren
	if !l.exact {
		limit += max(1, l.cfg.MaxChildren/4)
	}
	if len(l.children) > limit {
		l.wrong("%d workers of %d", len(l.children), limit)
	}
	return c
}

// childOf returns the living child that is w, or nil.
func (l *ledger) childOf(w *Worker) *child {
	i := slices.IndexFunc(l.children, func(c *child) bool { return c.Worker == w })
	if i < 0 {
		return nil
	}
	return l.children[i]
}

func (l *ledger) applyStop(a Action) {
	c := l.childOf(a.Worker)
	if c == nil || a.Signal <= c.stopped {
		l.wrong("worker %d gets %v (%v)", a.Worker.Slot, a.Signal, a.Reason)
		return
	}
	if a.Reason == Idle && c.stopped == 0 {
		l.checkReap(c)
	}
	if a.Signal == Quit && len(c.clients) > 0 {
		l.wrong("child %d is asked to quit with %d requests", c.id, len(c.clients))
	}
	c.stopped, c.reason = a.Signal, a.Reason
}

// checkReap holds that c may be stopped for being idle.
func (l *ledger) checkReap(c *child) {
	switch {
	case l.reaped && l.now < l.lastReap+reapEvery:
		l.wrong("idle workers are stopped at %v and %v", l.lastReap, l.now)
	case l.cfg.Manager == Static:
		l.wrong("a static pool stops an idle worker")
	case l.cfg.Manager == Dynamic && len(l.idle()) <= l.cfg.MaxSpareServers:
		l.wrong("a worker is stopped with %d idle", len(l.idle()))
	case l.exact && l.cfg.Manager == Ondemand && l.now < c.idleFrom+l.cfg.ProcessIdleTimeout:
		l.wrong("a worker is stopped that is idle since %v", c.idleFrom)
	}
	if l.exact && l.cfg.Manager == Dynamic {
		for _, other := range l.idle() {
			if other.started < c.started {
				l.wrong("child %d is stopped before %d, which is older", c.id, other.id)
			}
		}
	}
	l.reaped, l.lastReap = true, l.now
}

func (l *ledger) applyRefuse(a Action) {
	r := a.Request.Owner.(*client)
	if l.dropOrphan(r) {
		want := r.verdict
		switch {
		case want != 0:
		case l.phase == phaseStopping:
			want = Shutdown
		default:
			want = WorkerDied
		}
		if a.Reason != want || r.responded {
			l.wrong("r%d, responded %v, is refused for %v instead of %v", r.id, r.responded, a.Reason, want)
		}
		l.ended(r)
		return
	}
	l.checkRefusal(r, a.Reason)
	without := func(other *client) bool { return other == r }
	before := l.waiting()
	l.queue = slices.DeleteFunc(l.queue, without)
	l.retries = slices.DeleteFunc(l.retries, without)
	if l.waiting() == before {
		l.wrong("r%d is refused, which does not wait", r.id)
	}
	l.ended(r)
}

// checkRefusal holds that r, which waits, is refused for a true reason.
func (l *ledger) checkRefusal(r *client, reason Reason) {
	ok := false
	switch reason {
	case QueueFull: // r itself is entered already
		ok = l.cfg.QueueMaxLength > 0 && l.waiting() > l.cfg.QueueMaxLength && r.arrived == l.now
	case QueueTimeout:
		ok = l.cfg.QueueTimeout > 0 && l.now >= r.queued+l.cfg.QueueTimeout
	case Draining:
		ok = l.phase == phaseDraining
	case Shutdown:
		ok = l.phase == phaseStopping
	case PoolFailed:
		ok = l.failed
	case ClientAbort:
		ok = r.verdict == ClientAbort
	default:
	}
	if !ok {
		l.wrong("r%d is refused (%v)", r.id, reason)
	}
}

func (l *ledger) applySlow(a Action) {
	r := a.Request.Owner.(*client)
	r.reports++
	due := r.leased + time.Duration(r.reports)*l.cfg.SlowlogTimeout
	if l.cfg.SlowlogTimeout == 0 || r.responded || l.now < due || r.reports > 1+l.cfg.SlowlogRepeat || a.N != r.reports {
		l.wrong("r%d, leased at %v, is reported as slow, number %d", r.id, r.leased, a.N)
	}
}

// dropOrphan reports whether r was on the worker that just exited, and its end
// not seen yet.
func (l *ledger) dropOrphan(r *client) bool {
	before := len(l.orphans)
	l.orphans = slices.DeleteFunc(l.orphans, func(other *client) bool { return other == r })
	return len(l.orphans) < before
}
