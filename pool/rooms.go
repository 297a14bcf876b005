package pool

// rooms holds the workers that can take a request, by how many leases of their
// place are taken: rooms[0] holds the idle ones. In each room the worker that
// came last is first. Workers whose place is full are in no room.
type rooms []list[Worker]

// best returns the worker for the next request, or nil: one with the fewest
// leases, and among those the one that came to have so few most recently: its
// caches are warm, and the surplus stays idle until it is reaped.
func (rs rooms) best() *Worker {
	for i := range rs {
		if w := rs[i].first(); w != nil {
			return w
		}
	}
	return nil
}

// idle returns the room of idle workers.
func (rs rooms) idle() *list[Worker] { return &rs[0] }

// place puts w, after its leases or its part in a retirement have changed, into
// the room it belongs to.
func (p *Pool) place(w *Worker) {
	if !w.serving() {
		return
	}
	load := w.load()
	switch {
	case w.relieved || load >= len(p.rooms):
		w.stage.leave()
	case w.stage.in != &p.rooms[load]:
		p.rooms[load].pushFront(&w.stage, w)
		if load == 0 {
			w.idle = p.now
		}
	}
}
