package supervisor

import (
	"github.com/anyfpm/anyfpm/status"
)

// A tally is what the pool counts for its status page and metrics, besides
// what package pool counts.
type tally struct {
	counters struct {
		accepted uint64 // requests, status and ping included
		slow     uint64
		spawns   uint64 // processes started
		oomKills uint64
	}
	outcomes   status.Outcomes
	responses  status.Responses
	exits      exits
	memoryPeak uint64 // of a request, bytes
	histograms struct {
		queue, request, cpu, spawn status.Histogram
	}
}

// ended counts a request when its response has ended, or when nobody is left
// to have it. Only the first call counts.
func (r *request) ended(outcome status.Outcome) {
	if r.reported {
		return
	}
	r.reported = true
	r.outcome = outcome
	s := r.s
	s.outcomes[outcome]++
	if r.resp.began {
		s.responses.Add(r.resp.status)
	}
	r.took = s.loop.Now() - r.begun
	s.histograms.request.Observe(r.took)
	if r.worker != nil {
		r.measure()
		r.worker.row.remember(r)
	}
	if r.proc == nil || r.proc.exited {
		r.logAccess()
	}
}

// measure notes what a resident worker used for the request. A worker that
// serves several at once cannot tell.
func (r *request) measure() {
	w, s := r.worker, r.s
	if !s.observed {
		return
	}
	now := s.loop.Now()
	if user, system, ok := w.stopwatch.stop(now); ok {
		r.userCPU, r.sysCPU = user, system
		w.row.measured(user+system, now-r.granted)
		s.histograms.cpu.Observe(user + system)
	}
	w.footprint.pid = w.pid
	w.footprint.readRSS(now, shownAge)
	r.memory = w.footprint.rss
	s.memoryPeak = max(s.memoryPeak, r.memory)
}
