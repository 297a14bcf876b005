package pool

// dispatch leases waiting requests to workers that have room.
func (p *Pool) dispatch() {
	for p.waiting() > 0 {
		w := p.vacancy()
		if w == nil {
			return
		}
		r := p.retries.first()
		if r == nil {
			r = p.queue.first()
		}
		p.lease(r, w)
	}
}

// vacancy returns the worker for the next request, or nil.
func (p *Pool) vacancy() *Worker {
	if !p.cfg.Slots {
		return p.rooms.best()
	}
	if p.total >= p.cfg.MaxChildren {
		return nil
	}
	w := p.hire()
	p.stepWorker(w, workerReady)
	return w
}

// lease hands r, which waits, to w.
func (p *Pool) lease(r *Request, w *Worker) {
	r.worker = w
	p.stepRequest(r, requestLease)
	p.stepWorker(w, workerLease)
	r.attempts++
	r.leased, r.slow = p.now, 0
	r.line.leave()
	if p.cfg.TerminateTimeout > 0 {
		p.running.pushBack(&r.line, r)
	}
	if p.cfg.SlowlogTimeout > 0 {
		r.slowAt = p.now + p.cfg.SlowlogTimeout
		p.watched.pushBack(&r.look, r)
	}
	w.requests++
	w.leases.pushBack(&r.mate, r)
	p.leased++
	p.place(w)
	p.stats.maxActive = max(p.stats.maxActive, p.active())
	p.emit(Action{Kind: Lease, Request: r, Worker: w})
}

// unlease takes r, which has ended or shall be tried again, out of every list
// and from its worker, which it returns.
func (p *Pool) unlease(r *Request) *Worker {
	w := r.worker
	if w != nil {
		p.leased--
	}
	r.worker = nil
	r.line.leave()
	r.look.leave()
	r.mate.leave()
	return w
}

// freed decides what becomes of w after one of its leases is over.
func (p *Pool) freed(w *Worker) {
	switch {
	case w.leases.len == 0:
		p.stepWorker(w, workerFree)
	case w.open == 0 && w.state == StateBusy:
		p.stepWorker(w, workerRespond)
	}
	if p.cfg.Slots && w.leases.len == 0 {
		p.stepWorker(w, workerExit)
		p.bury(w)
		return
	}
	if w.limit > 0 && w.requests >= w.limit {
		p.outlived(w, MaxRequests)
	}
	p.leaveIfRelieved(w)
	p.place(w)
	if w.heir != nil {
		p.place(w.heir)
	}
}
