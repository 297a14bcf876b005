package master

import (
	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/logfile"
)

// unlimited is the number of a [control.Limit] that is none.
const unlimited = -1

// shares divides process.max, the number of workers over all pools, among the
// supervisors. Each has a grant that it may fill by itself; one that wants
// more gets what the others do not need.
type shares struct {
	master  *Master
	members map[*supervisor]struct{}
	warned  bool // that the maximum is reached; once per episode
}

// A share is the part of one supervisor.
type share struct {
	granted int
	workers int // it has
	wanted  int // it would like to have
}

// first is what a pool needs at its start.
func (s *share) first(p *config.Pool) int {
	switch p.PM {
	case config.Static:
		return p.MaxChildren
	case config.Dynamic:
		return p.StartServers
	default:
		return 1
	}
}

func (h *shares) max() int { return h.master.cfg.Global.ProcessMax }

// add gives a new supervisor its first grant.
func (h *shares) add(s *supervisor) {
	h.members[s] = struct{}{}
	if h.max() == 0 {
		s.share.granted = unlimited
		return
	}
	s.share.granted = min(s.share.first(s.cfg), h.free())
	s.share.wanted = s.share.first(s.cfg)
	h.warn()
}

// remove frees the grant of a supervisor that is gone.
func (h *shares) remove(s *supervisor) {
	if _, ok := h.members[s]; !ok {
		return
	}
	delete(h.members, s)
	h.divide()
}

// update takes what a supervisor has and wants, as far as that can be: what it
// claims is missing elsewhere.
func (h *shares) update(s *supervisor, u *control.Usage) {
	if h.max() == 0 || u.Workers < 0 || u.Wanted < 0 {
		return
	}
	// A worker and the one that is to replace it may both be there.
	s.share.workers, s.share.wanted = min(u.Workers, 2*s.cfg.MaxChildren), min(u.Wanted, s.cfg.MaxChildren)
	if need := max(s.share.workers, s.share.wanted); need < s.share.granted {
		h.grant(s, need)
	}
	h.divide()
}

// free is the part of the maximum that nobody has been granted.
func (h *shares) free() int {
	free := h.max()
	for s := range h.members {
		free -= max(s.share.granted, s.share.workers)
	}
	return max(free, 0)
}

// divide gives what is free to those that want more.
func (h *shares) divide() {
	if h.max() == 0 {
		return
	}
	for s := range h.members {
		if lack := s.share.wanted - s.share.granted; lack > 0 && s.serving() {
			if more := min(lack, h.free()); more > 0 {
				h.grant(s, s.share.granted+more)
			}
		}
	}
	h.warn()
}

// reset divides anew under a new process.max.
func (h *shares) reset() {
	for s := range h.members {
		if h.max() == 0 {
			h.grant(s, unlimited)
		} else if s.share.granted == unlimited {
			h.grant(s, min(max(s.share.workers, s.share.first(s.cfg)), h.max()))
		}
	}
	h.divide()
}

func (h *shares) grant(s *supervisor, n int) {
	if s.share.granted != n {
		s.share.granted = n
		s.tell(&control.Limit{Workers: n})
	}
}

func (h *shares) warn() {
	lacking := false
	for s := range h.members {
		lacking = lacking || s.share.wanted > s.share.granted
	}
	if lacking && !h.warned {
		logfile.Printf(h.master.log, logfile.LevelWarning, "The maximum number of processes has been reached. Please review your configuration and consider raising 'process.max'")
	}
	h.warned = lacking
}
