package supervisor

import (
	"time"

	"github.com/anyfpm/anyfpm/status"
)

// An unwatched connection has its whole request read and waits for the
// answer. Watching it would only tell of a client that goes away, so that is
// put off: nearly every request is answered before.
type unwatched struct {
	c   *conn
	use uint64
	at  time.Duration
}

func (s *Supervisor) watchLater(c *conn) {
	at := s.loop.Now() + watchAfter
	if len(s.unwatched) == 0 {
		s.loop.Set(s.watchTimer, at)
	}
	s.unwatched = append(s.unwatched, unwatched{c, c.use, at})
}

// watchOverdue begins to watch the connections whose requests take long.
func (s *Supervisor) watchOverdue() {
	n := 0
	for _, u := range s.unwatched {
		if u.at > s.loop.Now() {
			break
		}
		n++
		if u.c.use == u.use {
			u.c.watch()
		}
	}
	rest := copy(s.unwatched, s.unwatched[n:])
	clear(s.unwatched[rest:])
	s.unwatched = s.unwatched[:rest]
	if rest > 0 {
		s.loop.Set(s.watchTimer, s.unwatched[0].at)
	}
}

// awaitsInput says whether the connection's peer is expected to send.
func (c *conn) awaitsInput() bool {
	if !c.dec.Boundary() || len(c.reqs) == 0 {
		return true
	}
	for _, r := range c.reqs {
		if !r.inputEnd {
			return true
		}
	}
	return false
}

// arm sets the deadline of a connection that waits for its peer, and clears
// it for one that does not. An idle kept connection has none.
func (c *conn) arm() {
	if c.closed || c.lingering {
		return
	}
	l := c.s.loop
	reading := c.readingParams()
	if !reading {
		c.since = 0
	} else if c.since == 0 {
		c.since = l.Now()
	}
	switch {
	case !c.heard:
		l.Set(c.timer, l.Now()+c.s.silence.firstByte)
	case reading:
		l.Set(c.timer, c.since+c.s.silence.params)
	case len(c.reqs) > 0 && c.paused == 0 && c.awaitsInput():
		l.Set(c.timer, l.Now()+c.s.silence.body)
	case len(c.reqs) == 0 && c.s.closing: // see Drain
	default:
		l.Clear(c.timer)
	}
}

// readingParams says whether a request has begun, or a record of one, whose
// PARAMS have not ended.
func (c *conn) readingParams() bool {
	if len(c.reqs) == 0 {
		return !c.dec.Boundary()
	}
	for _, r := range c.reqs {
		if r.phase == phaseParams {
			return true
		}
	}
	return false
}

// timeout ends a connection whose peer keeps it waiting. Only the requests
// that wait for input are lost, and each gets its answer if it can have one.
func (c *conn) timeout() {
	switch {
	case c.lingering, !c.heard, len(c.reqs) == 0 && c.dec.Boundary():
		c.close()
	case c.readingParams():
		c.s.log.Warn("client did not send its request in time, connection closed", clientAttr(c))
		c.close()
	default:
		for _, r := range append([]*request(nil), c.reqs...) {
			if r.phase == phaseBody {
				r.log().Warn("request body stopped coming, request refused", clientAttr(c))
				r.outcome = status.BadRequest
				r.answer(bodyTimeout())
			} else if r.phase == phaseRunning && !r.inputEnd {
				r.log().Warn("request body stopped coming, request aborted", clientAttr(c))
				r.outcome = status.BadRequest
				if r.resp.began {
					r.cutOff()
				} else {
					r.answer(bodyTimeout())
				}
				r.abort()
			}
		}
	}
}
