package supervisor

import (
	"context"

	"github.com/anyfpm/anyfpm/internal/config"
)

// serve starts the pool. Connections are accepted once its first workers are
// ready, see checkServing.
func (s *Supervisor) serve() {
	s.inquire()
	if !s.started && (s.alone || s.compat.inquiry == nil) {
		s.begin()
	}
}

// begin starts the first workers. Beside another generation, which needs the
// processors, one thing is done after the other.
func (s *Supervisor) begin() {
	start := s.pool.Start
	if !s.alone {
		start = s.pool.StartGradually
	}
	s.perform(start(s.loop.Now()))
	s.started = true
	s.checkServing()
}

// checkServing opens the doors when the first workers have started. A
// static or dynamic pool whose workers do not start at all opens them to
// refuse, unless another generation serves.
func (s *Supervisor) checkServing() {
	if s.ready || s.closing || !s.started || s.compat.inquiry != nil {
		return
	}
	if s.pool.Failed() {
		if s.alone {
			s.openDoors()
		}
		return
	}
	if s.pool.Beginning() {
		return
	}
	s.ready = true
	s.openDoors()
	s.events.Ready()
}

func (s *Supervisor) openDoors() {
	if s.serving {
		return
	}
	s.serving = true
	for _, d := range s.doors {
		d.resume()
	}
	for _, d := range s.httpDoors {
		d.resume()
	}
}

// poolFailed reports workers that do not start. Its clients get 503.
func (s *Supervisor) poolFailed(times int) {
	s.failure = s.lastFailure
	s.releaseLines()
	s.log.Error("workers do not start, trying again with back-off", "failed_starts", times, "reason", s.failure)
	s.events.Failed(s.failure)
	s.checkServing()
}

// recovered takes the end of a failure. The master, which was told of it, learns
// that of the first workers' from checkServing.
func (s *Supervisor) recovered() {
	s.log.Info("workers start again, the pool serves")
	s.failure = ""
	if s.ready && !s.closing {
		s.events.Ready()
	}
}

// Drain stops accepting, finishes what is under way and then ends the
// workers and the loop. A connection that was accepted and has not said
// anything yet is about to. An idle kept one may be, too: it is handed over to
// the generation that has taken over, or may bring one more request if that
// takes none.
func (s *Supervisor) Drain(replaced, handOver bool) {
	if s.closing {
		return
	}
	s.closing, s.handing = true, handOver
	s.releaseLines()
	for _, d := range s.doors {
		d.close()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.endHTTP = cancel
	s.httpDraining = len(s.httpDoors)
	for _, d := range s.httpDoors {
		d.drain(ctx, replaced)
	}
	if s.handing {
		return // see handOverIdle
	}
	for c := range s.conns {
		c.keep = false
		idle := len(c.reqs) == 0 && c.heard && c.dec.Boundary() && len(c.out) == 0
		switch {
		case idle && replaced:
			s.loop.Set(c.timer, s.loop.Now()+idleGrace)
		case idle:
			c.close()
		}
	}
}

// Shutdown ends everything now.
func (s *Supervisor) Shutdown() {
	s.Drain(false, false)
	s.handing = false
	s.endHTTP()
	s.drained = true
	s.perform(s.pool.Shutdown(s.loop.Now()))
	for c := range s.conns {
		for _, r := range c.reqs {
			r.breakOff()
		}
		c.flush()
		c.close()
	}
}

// checkDone ends the loop of a closing pool when nothing is left: first the
// connections go, then the requests that only their workers still know of,
// then the workers.
func (s *Supervisor) checkDone() {
	if len(s.conns) > 0 || s.httpDraining > 0 || s.handingOver() {
		return
	}
	if !s.drained {
		s.drained = true
		s.perform(s.pool.Drain(s.loop.Now()))
	}
	if s.pool.Done() {
		s.endHTTP()
		s.loop.Stop()
	}
}

// checkQuiet tells the master of an ondemand pool when nothing has been left
// here for pm.process_idle_timeout: it can do the waiting at the cost of a
// descriptor.
func (s *Supervisor) checkQuiet() {
	if s.cfg.PM != config.Ondemand || !s.serving || s.closing {
		return
	}
	quiet := len(s.conns) == 0 && s.pool.Empty()
	switch {
	case quiet == s.quiet:
	case quiet:
		s.loop.Set(s.quietTimer, s.loop.Now()+s.cfg.ProcessIdleTimeout)
	default:
		s.loop.Clear(s.quietTimer)
	}
	s.quiet = quiet
}
