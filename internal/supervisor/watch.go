package supervisor

import (
	"math"
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
	if len(c.reqs) > 0 || c.dec.Boundary() {
		c.torn = 0
	} else if c.torn == 0 {
		c.torn = l.Now()
	}
	switch {
	case !c.heard:
		l.Set(c.timer, l.Now()+c.s.silence.firstByte)
	case c.torn != 0:
		l.Set(c.timer, c.torn+c.s.silence.params)
	case len(c.reqs) == 0 && c.s.closing: // see Drain
	default:
		if at := c.deadline(); at < never {
			l.Set(c.timer, at)
		} else {
			l.Clear(c.timer)
		}
	}
}

// never is later than all deadlines.
const never time.Duration = math.MaxInt64

// deadline is when the first of the requests has been waited for long enough.
func (c *conn) deadline() time.Duration {
	at := never
	for _, r := range c.reqs {
		at = min(at, r.deadline())
	}
	return at
}

// deadline is until when the rest of the request is waited for. A peer that is
// not read has all the time.
func (r *request) deadline() time.Duration {
	c, silence := r.c, &r.s.silence
	switch {
	case c.paused > 0, r.inputEnd:
		return never
	case r.phase == phaseParams:
		return max(r.begun, c.resumed) + silence.params
	default:
		return max(c.said, c.resumed) + silence.body
	}
}

// timeout ends what the peer has kept waiting. Other requests that share the
// connection go on; what is ended gets its answer if it can have one.
func (c *conn) timeout() {
	switch {
	case !c.heard, c.lingering:
		c.close()
		return
	case len(c.reqs) == 0 && len(c.out) > 0: // it ends with what is still to be said
		c.keep = false
		return
	case len(c.reqs) == 0:
		if c.torn != 0 {
			c.unfinished()
		}
		c.close()
		return
	}
	now := c.s.loop.Now()
	for _, r := range append([]*request(nil), c.reqs...) {
		if r.c == c && r.deadline() <= now {
			r.inputLate()
		}
	}
	c.arm()
}

func (c *conn) unfinished() {
	c.s.log.Warn("client did not send its request in time, connection closed", clientAttr(c))
}

// inputLate ends a request whose client does not go on with it.
func (r *request) inputLate() {
	c := r.c
	if r.phase == phaseParams && len(c.reqs) == 1 && len(c.out) == 0 {
		c.unfinished()
		c.close()
		return
	}
	r.outcome = status.BadRequest
	switch r.phase {
	case phaseParams:
		r.log().Warn("client did not send its request in time, request refused", clientAttr(c))
		r.answer(requestTimeout())
	case phaseBody:
		r.log().Warn("request body stopped coming, request refused", clientAttr(c))
		r.answer(bodyTimeout())
	case phaseQueued:
		r.log().Warn("request body stopped coming, request refused", clientAttr(c))
		r.s.perform(r.s.pool.Cancel(r.s.loop.Now(), &r.lease))
		r.leased = false
		r.answer(bodyTimeout())
		r.gone()
	case phaseRunning:
		r.log().Warn("request body stopped coming, request aborted", clientAttr(c))
		if r.resp.began {
			r.cutOff()
		} else {
			r.answer(bodyTimeout())
		}
		r.abort()
	case phaseOver:
	}
}
