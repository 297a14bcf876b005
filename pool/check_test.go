package pool

import "slices"

// check holds the pool against the ledger and against itself.
func (w *world) check() {
	w.checkCounts()
	w.checkPlaces()
	w.checkLists()
	w.checkFailure()
	if w.phase == phaseRunning && !w.cfg.Slots {
		w.checkGrowth()
		w.checkRetirement()
	}
}

// checkCounts compares the snapshot with the ledger.
func (w *world) checkCounts() {
	s := &w.snapshot
	w.pool.Snapshot(s, w.now)
	var idle, active, starting, stopping int
	for _, c := range w.children {
		switch {
		case c.stopped != 0:
			stopping++
		case !c.ready:
			starting++
		case len(c.clients) > 0:
			active++
		default:
			idle++
		}
	}
	if s.Idle != idle || s.Active != active || s.Starting != starting || s.Stopping != stopping ||
		s.Total != len(w.children) || len(s.Workers) != len(w.children) {
		w.wrong("snapshot %+v; the ledger has idle %d, active %d, starting %d, stopping %d",
			*s, idle, active, starting, stopping)
	}
	if s.Queue != w.waiting() || s.Queue > s.MaxQueue && len(w.retries) == 0 || s.Active > s.MaxActive {
		w.wrong("snapshot %+v; the ledger has %d waiting", *s, w.waiting())
	}
	if w.cfg.QueueMaxLength > 0 && len(w.queue) > w.cfg.QueueMaxLength {
		w.wrong("%d wait in a queue of %d", len(w.queue), w.cfg.QueueMaxLength)
	}
	if s.Accepted != uint64(w.arrivals) || s.InternalErrors != uint64(w.reported) {
		w.wrong("snapshot %+v; the ledger has %d arrivals", *s, w.arrivals)
	}
	for _, c := range w.children {
		w.checkState(c)
	}
}

// checkState holds that the state of c is what its requests make it.
func (w *world) checkState(c *child) {
	open := slices.ContainsFunc(c.clients, func(r *client) bool { return !r.responded })
	want := StateIdle
	switch {
	case c.stopped != 0:
		want = StateStopping
	case !c.ready:
		want = StateStarting
	case open:
		want = StateBusy
	case len(c.clients) > 0:
		want = StateFinishing
	}
	if c.State() != want || c.Leases() != len(c.clients) {
		w.wrong("child %d is %v with %d leases; the ledger has %v with %d", c.id, c.State(), c.Leases(), want, len(c.clients))
	}
}

// checkPlaces holds what is said about pairs of elder and heir.
func (w *world) checkPlaces() {
	pairs, retiring, total := 0, 0, 0
	for _, worker := range w.pool.slots.workers {
		if worker == nil {
			continue
		}
		total++
		if worker.retiring {
			retiring++
		}
		if elder := worker.elder; elder != nil {
			pairs++
			if elder.heir != worker || elder.elder != nil {
				w.wrong("worker %d is not the heir of its elder", worker.Slot)
			}
		}
	}
	p := w.pool
	if p.pairs != pairs || p.retiring != retiring || p.total != total {
		w.wrong("pairs %d, retiring %d, total %d; counted %d, %d, %d", p.pairs, p.retiring, p.total, pairs, retiring, total)
	}
	if p.coming() != w.starting() {
		w.wrong("%d workers are coming, the ledger has %d", p.coming(), w.starting())
	}
	if p.places() > w.cfg.MaxChildren || p.retiring > p.retiringLimit {
		w.wrong("%d places of %d, %d retiring of %d", p.places(), w.cfg.MaxChildren, p.retiring, p.retiringLimit)
	}
}

// checkLists holds that everybody is in the lists of his state and the lists
// are in the order of their deadlines.
func (w *world) checkLists() {
	p := w.pool
	for _, worker := range p.slots.workers {
		if worker == nil {
			continue
		}
		var want *list[Worker]
		load := worker.load()
		switch {
		case worker.state == StateStarting:
			want = &p.starting
		case worker.state == StateStopping:
			if worker.signal != Kill {
				want = &p.stopping
			}
		case !worker.relieved && load < len(p.rooms):
			want = &p.rooms[load]
		}
		if worker.stage.in != want {
			w.wrong("worker %d (%v, load %d, relieved %v) is in the wrong list", worker.Slot, worker.state, load, worker.relieved)
		}
	}
	ordered(w, "starting", &p.starting, func(a, b *Worker) bool { return a.started <= b.started }, (*Worker).stageNode)
	ordered(w, "stopping", &p.stopping, func(a, b *Worker) bool { return a.stopped <= b.stopped }, (*Worker).stageNode)
	ordered(w, "idle", p.rooms.idle(), func(a, b *Worker) bool { return a.idle >= b.idle }, (*Worker).stageNode)
	ordered(w, "aging", &p.aging, func(a, b *Worker) bool { return a.ready <= b.ready }, func(x *Worker) *node[Worker] { return &x.age })
	ordered(w, "queue", &p.queue, func(a, b *Request) bool { return a.queued <= b.queued }, (*Request).lineNode)
	ordered(w, "retries", &p.retries, func(a, b *Request) bool { return a.queued <= b.queued }, (*Request).lineNode)
	ordered(w, "running", &p.running, func(a, b *Request) bool { return a.leased <= b.leased }, (*Request).lineNode)
	ordered(w, "watched", &p.watched, func(a, b *Request) bool { return a.slowAt <= b.slowAt }, func(x *Request) *node[Request] { return &x.look })
	waits := slices.ContainsFunc(w.clients, func(r *client) bool { return r.in && r.on == nil })
	if room := p.rooms.best(); waits && room != nil {
		w.wrong("a request waits though worker %d has room", room.Slot)
	}
}

func (w *Worker) stageNode() *node[Worker]  { return &w.stage }
func (r *Request) lineNode() *node[Request] { return &r.line }

func ordered[T any](w *world, name string, l *list[T], inOrder func(a, b *T) bool, at func(*T) *node[T]) {
	n := 0
	var last *T
	for x := l.first(); x != nil; x = at(x).after() {
		if last != nil && !inOrder(last, x) {
			w.wrong("list %s is out of order", name)
		}
		last = x
		n++
	}
	if n != l.len {
		w.wrong("list %s has length %d and %d elements", name, l.len, n)
	}
}

// checkGrowth holds that nobody waits without a worker coming or a reason.
func (w *world) checkGrowth() {
	p := w.pool
	held := w.limit == 0 || p.backoff.failing()
	room := p.places() < w.cfg.MaxChildren
	if w.waiting() > w.starting()*w.concurrency() && room && !held {
		w.wrong("%d wait, %d start, %d places of %d", w.waiting(), w.starting(), p.places(), w.cfg.MaxChildren)
	}
	if w.waiting() > 0 && len(w.children) == 0 && !p.startAwaited && w.limit != 0 {
		w.wrong("%d wait for nobody", w.waiting())
	}
	if w.cfg.Manager == Static && p.begun && p.places()+p.owed+p.first != w.cfg.MaxChildren {
		w.wrong("a static pool has %d workers of %d, owes %d and still starts with %d", p.places(), w.cfg.MaxChildren, p.owed, p.first)
	}
	if p.first > 0 && w.starting() < p.firstAtOnce && !held {
		w.wrong("%d of the first workers start, %d wait, %d might start", w.starting(), p.first, p.firstAtOnce)
	}
	if p.owed > 0 && !held {
		w.wrong("the pool owes %d workers", p.owed)
	}
	if held || !w.exact {
		return
	}
	promised := (w.waiting() + w.concurrency() - 1) / w.concurrency()
	spare := len(w.idle()) + max(0, w.starting()-promised)
	// The pool looks only when something happens; did it?
	if w.cfg.Manager == Dynamic && p.begun && p.first == 0 && room && spare < w.cfg.MinSpareServers && !p.spareAwaited {
		w.wrong("%d spare workers of %d", spare, w.cfg.MinSpareServers)
	}
}

// checkFailure holds that a pool has failed if nobody is left and starts fail,
// that nobody waits then, and that a probe is coming.
func (w *world) checkFailure() {
	p := w.pool
	alive := slices.ContainsFunc(w.children, func(c *child) bool { return c.stopped == 0 })
	if w.phase == phaseRunning && p.backoff.failures >= failedAfter && !alive && !p.Failed() {
		w.wrong("%d failed starts, nobody alive, and the pool has not failed", p.backoff.failures)
	}
	if !p.Failed() {
		return
	}
	if w.waiting() > 0 {
		w.wrong("%d wait in a pool that has failed", w.waiting())
	}
	if w.phase == phaseRunning && !alive && p.places() < w.cfg.MaxChildren && !p.startAwaited && w.limit != 0 {
		w.wrong("nobody tries whether starts work again")
	}
}

// checkRetirement holds that whoever has outlived its numbers is due, and that
// the next in turn retires at once.
func (w *world) checkRetirement() {
	p := w.pool
	for _, c := range w.children {
		x := c.Worker
		if x.limit > 0 && x.requests >= x.limit && x.state == StateIdle && x.retire == 0 {
			w.wrong("child %d has served %d requests of %d", c.id, x.requests, x.limit)
		}
		if x.retire != 0 && x.serving() && x.elder == nil && !x.retiring && x.due.in != &p.due {
			w.wrong("child %d shall retire and never will", c.id)
		}
		if x.relieved && x.heir == nil && x.reason == 0 && len(c.clients) == 0 {
			w.wrong("child %d was relieved and stays", c.id)
		}
	}
	if p.due.len > 0 && p.retiring < p.retiringLimit && w.limit != 0 && !p.backoff.failing() {
		w.wrong("%d are due, %d retire of %d", p.due.len, p.retiring, p.retiringLimit)
	}
}

// checkDeadlines searches everything for what should have been done by a tick.
func (w *world) checkDeadlines() {
	for _, r := range w.clients {
		if !r.in {
			continue
		}
		if r.on == nil {
			if w.cfg.QueueTimeout > 0 && w.now >= r.queued+w.cfg.QueueTimeout {
				w.wrong("r%d waits since %v", r.id, r.queued)
			}
			continue
		}
		ran := w.now - r.leased
		counts := !r.responded || w.cfg.TerminateTrackFinished
		if w.cfg.TerminateTimeout > 0 && counts && ran >= w.cfg.TerminateTimeout && r.verdict == 0 {
			w.wrong("r%d runs since %v", r.id, r.leased)
		}
		if w.cfg.SlowlogTimeout > 0 && !r.responded && ran >= w.cfg.SlowlogTimeout && r.reports == 0 && r.verdict == 0 {
			w.wrong("r%d runs since %v and is not reported", r.id, r.leased)
		}
	}
	for _, c := range w.children {
		if c.stopped != 0 && c.stopped != Kill && w.now >= c.Worker.stopped+w.cfg.StopGrace {
			w.wrong("child %d was stopped at %v", c.id, c.Worker.stopped)
		}
		if !c.ready && c.stopped == 0 && w.now >= c.started+w.cfg.StartTimeout {
			w.wrong("child %d starts since %v", c.id, c.started)
		}
	}
	if len(w.faults) > 0 {
		w.t.Fatalf("config %+v\nlast events %q\n%q", w.cfg, w.history[max(0, len(w.history)-12):], w.faults)
	}
}
