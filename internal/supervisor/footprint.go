package supervisor

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/usage"
	"github.com/anyfpm/anyfpm/pool"
)

const (
	// rssAge is how old a worker's resident memory may be when a request ends.
	// It bounds what reading it costs; in that time no request gets far.
	rssAge = 10 * time.Millisecond
	// shownAge is the same for what is only shown.
	shownAge = 50 * time.Millisecond
	// sharedAge is how long it is believed how much of a worker's memory is
	// other processes'.
	sharedAge = 30 * time.Second
	// measureAge is how often at most one worker is measured.
	measureAge = time.Second
	// measureRest is how many times as long as it took the measuring of all
	// workers for a status page rests, so that it stays within 2% of a CPU.
	measureRest = 50
)

// A footprint is what is known of a process's memory.
type footprint struct {
	pid int // 0 until it is known to be alive

	rss   uint64 // at the end of a request
	rssAt time.Duration

	memory     usage.Memory // as it was last measured
	measuredAt time.Duration

	w        *worker // that pm.max_memory holds for; nil for a script
	asked    bool    // it is waiting to be measured
	askedAt  time.Duration
	requests int  // of the worker when it was asked
	tooLarge bool // it is to be replaced
}

// readRSS brings the resident memory up to date. It is called when a request
// has ended.
func (f *footprint) readRSS(now, age time.Duration) {
	if f.rss > 0 && now-f.rssAt < age {
		return
	}
	if rss, err := usage.RSS(f.pid); err == nil { // else its exit is to come
		f.rss, f.rssAt = rss, now
	}
}

// checkMemory applies pm.max_memory to a worker that has just finished a
// request. Its PSS decides, which is never more than its RSS: most workers
// are known to be within the limit without being measured.
func (w *worker) checkMemory() {
	limit, now, f := uint64(w.s.cfg.MaxMemory), w.s.loop.Now(), &w.footprint
	if limit == 0 || f.tooLarge {
		return
	}
	f.pid = w.pid
	f.readRSS(now, rssAge)
	if f.rss <= limit {
		return
	}
	known := f.measuredAt > 0 && now-f.measuredAt < sharedAge
	if known && f.rss-f.memory.Shared() <= limit {
		return
	}
	if f.askedAt == 0 || now-f.askedAt >= measureAge {
		w.s.meter.ask(f)
		w.s.meter.run()
	}
}

// measured takes what came of a measurement.
func (f *footprint) measured(m usage.Memory, now time.Duration) {
	f.memory, f.measuredAt = m, now
	w := f.w
	if w == nil || w.gone || w.s.cfg.MaxMemory == 0 || f.tooLarge {
		return
	}
	pss := m.PSS
	if w.lease.Requests() != f.requests {
		// A request came in between, whose memory may be for itself alone. What
		// is shared does not depend on it.
		pss = f.rss - min(f.rss, m.Shared())
	}
	if pss <= uint64(w.s.cfg.MaxMemory) {
		return
	}
	f.tooLarge = true
	w.s.log.Info("worker is above pm.max_memory, it is replaced",
		slog.Int("pid", w.pid), slog.Uint64("pss", pss), slog.Int64("limit", w.s.cfg.MaxMemory))
	w.s.perform(w.s.pool.Retire(now, w.lease, pool.MaxMemory))
}

// A meter measures the memory of processes on a goroutine, since the kernel
// walks their page tables for it. All else of it belongs to the loop.
type meter struct {
	s        *Supervisor
	asked    []*footprint
	running  bool
	rest     time.Duration // no survey before
	reported bool          // a failure has been logged
	wait     sync.WaitGroup
}

// A measurement is a footprint and what came of measuring it.
type measurement struct {
	f      *footprint
	pid    int
	memory usage.Memory
	err    error
}

// ask has a process measured by the next run.
func (m *meter) ask(f *footprint) {
	if f.asked || f.pid == 0 {
		return
	}
	f.asked, f.askedAt = true, m.s.loop.Now()
	if f.w != nil {
		f.requests = f.w.lease.Requests()
	}
	m.asked = append(m.asked, f)
}

// survey has all processes of the pool measured for the next who asks for
// the status; this one gets what was measured before.
func (m *meter) survey(workers []pool.WorkerSnapshot) {
	if m.running || m.s.loop.Now() < m.rest {
		return
	}
	for _, w := range workers {
		switch owner := w.Owner.(type) {
		case *script:
			owner.footprint.pid = owner.pid
			m.ask(&owner.footprint)
		case *worker:
			owner.footprint.pid = owner.pid
			m.ask(&owner.footprint)
		}
	}
	m.run()
}

// run measures what was asked for so far, unless it is measuring: what is asked
// for meanwhile comes after that.
func (m *meter) run() {
	if m.running || len(m.asked) == 0 {
		return
	}
	m.running = true
	batch := make([]measurement, len(m.asked))
	for i, f := range m.asked {
		batch[i] = measurement{f: f, pid: f.pid}
	}
	clear(m.asked)
	m.asked = m.asked[:0]
	m.wait.Go(func() {
		start := time.Now()
		for i := range batch {
			batch[i].memory, batch[i].err = usage.ReadMemory(batch[i].pid)
		}
		took := time.Since(start)
		m.s.loop.Post(func() { m.done(batch, took) })
	})
}

func (m *meter) done(batch []measurement, took time.Duration) {
	now := m.s.loop.Now()
	m.running = false
	m.rest = now + max(measureAge, measureRest*took)
	for i := range batch {
		b := &batch[i]
		b.f.asked = false
		if b.err == nil {
			b.f.measured(b.memory, now)
		} else if !errors.Is(b.err, os.ErrNotExist) && !errors.Is(b.err, unix.ESRCH) { // else it is gone
			m.report(b.err)
		}
	}
	m.run()
}

// report logs the first failure; the others will have the same cause.
func (m *meter) report(err error) {
	if m.reported {
		return
	}
	m.reported = true
	effect := "no PSS is shown"
	if m.s.cfg.MaxMemory > 0 {
		effect = "pm.max_memory has no effect"
	}
	m.s.log.Error("memory of workers cannot be measured", slog.String("effect", effect), slog.Any("err", err))
}

// probe finds out at the start of a pool with pm.max_memory whether memory
// can be measured here at all.
func (m *meter) probe() {
	if m.s.cfg.MaxMemory == 0 {
		return
	}
	if _, err := usage.ReadMemory(os.Getpid()); err != nil {
		m.report(err)
	}
}

// close waits for the goroutine.
func (m *meter) close() { m.wait.Wait() }
