package pool

import (
	"fmt"
	"time"
)

// A Pool decides which worker serves which request, and which workers there
// are. It is not safe for concurrent use.
type Pool struct {
	cfg   Config
	now   time.Duration // of the latest call
	phase phase
	out   []Action // of the present call
	stats stats

	// Requests.
	queue   list[Request] // wait for their first worker, in order of arrival
	retries list[Request] // wait for another worker, before the queue
	leased  int           // requests that have a worker
	running list[Request] // have a TerminateTimeout, in order of lease
	watched list[Request] // have a SlowlogTimeout, in order of slowAt

	// Workers.
	slots    slots
	rooms    rooms
	starting list[Worker]       // in order of start
	stopping list[Worker]       // not killed yet, in order of the last signal
	aging    list[Worker]       // have a MaxLifetime, in order of getting ready
	total    int                // all that are not dead
	count    [StateDead + 1]int // by state

	// Growth.
	begun        bool // Start was called
	first        int  // of the first workers, those still to be started
	firstAtOnce  int  // how many of them may be starting
	owed         int  // workers to start whatever the demand
	limit        int  // starts that SetLimit permits, -1 is no limit
	limitNoticed bool // said that the limit is reached
	fullNoticed  bool // said that MaxChildren is reached
	spawn        spawnRate
	spareAwaited bool // a spare worker waits for spawn.next
	backoff      backoff
	startAwaited bool // a start waits for backoff.retryAt
	failed       bool

	// Shrinking.
	surplus      bool          // more idle workers than MaxSpareServers
	surplusSince time.Duration // since when, or since the last one was stopped
	reaped       bool          // an idle worker was stopped
	reapedAt     time.Duration // when, last

	// Retirement.
	due           list[Worker] // shall retire, in order
	retiring      int          // do retire
	retiringLimit int
	pairs         int // workers with an elder
	newHeirs      int // workers with an elder that are starting
}

// New returns a pool without workers; nothing happens before [Pool.Start].
func New(cfg Config) (*Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("cannot make pool: %w", err)
	}
	cfg = cfg.withDefaults()
	return &Pool{
		cfg:           cfg,
		rooms:         make(rooms, cfg.Concurrency),
		limit:         -1,
		spawn:         spawnRate{max: cfg.MaxSpawnRate},
		backoff:       backoff{min: cfg.BackoffMin, max: cfg.BackoffMax},
		retiringLimit: max(1, cfg.MaxChildren/4),
	}, nil
}

// begin opens a call: its actions replace those of the last one. A clock that
// goes back is taken to stand still.
func (p *Pool) begin(now time.Duration) {
	p.out = p.out[:0]
	p.now = max(p.now, now)
}

// emit adds an action to those of the present call.
func (p *Pool) emit(a Action) { p.out = append(p.out, a) }

// settle does what the last event has made possible or necessary.
func (p *Pool) settle() {
	p.dispatch()
	p.judge()
	p.startAwaited, p.spareAwaited = false, false
	switch p.phase {
	case phaseRunning:
		p.grow()
		p.retireDue()
		p.reap()
	case phaseDraining:
		p.meetDemand()
		p.dismiss()
	case phaseStopping:
	}
}

// stepWorker brings w into the state after e. It reports false, and nothing has
// happened, if e cannot happen now.
func (p *Pool) stepWorker(w *Worker, e workerEvent) bool {
	from := w.state
	to := workerTable[from][e]
	if to == 0 {
		p.fault(&StateError{Subject: w.subject(), State: from.String(), Event: e.String()})
		return false
	}
	if to != from {
		if from == StateStarting && w.elder != nil {
			p.newHeirs--
		}
		p.count[from]--
		p.count[to]++
		w.state, w.since = to, p.now
	}
	return true
}

// stepRequest brings r into the state after e. It reports false, and nothing
// has happened, if e cannot happen now.
func (p *Pool) stepRequest(r *Request, e requestEvent) bool {
	from := r.state
	to := requestTable[from][e]
	if to == RequestNew {
		p.fault(&StateError{Subject: "request", State: from.String(), Event: e.String()})
		return false
	}
	if from != to && from == RequestRunning {
		r.worker.open--
	}
	if from != to && to == RequestRunning {
		r.worker.open++
	}
	r.state = to
	return true
}

// fault counts an internal error and tells the caller.
func (p *Pool) fault(err error) {
	p.stats.internalErrors++
	if p.cfg.Fault != nil {
		p.cfg.Fault(err)
	}
}

// waiting returns how many requests wait for a worker.
func (p *Pool) waiting() int { return p.queue.len + p.retries.len }

// places returns how many of Config.MaxChildren places are taken: a worker and
// the one that shall replace it share one.
func (p *Pool) places() int { return p.total - p.pairs }

// active returns how many workers are busy or finishing.
func (p *Pool) active() int { return p.count[StateBusy] + p.count[StateFinishing] }

// Empty reports whether the pool has neither a worker nor a request.
func (p *Pool) Empty() bool { return p.total == 0 && p.waiting() == 0 }

// Failed reports whether no worker can be started: requests are refused until
// a start succeeds.
func (p *Pool) Failed() bool { return p.failed }
