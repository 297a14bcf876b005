package pool

import "time"

// A phase is how far the pool is on its way out. It only ever rises, as in
// php-fpm's fpm_process_ctl.c: a weaker request never overrides a stronger one.
type phase uint8

const (
	phaseRunning  phase = iota
	phaseDraining       // no new requests; workers leave when nothing is left to do
	phaseStopping       // everybody leaves
)

var phaseNames = [...]string{"running", "draining", "stopping"} //nolint:gochecknoglobals // a table, never changed

func (s phase) String() string { return nameOf(phaseNames[:], int(s), "phase") }

// raise brings the pool into a later phase. It reports false if the pool is
// there or further already.
func (p *Pool) raise(to phase) bool {
	if p.phase >= to {
		return false
	}
	p.phase = to
	p.first, p.owed = 0, 0
	return true
}

// Drain ends the pool gracefully: new requests are refused, those that run or
// wait are finished, and workers are stopped as soon as nothing is left for
// them to do. It takes as long as the requests take; [Pool.Shutdown] cuts it
// short. After a Drain or Shutdown it does nothing.
func (p *Pool) Drain(now time.Duration) []Action {
	p.begin(now)
	if p.raise(phaseDraining) {
		p.settle()
	}
	return p.out
}

// Shutdown ends the pool now: waiting requests are refused, all workers are
// stopped, and the requests they run are refused when they have exited. After
// a Shutdown it does nothing.
func (p *Pool) Shutdown(now time.Duration) []Action {
	p.begin(now)
	if !p.raise(phaseStopping) {
		return p.out
	}
	p.refuseWaiting(Shutdown)
	for _, w := range p.slots.workers {
		if w != nil {
			p.stop(w, Term, Shutdown)
		}
	}
	p.settle()
	return p.out
}

// Done reports whether the pool is drained or shut down: no request and no
// worker is left, and none will come.
func (p *Pool) Done() bool { return p.phase != phaseRunning && p.Empty() }

// dismiss stops, in a draining pool, the workers that nobody waits for.
func (p *Pool) dismiss() {
	if p.waiting() > 0 {
		return
	}
	for _, l := range [...]*list[Worker]{p.rooms.idle(), &p.starting} {
		for w := l.first(); w != nil; w = l.first() {
			p.stop(w, Quit, Drained)
		}
	}
}

// escalation tells which signal follows one that did not help for
// Config.StopGrace; after Kill there is nothing left to send.
var escalation = [...]Signal{Quit: Kill, Term: Kill, Kill: 0} //nolint:gochecknoglobals // a table, never changed

// stop asks w to leave, unless it was asked as strongly before.
func (p *Pool) stop(w *Worker, s Signal, reason Reason) {
	if w.signal >= s || !p.stepWorker(w, workerStop) {
		return
	}
	w.signal, w.stopped, w.reason = s, p.now, reason
	w.age.leave()
	w.due.leave()
	if escalation[s] != 0 {
		p.stopping.pushBack(&w.stage, w)
	} else {
		w.stage.leave()
	}
	p.emit(Action{Kind: Stop, Worker: w, Signal: s, Reason: reason})
}
