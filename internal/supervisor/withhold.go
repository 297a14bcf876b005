package supervisor

import (
	"time"

	"github.com/anyfpm/anyfpm/internal/loop"
)

const (
	// maxWithheld is how much of a response waits for the end of its request's
	// body.
	maxWithheld = 64 << 10
	// withholdSilence is how long a body may pause before the response is
	// passed on all the same: the client may be waiting for it.
	withholdSilence = time.Second
)

// A withheld is the beginning of a response that came before the whole body of
// its request was handed over. nginx and Caddy stop sending a body once its
// answer has begun, and the worker would wait for the rest of it for ever:
// git's http-backend, for one, writes its header before it reads a push.
type withheld struct {
	records []byte
	over    bool // what comes from here on is passed on
	timer   *loop.Timer
}

// withholds says whether what the worker says has to wait.
func (r *request) withholds() bool {
	return r.phase == phaseRunning && !r.inputEnd && !r.resp.withheld.over && !r.body.unwanted
}

// output is the buffer to append what the worker says to; write takes it back.
func (r *request) output() []byte {
	if !r.withholds() {
		return r.c.output()
	}
	if r.resp.withheld.records == nil {
		r.resp.withheld.records = r.s.buffer()
	}
	return r.resp.withheld.records
}

func (r *request) write(b []byte) {
	if !r.withholds() {
		r.c.write(b)
		return
	}
	r.resp.withheld.records = b
	if len(b) >= maxWithheld {
		r.passOn()
		return
	}
	r.bodyMoved()
}

// bodyMoved goes on withholding for as long as the body comes.
func (r *request) bodyMoved() {
	w := &r.resp.withheld
	switch {
	case w.records == nil:
	case r.inputEnd:
		r.passOn()
	default:
		if w.timer == nil {
			w.timer = loop.NewTimer(r.passOn)
		}
		r.s.loop.Set(w.timer, r.s.loop.Now()+r.s.silence.withhold)
	}
}

// passOn ends the waiting.
func (r *request) passOn() {
	w := &r.resp.withheld
	w.over = true
	if w.records != nil && r.c != nil {
		r.c.write(append(r.c.output(), w.records...))
	}
	w.discard(r.s)
}

func (w *withheld) discard(s *Supervisor) {
	s.release(w.records)
	w.records = nil
	if w.timer != nil {
		s.loop.Clear(w.timer)
	}
}
