package master

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
)

// A poolState is what the master does about a pool.
type poolState int

const (
	poolIdle     poolState = iota // no process: its sockets are watched
	poolStarting                  // its supervisor is not ready yet
	poolServing                   // its supervisor serves
	poolFailing                   // its supervisor runs, its workers do not start
	poolBackoff                   // its supervisor died and will be started again
	poolClosing                   // goes away with its last supervisor
)

// String returns the name of the state.
func (s poolState) String() string {
	switch s {
	case poolIdle:
		return "idle"
	case poolStarting:
		return "starting"
	case poolServing:
		return "serving"
	case poolFailing:
		return "failing"
	case poolBackoff:
		return "backoff"
	case poolClosing:
		return "closing"
	default:
		return "unknown"
	}
}

const (
	// A supervisor that died is started again at once the first time, then
	// after backoffMin, doubled each time up to backoffMax.
	backoffMin = 100 * time.Millisecond
	backoffMax = 10 * time.Second
	// soundAge is the age at which a supervisor was worth starting: its death
	// is the first again.
	soundAge = 10 * time.Second
)

// errEnding is why something is not done any more.
var errEnding = errors.New("the service is ending")

// A pool is a pool of the configuration with its supervisors: the current one,
// during a reload its successor, and predecessors that finish their requests.
type pool struct {
	master     *Master
	cfg        *config.Pool
	doors      []door
	state      poolState
	generation int // 1, and one more with each reload that succeeded
	since      time.Time

	current *supervisor // nil in idle and backoff
	next    *supervisor // nil but during a reload
	leaving map[*supervisor]struct{}
	passing []passed // connections that wait for a current one

	deaths  int         // in a row
	timer   *loop.Timer // to the end of backoff
	failure string      // why it is failing or in backoff

	unreachable uint64 // how often it did not answer

	// settled is called, once, when it is known whether the supervisor under
	// way serves; it is nil while nobody waits for that.
	settled func(error)
}

func (m *Master) newPool(cfg *config.Pool, doors []door) *pool {
	p := &pool{master: m, cfg: cfg, doors: doors, generation: 1, leaving: map[*supervisor]struct{}{}, since: time.Now()}
	p.timer = loop.NewTimer(p.backoffOver)
	m.pools[cfg.Name] = p
	return p
}

func (p *pool) log() *slog.Logger { return p.master.log.With("pool", p.cfg.Name) }

// start begins to serve. settled learns the outcome.
func (p *pool) start(settled func(error)) {
	p.settled = settled
	if p.cfg.PM == config.Ondemand {
		p.rest()
		p.settle(nil)
		return
	}
	p.run()
}

// run starts the current supervisor.
func (p *pool) run() {
	p.state = poolStarting
	p.current = p.master.launch(p, p.cfg, p.doors, p.generation)
}

func (p *pool) settle(err error) {
	if settled := p.settled; settled != nil {
		p.settled = nil
		settled(err)
	}
}

// settleCurrent reports how the current generation is, unless another is about
// to serve: it is that one whose outcome counts then.
func (p *pool) settleCurrent(err error) {
	if p.next == nil {
		p.settle(err)
	}
}

func (p *pool) supervisorReady(s *supervisor) {
	p.failure = ""
	switch s {
	case p.current:
		p.state = poolServing
		p.settleCurrent(nil)
		p.passAll()
	case p.next:
		p.takeOver()
	}
}

func (p *pool) supervisorFailed(s *supervisor, err error) {
	switch s {
	case p.current:
		p.state = poolFailing
		p.failure = err.Error()
		p.settleCurrent(err)
	case p.next:
		p.leave(s)
		s.stop()
		p.giveUpNext(err)
	}
}

// supervisorGone takes the end of a supervisor; err is nil if it was asked to
// end and did.
func (p *pool) supervisorGone(s *supervisor, err error) {
	if err == nil && s == p.current {
		err = fmt.Errorf("supervisor %d ended by itself", s.pid)
	}
	switch s {
	case p.current:
		p.current = nil
		p.revive(s, err)
	case p.next:
		p.giveUpNext(err)
	default:
		delete(p.leaving, s)
		p.checkClosed()
	}
}

// revive brings a pool back whose supervisor died. Its sockets have stayed
// open, so that clients wait and do not fail.
func (p *pool) revive(dead *supervisor, err error) {
	p.failure = err.Error()
	p.state = poolBackoff
	if p.next != nil {
		return // it may serve in a moment
	}
	p.settle(err)
	l := p.master.loop
	if l.Now()-dead.began >= soundAge {
		p.deaths = 0
	}
	p.deaths++
	delay := time.Duration(0)
	if p.deaths > 1 {
		delay = min(backoffMin<<min(p.deaths-2, 20), backoffMax)
		logfile.Printf(p.log(), logfile.LevelWarning, "supervisor died %d times in a row, starting it again in %v", p.deaths, delay)
	}
	l.Set(p.timer, l.Now()+delay)
}

func (p *pool) backoffOver() {
	if p.state == poolBackoff {
		p.start(nil)
	}
}

// takeOver makes the next supervisor the current one and lets the old one end
// its requests. The pool is settled when all new connections are the next
// one's.
func (p *pool) takeOver() {
	old := p.current
	p.master.loop.Clear(p.timer)
	p.current, p.next = p.next, nil
	p.cfg, p.doors, p.generation = p.current.cfg, p.current.doors, p.current.generation
	p.state, p.deaths = poolServing, 0
	p.since = time.Now()
	p.passAll()
	if old == nil {
		p.settle(nil)
		return
	}
	p.leave(old)
	old.drain(p.master.patience(), nextGeneration)
	old.whenClosed(func() { p.settle(nil) })
}

// giveUpNext ends a reload that failed: the old generation goes on.
func (p *pool) giveUpNext(err error) {
	p.next = nil
	p.settle(err)
	if p.state == poolBackoff {
		p.start(nil)
	}
}

// supervisors returns all processes of the pool.
func (p *pool) supervisors() []*supervisor {
	var all []*supervisor
	for _, s := range []*supervisor{p.current, p.next} {
		if s != nil {
			all = append(all, s)
		}
	}
	return slices.AppendSeq(all, maps.Keys(p.leaving))
}

// leave makes s a supervisor that is only waited for.
func (p *pool) leave(s *supervisor) { p.leaving[s] = struct{}{} }

// finish lets the pool end with its requests, after patience at the latest.
func (p *pool) finish(patience time.Duration) {
	p.close(func(s *supervisor) { s.drain(patience, nobody) })
}

// terminate ends the pool at once.
func (p *pool) terminate() { p.close((*supervisor).stop) }

func (p *pool) close(end func(*supervisor)) {
	p.unwatch()
	p.master.loop.Clear(p.timer)
	p.state = poolClosing
	p.master.poolClosing(p)
	all := p.supervisors()
	p.current, p.next = nil, nil
	p.settle(errEnding)
	p.passAll()
	for _, s := range all {
		p.leave(s)
		end(s)
	}
	p.checkClosed()
}

func (p *pool) checkClosed() {
	if p.state == poolClosing && len(p.leaving) == 0 {
		p.master.poolClosed(p)
	}
}
