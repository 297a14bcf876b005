package master

import (
	"github.com/anyfpm/anyfpm/internal/loop"
)

// A watch waits for the first connection to a pool that has no process.
type watch struct{ pool *pool }

// Ready starts the pool's supervisor, which finds the connection waiting.
func (w watch) Ready(loop.Ready) {
	w.pool.unwatch()
	w.pool.run()
}

// rest makes the pool one without a process. It costs nothing until somebody
// connects.
func (p *pool) rest() {
	p.state = poolIdle
	for _, d := range p.doors {
		if err := p.master.loop.AddLevel(d.socket.FD, watch{p}); err != nil {
			p.log().Error("cannot wait for connections, starting the pool", "err", err)
			p.unwatch()
			p.run()
			return
		}
	}
}

// unwatch ends the waiting; a pool that does not wait is left alone.
func (p *pool) unwatch() {
	if p.state != poolIdle {
		return
	}
	for _, d := range p.doors {
		p.master.loop.Remove(d.socket.FD)
	}
}

// supervisorQuiet lets a supervisor with nothing to do go. A connection that
// comes in between is either accepted by it, and served before it ends, or
// found waiting here.
func (p *pool) supervisorQuiet(s *supervisor) {
	if s != p.current || p.next != nil || p.state != poolServing {
		return
	}
	p.leave(s)
	p.current = nil
	s.drain(-1, whoComesNext)
	p.rest()
}
