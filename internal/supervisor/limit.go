package supervisor

import "github.com/anyfpm/anyfpm/internal/config"

// unlimited is the limit of a pool without process.max.
const unlimited = -1

// A quota is the pool's part of process.max. The master divides it among the
// pools by what each has and wants.
type quota struct {
	limit   int // workers the pool may have
	workers int // it was last said to have
	wanted  int // it was last said to want
}

// setLimit applies the master's decision; [unlimited] lifts the limit.
func (s *Supervisor) setLimit(workers int) {
	s.quota.limit = workers
	s.quota.workers = unlimited // so that the next turn reports
	if workers < 0 {
		s.perform(s.pool.SetLimit(s.loop.Now(), unlimited))
	}
}

// checkQuota tells package pool how many workers it may still start, and the
// master what the pool has and wants, whenever that changed.
func (s *Supervisor) checkQuota() {
	q := &s.quota
	if q.limit < 0 {
		return
	}
	now := s.loop.Now()
	s.pool.Snapshot(&s.snap, now)
	workers := s.snap.Total
	wanted := min(workers+s.snap.Queue, s.cfg.MaxChildren)
	switch s.cfg.PM {
	case config.Static:
		wanted = s.cfg.MaxChildren
	case config.Dynamic:
		wanted = max(wanted, min(s.snap.Active+s.cfg.MinSpareServers, s.cfg.MaxChildren))
	case config.Ondemand:
	}
	if s.closing {
		wanted = workers
	}
	if workers == q.workers && wanted == q.wanted {
		return
	}
	q.workers, q.wanted = workers, wanted
	s.perform(s.pool.SetLimit(now, max(0, q.limit-workers)))
	s.events.Usage(workers, wanted)
}
