package pool

import "time"

// A worker that has served its time is replaced first: its heir is started and,
// once ready, takes over the elder's place; only then is the elder stopped, at
// once or when its last lease is over. Elder and heir share the Concurrency of
// one place, so that replacing workers never lets more requests run than
// MaxChildren allows. At most a quarter of the places are replaced at a time;
// the other workers that are due serve on until it is their turn.

// Retire asks for w to be replaced, for example because it has grown too large.
// Nothing happens to a worker that is not serving, or is due already.
func (p *Pool) Retire(now time.Duration, w *Worker, reason Reason) []Action {
	p.begin(now)
	if !p.stepWorker(w, workerRetire) {
		return p.out
	}
	p.outlived(w, reason)
	p.settle()
	return p.out
}

// outlived makes w due to retire.
func (p *Pool) outlived(w *Worker, reason Reason) {
	if p.cfg.Slots || w.retire != 0 || !w.serving() {
		return
	}
	w.retire = reason
	w.age.leave()
	if w.elder == nil { // else it is due when its elder is gone
		p.due.pushBack(&w.due, w)
	}
}

// retireDue retires the workers whose turn it is.
func (p *Pool) retireDue() {
	for p.retiring < p.retiringLimit {
		w := p.due.first()
		if w == nil {
			return
		}
		if p.limit == 0 {
			// It has to leave first, and nobody does while one is missing.
			if p.first > 0 || p.owed > 0 || p.coming() > 0 || p.backoff.failing() {
				return
			}
			p.retireNow(w)
			p.relieve(w)
			continue
		}
		if !p.mayStart() {
			return
		}
		p.retireNow(w)
		heir := p.start(Replacement)
		w.heir, heir.elder = heir, w
		p.pairs++
		p.newHeirs++
	}
}

// retireNow counts w among those that retire.
func (p *Pool) retireNow(w *Worker) {
	w.due.leave()
	w.retiring = true
	p.retiring++
}

// relieve lets w take no further request.
func (p *Pool) relieve(w *Worker) {
	w.relieved = true
	p.leaveIfRelieved(w)
	p.place(w)
}

// leaveIfRelieved stops w if it was relieved and has no lease left.
func (p *Pool) leaveIfRelieved(w *Worker) {
	if w.relieved && w.serving() && w.leases.len == 0 {
		p.stop(w, Quit, w.retire)
	}
}

// unpair parts w, which is dead, from its heir or elder.
func (p *Pool) unpair(w *Worker) {
	if heir := w.heir; heir != nil {
		w.heir, heir.elder = nil, nil
		p.pairs--
		if heir.state == StateStarting {
			p.newHeirs--
		}
		p.place(heir)
		if heir.retire != 0 && heir.serving() {
			p.due.pushBack(&heir.due, heir)
		}
	}
	if elder := w.elder; elder != nil {
		w.elder, elder.heir = nil, nil
		p.pairs--
		if elder.serving() { // back to service, and first in turn
			elder.relieved, elder.retiring = false, false
			p.retiring--
			p.due.pushFront(&elder.due, elder)
			p.place(elder)
		}
	}
}
