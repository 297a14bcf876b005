package supervisor

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/cgi"
	"github.com/anyfpm/anyfpm/status"
)

// A response is what has been said to the client so far.
type response struct {
	withheld  withheld
	header    cgi.HeaderParser
	began     bool // the header is out
	muted     bool // nobody listens, or an answer of our own has been given
	head      bool // HEAD: the body is not passed on
	status    int
	bytes     int64  // of the body, as the worker sent it
	held      []byte // FCGI_STDERR that waits for the header
	dropped   int64  // FCGI_STDERR that found no place
	saidErr   bool   // FCGI_STDERR was used and wants an end
	refused   bool   // what the worker says is of no use to anybody
	explained bool   // the log has it that the client gets 502, and why
}

// mute discards what the worker says from here on.
func (p *response) mute() { p.muted = true }

// reset forgets a first attempt of which nothing reached the client.
func (p *response) reset() {
	p.header.Reset()
	p.held = p.held[:0]
}

func (p *response) discard(s *Supervisor) {
	s.release(p.held)
	p.withheld.discard(s)
}

// Stdout implements runner.Sink: a piece of the response.
func (r *request) Stdout(p []byte) {
	if len(p) == 0 {
		return
	}
	r.lease.Retryable = false
	if r.resp.muted {
		return
	}
	if !r.resp.began {
		n, done, err := r.resp.header.Feed(p)
		if err != nil {
			r.badHeader(err)
			return
		}
		if !done {
			return
		}
		p = p[n:]
		r.resp.bytes += int64(len(p))
		r.sendHeader(p)
		return
	}
	r.resp.bytes += int64(len(p))
	if !r.resp.head {
		r.write(fcgi.AppendStream(r.output(), fcgi.TypeStdout, r.id, p))
	}
}

// sendHeader sends the header and, mostly in the same record, the beginning of
// the body.
func (r *request) sendHeader(body []byte) {
	r.resp.status = r.resp.header.Status()
	if r.resp.status == http.StatusForbidden && r.s.compat.php {
		r.explainForbidden()
	}
	r.resp.began = true
	if r.resp.head {
		body = nil
	}
	r.write(appendPair(r.output(), r.id, r.resp.header.Bytes(), body))
	r.sendHeld()
}

// appendPair appends a header and a body to FCGI_STDOUT, in one record if they
// fit.
func appendPair(dst []byte, id uint16, header, body []byte) []byte {
	n := len(header) + len(body)
	if n > fcgi.MaxContent {
		dst = fcgi.AppendStream(dst, fcgi.TypeStdout, id, header)
		return fcgi.AppendStream(dst, fcgi.TypeStdout, id, body)
	}
	padding := -n & 7
	dst = fcgi.AppendHeader(dst, fcgi.TypeStdout, id, n, padding)
	dst = append(dst, header...)
	dst = append(dst, body...)
	return append(dst, make([]byte, padding)...)
}

// sendHeld sends the FCGI_STDERR that waited for the header.
func (r *request) sendHeld() {
	if len(r.resp.held) > 0 && r.c != nil {
		r.write(fcgi.AppendStream(r.output(), fcgi.TypeStderr, r.id, r.resp.held))
		r.resp.saidErr = true
	}
	r.s.release(r.resp.held)
	r.resp.held = nil
	if r.resp.dropped > 0 {
		r.log().Warn("stderr before the response header exceeds what can wait for it, the rest is in the error log only",
			slog.String("script", r.script), slog.Int64("lost_bytes", r.resp.dropped), slog.Int("limit", heldStderr))
		r.resp.dropped = 0
	}
}

// Stderr implements runner.Sink. Before the response header is out it is
// held back: nginx counts earlier FCGI_STDERR against its buffer for the
// header and answers 502.
func (r *request) Stderr(p []byte) {
	if len(p) == 0 || r.resp.muted || r.c == nil {
		return
	}
	if r.resp.began {
		r.resp.saidErr = true
		r.write(fcgi.AppendStream(r.output(), fcgi.TypeStderr, r.id, p))
		return
	}
	if r.resp.held == nil {
		r.resp.held = r.s.buffer()
	}
	room := min(heldStderr-len(r.resp.held), len(p))
	r.resp.held = append(r.resp.held, p[:room]...)
	r.resp.dropped += int64(len(p) - room)
}

// End implements runner.Sink: the worker has nothing more to say.
func (r *request) End(appStatus uint32) {
	r.endMessage()
	if !r.resp.began && !r.resp.muted {
		r.badHeader(r.resp.header.End())
		return
	}
	r.end(appStatus, fcgi.StatusRequestComplete)
}

// badHeader answers for a worker whose response can not be passed on.
func (r *request) badHeader(err error) {
	if err == nil {
		err = errors.New("the response has no header")
	}
	if !r.resp.explained {
		r.log().Warn("response refused, client gets 502", slog.String("script", r.script),
			r.attr(), slog.Any("err", err))
	}
	r.resp.refused = true
	r.outcome = status.BadResponse
	r.answer(badGateway())
}

// answer gives an answer of our own and ends the request. What a worker
// still says is thrown away.
func (r *request) answer(a *answer) {
	if r.c != nil && !r.resp.muted && !r.resp.began {
		r.noteHeader(a.header)
		r.resp.status = a.status
		r.resp.began = true
		r.c.write(a.append(r.c.output(), r.id, r.resp.head))
		r.sendHeld()
	}
	r.resp.mute()
	r.end(0, fcgi.StatusRequestComplete)
	if r.phase < phaseQueued {
		r.gone()
	}
}

// end says END_REQUEST and leaves the connection.
func (r *request) end(appStatus uint32, status fcgi.ProtocolStatus) {
	if r.c == nil {
		return
	}
	r.sendHeld()
	r.passOn()
	b := r.c.output()
	if r.s.compat.php {
		appStatus = 0 // and php-fpm leaves out the ends of its streams
	} else {
		b = r.appendStreamEnds(b)
	}
	c := r.c
	c.write(fcgi.AppendEnd(b, r.id, appStatus, status))
	r.resp.mute()
	r.leave()
	r.ended(r.outcome)
}

// cutOff ends the connection of a request whose response has begun and will not
// be complete: the web server must not take it for one that is. Where other
// requests share the connection they matter more.
func (r *request) cutOff() {
	c := r.c
	switch {
	case c == nil:
	case len(c.reqs) > 1:
		r.resp.mute()
		r.end(0, fcgi.StatusRequestComplete)
	default:
		r.breakOff()
		r.ended(r.outcome)
		r.resp.mute()
		r.leave()
		c.keep = false
		c.flush()
	}
}

// breakOff says of a response that it will not be complete. That the connection
// ends does not say so: without FCGI_KEEP_CONN nginx takes it for the end of
// the response, and caches that.
func (r *request) breakOff() {
	if !r.resp.began {
		return
	}
	text := "anyfpm: the response breaks off"
	if r.cause != "" {
		text += ": " + r.cause
	}
	r.Stderr([]byte(text + "\n"))
	r.passOn()
	r.c.write(fcgi.AppendBreak(r.c.output()))
}

func (r *request) appendStreamEnds(b []byte) []byte {
	if r.resp.began {
		b = fcgi.AppendStreamEnd(b, fcgi.TypeStdout, r.id)
	}
	if r.resp.saidErr {
		b = fcgi.AppendStreamEnd(b, fcgi.TypeStderr, r.id)
	}
	return b
}
