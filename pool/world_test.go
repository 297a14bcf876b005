package pool

import (
	"slices"
	"testing"
	"time"
)

// A world drives a pool with events that a chooser picks, and keeps a ledger of
// what comes back. After every event it compares the two.
type world struct {
	t    testing.TB
	pick chooser
	pool *Pool
	ledger

	clients  []*client // all there ever were; those that ended come again
	arrivals int
	expected int // internal errors that the world provoked
	reported int // internal errors that the pool reported
	snapshot Snapshot
	dead     []*Worker // to try news of the dead
	history  []string  // the events so far
}

// A chooser returns numbers from 0 to n-1, and false when it has no more.
type chooser func(n int) (int, bool)

// newWorld makes a pool of a configuration that the chooser picks.
func newWorld(t testing.TB, pick chooser) *world {
	w := &world{t: t, pick: pick}
	cfg := w.config()
	cfg.Fault = func(error) { w.reported++ }
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.pool = p
	w.ledger = ledger{cfg: p.cfg, limit: -1, exact: cfg.MaxRequests == 0 && cfg.MaxLifetime == 0 && w.below(2) == 0}
	return w
}

// below returns a picked number below n, or 0 when there are no more.
func (w *world) below(n int) int {
	v, _ := w.pick(n)
	return v
}

func (w *world) config() Config {
	sometimes := func(d time.Duration) time.Duration { return d * time.Duration(w.below(2)) }
	cfg := Config{
		Manager:                Manager(1 + w.below(3)),
		MaxChildren:            1 + w.below(9),
		MaxSpawnRate:           w.below(4),
		ProcessIdleTimeout:     2 * time.Second,
		Slots:                  w.below(5) == 0,
		MaxRequests:            w.below(2) * w.below(6),
		MaxRequestsJitter:      float64(w.below(3)) / 2,
		MaxLifetime:            sometimes(7 * time.Second),
		QueueMaxLength:         w.below(6),
		QueueTimeout:           sometimes(3 * time.Second),
		TerminateTimeout:       sometimes(5 * time.Second),
		TerminateTrackFinished: w.below(2) == 0,
		SlowlogTimeout:         sometimes(2 * time.Second),
		SlowlogRepeat:          w.below(3),
		StartTimeout:           4 * time.Second,
		StopGrace:              time.Second,
		BackoffMin:             100 * time.Millisecond,
		BackoffMax:             time.Second,
		Rand:                   func() float64 { return float64(w.below(8)) / 8 },
	}
	if cfg.Manager == Dynamic {
		cfg.MinSpareServers = 1 + w.below(cfg.MaxChildren)
		cfg.MaxSpareServers = cfg.MinSpareServers + w.below(1+cfg.MaxChildren-cfg.MinSpareServers)
	}
	if !cfg.Slots {
		cfg.Concurrency = 1 + w.below(2)*w.below(3)
	}
	return cfg
}

// did ends an event: its actions are entered and everything is compared.
func (w *world) did(event string, actions []Action) {
	w.history = append(w.history, event)
	w.failed = w.failed || w.pool.Failed()
	for _, a := range actions {
		w.apply(a)
	}
	for _, c := range w.exits {
		w.dead = append(w.dead, c.Worker)
	}
	w.failed, w.exits = w.pool.Failed(), w.exits[:0]
	for _, r := range w.orphans {
		w.wrong("nothing was said of r%d, whose worker exited", r.id)
	}
	w.check()
	if w.reported != w.expected {
		w.wrong("%d internal errors, want %d", w.reported, w.expected)
	}
	if len(w.faults) > 0 {
		w.t.Fatalf("config %+v\nlast events %q\n%q", w.cfg, w.history[max(0, len(w.history)-12):], w.faults)
	}
}

// step does one event of those that a caller of the pool may come upon. It
// reports false when the chooser has no more.
func (w *world) step() bool {
	event, ok := w.pick(32)
	if !ok {
		return false
	}
	switch event {
	case 0, 1, 2, 3, 4:
		w.arrive()
	case 5, 6, 7, 8, 9, 10, 11, 12:
		w.finish()
	case 13, 14:
		w.respond()
	case 15, 16, 17, 18, 19, 20:
		w.becomeReady()
	case 21, 22:
		w.exit()
	case 23, 24, 25:
		w.pass()
	case 26:
		w.cancel()
	case 27, 28:
		w.manage()
	case 29:
		w.blunder()
	case 30:
		w.rare()
	}
	return true
}

// arrive sends a new request, or one that has ended before.
func (w *world) arrive() {
	i := slices.IndexFunc(w.clients, func(r *client) bool { return !r.in })
	if i < 0 {
		i = len(w.clients)
		r := &client{id: i}
		r.Owner = r
		w.clients = append(w.clients, r)
	}
	r := w.clients[i]
	*r = client{Request: r.Request, id: r.id, in: true, arrived: w.now, queued: w.now}
	r.Retryable = w.below(2) == 0
	w.arrivals++
	w.queue = append(w.queue, r)
	w.did("arrive", w.pool.Arrive(w.now, &r.Request))
}

// onWorkers returns the requests that workers hold.
func (w *world) onWorkers() []*client {
	return slices.DeleteFunc(slices.Clone(w.clients), func(r *client) bool { return r.on == nil })
}

func oneOf[T any](w *world, list []T) (one T, ok bool) {
	if len(list) == 0 {
		return one, false
	}
	return list[w.below(len(list))], true
}

// finish frees a request.
func (w *world) finish() {
	r, ok := oneOf(w, w.onWorkers())
	if !ok {
		return
	}
	c := r.on
	actions := w.pool.Free(w.now, &r.Request)
	w.ended(r)
	if w.cfg.Slots {
		w.lostWorker(c)
	}
	w.did("free", actions)
}

func (w *world) respond() {
	r, ok := oneOf(w, w.onWorkers())
	if !ok {
		return
	}
	if r.responded {
		w.expected++
	}
	r.responded = true
	w.did("respond", w.pool.Responded(w.now, &r.Request))
}

// becomeReady does the handshake of a worker that is starting or, too late,
// being stopped.
func (w *world) becomeReady() {
	c, ok := oneOf(w, slices.DeleteFunc(slices.Clone(w.children), func(c *child) bool { return c.ready }))
	if !ok {
		return
	}
	if c.stopped == 0 {
		c.ready = true
		w.touch(c)
	}
	w.did("ready", w.pool.Ready(w.now, c.Worker))
}

// exit ends the process of a worker, mostly one that was told to.
func (w *world) exit() {
	told := slices.DeleteFunc(slices.Clone(w.children), func(c *child) bool { return c.stopped == 0 })
	if w.below(6) == 0 {
		told = w.children
	}
	if c, ok := oneOf(w, told); ok {
		actions := w.pool.Exited(w.now, c.Worker)
		w.lostWorker(c)
		w.did("exit", actions)
	}
}

// pass lets time pass: a little, or to the next deadline, or far beyond it; the
// tick comes mostly.
func (w *world) pass() {
	at, ok := w.pool.Next()
	switch w.below(6) {
	case 0:
		w.now += time.Millisecond
	case 1:
		w.now += 300 * time.Millisecond
	case 2:
		w.now += 2 * time.Second
		return // and nobody looks at the clock
	case 3:
		w.now += 6 * time.Second
	default:
		if ok {
			w.now = max(w.now, at)
		}
	}
	w.tick()
}

func (w *world) tick() {
	w.did("tick", w.pool.Tick(w.now))
	if at, ok := w.pool.Next(); ok && at <= w.now {
		w.t.Fatalf("at %v, after a tick, the next is wanted at %v", w.now, at)
	}
	w.checkDeadlines()
}

// cancel takes the client of a request away, or aborts it.
func (w *world) cancel() {
	r, ok := oneOf(w, w.clients)
	if !ok {
		return
	}
	abort := w.below(2) == 0
	waits := r.in && r.on == nil
	if r.in {
		r.gone = r.gone || !abort && r.on != nil
		if abort && r.verdict == 0 {
			r.verdict = ClientAbort
		}
	}
	if abort {
		w.did("abort", w.pool.Abort(w.now, &r.Request, ClientAbort))
		return
	}
	actions := w.pool.Cancel(w.now, &r.Request)
	if waits {
		without := func(other *client) bool { return other == r }
		w.queue = slices.DeleteFunc(w.queue, without)
		w.retries = slices.DeleteFunc(w.retries, without)
		w.ended(r)
	}
	w.did("cancel", actions)
}

// manage does what the owner of several pools does.
func (w *world) manage() {
	switch w.below(4) {
	case 0:
		w.limit = [...]int{-1, -1, -1, 0, 1, 3}[w.below(6)]
		w.did("limit", w.pool.SetLimit(w.now, w.limit))
	case 1:
		c, ok := oneOf(w, slices.DeleteFunc(slices.Clone(w.children), func(c *child) bool { return c.ready }))
		if !ok {
			return
		}
		w.limit = 0
		actions := w.pool.StartDenied(w.now, c.Worker)
		w.lostWorker(c)
		w.did("deny", actions)
	default:
		if c, ok := oneOf(w, w.children); ok && !w.exact {
			w.did("retire", w.pool.Retire(w.now, c.Worker, MaxMemory))
		}
	}
}

// rare does what happens at most once in the life of a pool.
func (w *world) rare() {
	switch w.below(40) {
	case 0:
		w.phase = max(w.phase, phaseDraining)
		w.did("drain", w.pool.Drain(w.now))
	case 1:
		if w.below(3) == 0 {
			w.phase = phaseStopping
			w.did("shutdown", w.pool.Shutdown(w.now))
		}
	default:
		w.start()
	}
}

// start begins the pool in one of the two ways there are.
func (w *world) start() {
	if w.below(2) == 0 {
		w.did("start", w.pool.Start(w.now))
	} else {
		w.did("start gradually", w.pool.StartGradually(w.now))
	}
}

// blunder calls the pool with what cannot be; it must say so and do nothing.
func (w *world) blunder() {
	r, haveRequest := oneOf(w, w.clients)
	dead, haveDead := oneOf(w, w.dead)
	kind := w.below(5)
	switch {
	case kind == 0 && haveRequest && r.in:
		w.expected++
		w.did("arrive twice", w.pool.Arrive(w.now, &r.Request))
	case kind == 1 && haveRequest && r.on == nil:
		w.expected++
		w.did("free nothing", w.pool.Free(w.now, &r.Request))
	case kind == 2 && haveRequest && r.on == nil:
		w.expected++
		w.did("respond to nothing", w.pool.Responded(w.now, &r.Request))
	case kind == 3 && haveDead && dead.State() == StateDead:
		w.expected++
		w.did("exit of the dead", w.pool.Exited(w.now, dead))
	case kind == 4 && haveDead && dead.State() == StateDead:
		w.expected++
		w.did("ready of the dead", w.pool.Ready(w.now, dead))
	}
}

// end drains or shuts down the pool and serves it until it is done.
func (w *world) end() {
	if w.below(4) == 0 {
		w.phase = phaseStopping
		w.did("shutdown", w.pool.Shutdown(w.now))
	} else {
		w.phase = max(w.phase, phaseDraining)
		w.did("drain", w.pool.Drain(w.now))
	}
	w.limit = -1
	w.did("limit", w.pool.SetLimit(w.now, -1))
	for range 20*len(w.clients) + 50*len(w.children) + 200 {
		if w.pool.Done() {
			break
		}
		w.serve()
	}
	if !w.pool.Done() {
		w.t.Fatalf("config %+v\nnot done: %d wait, %d children", w.cfg, w.waiting(), len(w.children))
	}
	if w.delivered != w.arrivals || len(w.children) > 0 {
		w.t.Fatalf("%d requests came, %d ended, %d children are left", w.arrivals, w.delivered, len(w.children))
	}
	if at, ok := w.pool.Next(); ok {
		w.t.Fatalf("a pool that is done wants a tick at %v", at)
	}
}

// serve does what well-behaved workers do next.
func (w *world) serve() {
	for _, c := range w.children {
		switch {
		case c.stopped != 0:
			actions := w.pool.Exited(w.now, c.Worker)
			w.lostWorker(c)
			w.did("exit", actions)
			return
		case !c.ready:
			c.ready = true
			w.touch(c)
			w.did("ready", w.pool.Ready(w.now, c.Worker))
			return
		case len(c.clients) > 0:
			w.finish()
			return
		}
	}
	if at, ok := w.pool.Next(); ok {
		w.now = max(w.now, at)
	}
	w.tick()
}
