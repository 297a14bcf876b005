package master

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/listen"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
)

const (
	// readySlack is what a supervisor may take to become ready beyond the time
	// its workers have (runner.start_timeout).
	readySlack = 10 * time.Second
	// startRounds is in how many rounds a generation beside another starts its
	// first workers at most: a quarter of them at a time.
	startRounds = 4
)

// errNoSuchPool is the end of a reload of a pool that is in no configuration.
var errNoSuchPool = errors.New("no such pool")

// A reload is on its way from one configuration to the next.
type reload struct {
	master  *Master
	only    string // the pool to reload; empty for the whole service
	waiters []waiter
	// executed says that this program was executed for the reload.
	executed bool
	moved    int // pools that have their new generation
	// endRehearsal ends that of another program, if there is one.
	endRehearsal context.CancelFunc

	inherited []string               // php-fpm's lines for the sockets there were
	waiting   map[string]*loop.Timer // pools under way, with their deadlines
	failures  []error
	again     *reload // asked for meanwhile
}

// requestReload begins a reload of one pool or, without a name, of all. w
// learns how it went.
func (m *Master) requestReload(only string, w waiter) {
	if m.phase != phaseRunning {
		logfile.Printf(m.log, logfile.LevelDebug, "not switching to 'reloading' state, because already in '%s' state", m.phase)
		w.tell(errEnding)
		return
	}
	logfile.Printf(m.log, logfile.LevelNotice, "Reloading in progress ...")
	m.reloadOnce(only, w)
}

// reloadOnce begins a reload, or has the one under way followed by another. The
// service must not be ending.
func (m *Master) reloadOnce(only string, w waiter) {
	if m.reload != nil {
		m.reload.queue(only, w)
		return
	}
	r := &reload{master: m, only: only, waiters: []waiter{w}}
	m.reload = r
	r.begin()
}

// queue makes one reload of all that are asked for while another runs.
func (r *reload) queue(only string, w waiter) {
	if r.again == nil {
		r.again = &reload{master: r.master, only: only}
	}
	if r.again.only != only {
		r.again.only = ""
	}
	r.again.waiters = append(r.again.waiters, w)
}

func (r *reload) begin() {
	r.waiting = map[string]*loop.Timer{}
	r.master.notify.reloading()
	if r.only != "" || r.master.opts.Program.Path == "" {
		r.load()
		return
	}
	r.lookForProgram()
}

// load reads the configuration again.
func (r *reload) load() {
	r.master.helpers.Go(func() {
		cfg, notices, err := r.master.opts.Reload()
		r.master.loop.Post(func() { r.loaded(cfg, notices, err) })
	})
}

// loaded takes the new configuration, of which nothing is in use yet.
func (r *reload) loaded(cfg *config.Config, notices []config.Notice, err error) {
	m := r.master
	if m.reload != r {
		return // the service is ending
	}
	LogNotices(m.log, notices)
	if err != nil {
		LogFaults(m.log, err)
		r.fail(err)
		return
	}
	r.inherited = m.inheritedLines()
	doors, err := r.openDoors(cfg)
	if err != nil {
		logfile.Printf(m.log, logfile.LevelError, "%s", logfile.ErrorText(err))
		r.fail(err)
		return
	}
	if r.only == "" {
		if err := m.adoptGlobal(cfg); err != nil {
			m.log.Error("cannot use all of the new configuration", "err", err)
			r.failures = append(r.failures, err)
		}
	}
	r.apply(cfg, doors)
}

// fail ends a reload that has changed nothing.
func (r *reload) fail(err error) {
	logfile.Printf(r.master.log, logfile.LevelError, "reload failed, going on with the configuration in use")
	r.failures = append(r.failures, err)
	r.finish()
}

// openDoors opens the sockets of all pools that the reload is about. If one
// cannot be opened the new ones are closed again.
func (r *reload) openDoors(cfg *config.Config) (map[string][]door, error) {
	doors := map[string][]door{}
	taken := map[*listen.Socket]string{}
	found := r.only == "" || r.master.pools[r.only] != nil
	for _, p := range cfg.Pools {
		if r.only != "" && p.Name != r.only {
			continue
		}
		found = true
		some, err := openDoors(r.master.table, p, taken)
		if err != nil {
			r.master.closeUnused()
			return nil, err
		}
		doors[p.Name] = some
	}
	if !found {
		return nil, fmt.Errorf("[pool %s] %w", r.only, errNoSuchPool)
	}
	return doors, nil
}

// apply moves each pool to its new configuration.
func (r *reload) apply(cfg *config.Config, doors map[string][]door) {
	m := r.master
	r.waiting[""] = nil // the reload itself: it does not end before all are under way
	for _, p := range slices.Collect(maps.Values(m.pools)) {
		name := p.cfg.Name
		if _, kept := doors[name]; !kept && (r.only == "" || r.only == name) {
			p.finish(m.patience())
		}
	}
	for _, next := range cfg.Pools {
		if d, wanted := doors[next.Name]; wanted {
			r.move(next, d)
		}
	}
	m.closeUnused()
	r.settled("", nil)
}

// errOvertaken is the end of a start that a reload goes on with.
var errOvertaken = errors.New("overtaken by a reload")

// move brings a pool to cfg, with a new generation beside the old one if there
// is a process.
func (r *reload) move(cfg *config.Pool, doors []door) {
	m := r.master
	settled := func(err error) { r.settled(cfg.Name, err) }
	p := m.pools[cfg.Name]
	fresh := p == nil
	if fresh {
		p = m.newPool(cfg, doors)
	}
	switch {
	case fresh:
		r.await(p, cfg.RunnerStartTime)
		p.start(settled)
	case p.state == poolIdle:
		r.await(p, cfg.RunnerStartTime)
		p.unwatch()
		p.cfg, p.doors, p.since = cfg, doors, time.Now()
		p.generation++
		p.start(settled)
	default:
		r.await(p, startRounds*cfg.RunnerStartTime)
		p.settle(errOvertaken)
		p.settled = settled
		p.next = m.launch(p, cfg, doors, p.generation+1)
	}
}

// await gives a pool its time to become ready.
func (r *reload) await(p *pool, patience time.Duration) {
	l := r.master.loop
	t := loop.NewTimer(func() {
		late := errors.New("not ready in time")
		if p.next != nil {
			p.supervisorFailed(p.next, late)
		} else {
			p.settle(late)
		}
	})
	r.waiting[p.cfg.Name] = t
	l.Set(t, l.Now()+patience+readySlack)
}

// settled takes the outcome of one pool.
func (r *reload) settled(pool string, err error) {
	if t := r.waiting[pool]; t != nil {
		r.master.loop.Clear(t)
	}
	delete(r.waiting, pool)
	if err == nil && pool != "" {
		r.moved++
	}
	if err != nil {
		logfile.Printf(r.master.log.With("pool", pool), logfile.LevelError, "reload failed, the old generation goes on: %s", err)
		r.failures = append(r.failures, fmt.Errorf("[pool %s] %w", pool, err))
	}
	if len(r.waiting) == 0 {
		r.finish()
	}
}

// finish tells everybody who waits and begins what was asked for meanwhile.
func (r *reload) finish() {
	m := r.master
	if m.reload != r {
		return
	}
	m.closeUnused()
	err := errors.Join(r.failures...)
	if err != nil && r.moved == 0 && m.before >= 0 {
		m.goBack(err, func() {
			m.forgetBefore()
			r.finish()
		})
		return
	}
	m.forgetBefore()
	m.reload = nil
	m.history.ReloadFailing = err != nil
	if err == nil {
		m.history.Reloads++
		m.history.LastReload = time.Now()
		m.history.ReloadProblem = ""
		m.announceReload(r)
	} else {
		m.history.FailedReloads++
		m.history.ReloadProblem = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	m.tellAnnounced()
	m.notify.ready()
	for _, w := range r.waiters {
		w.tell(err)
	}
	if r.again != nil && m.phase == phaseRunning {
		m.reload = r.again
		r.again.begin()
	} else if r.again != nil {
		for _, w := range r.again.waiters {
			w.tell(errEnding)
		}
	}
}

// announceReload writes php-fpm's lines for a reload of the service.
func (m *Master) announceReload(r *reload) {
	if r.only != "" {
		logfile.Printf(m.log.With("pool", r.only), logfile.LevelNotice, "reloaded")
		return
	}
	if !r.executed {
		logfile.Printf(m.log, logfile.LevelNotice, "reloading: done in place, without execvp()")
	}
	for _, line := range r.inherited {
		logfile.Printf(m.log, logfile.LevelNotice, "%s", line)
	}
	m.announceRunning()
	logfile.Printf(m.log, logfile.LevelNotice, "ready to handle connections")
	m.monitor.announce()
}

// inheritedLines are php-fpm's lines for the sockets of the pools.
func (m *Master) inheritedLines() []string {
	var lines []string
	for _, s := range m.table.Sockets() {
		if !m.ours(s) {
			lines = append(lines, fmt.Sprintf("using inherited socket fd=%d, \"%s\"", s.FD, s.Key))
		}
	}
	return lines
}

// abandonReload ends a reload because the service ends.
func (m *Master) abandonReload() {
	r := m.reload
	if r == nil {
		return
	}
	m.reload = nil
	if r.endRehearsal != nil {
		r.endRehearsal()
	}
	m.goOn()
	waiters := r.waiters
	if r.again != nil {
		waiters = append(waiters, r.again.waiters...)
	}
	for _, t := range r.waiting {
		if t != nil {
			m.loop.Clear(t)
		}
	}
	for _, w := range waiters {
		w.tell(errEnding)
	}
}
