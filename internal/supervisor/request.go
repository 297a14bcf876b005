package supervisor

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/cgi"
	"github.com/anyfpm/anyfpm/internal/runner"
	"github.com/anyfpm/anyfpm/pool"
	"github.com/anyfpm/anyfpm/status"
)

// A phase is how far a request has come.
type phase uint8

const (
	phaseParams  phase = iota // PARAMS are being read
	phaseBody                 // the body is being read
	phaseQueued               // package pool has it
	phaseRunning              // a worker has it
	phaseOver                 // END_REQUEST is said, or nobody is left to say it to
)

// A request lives from BEGIN_REQUEST until its response has ended and its
// worker is free again, whichever is later.
type request struct {
	lease pool.Request // Owner is the request itself
	s     *Supervisor
	c     *conn // nil once the response has ended or the client is gone
	id    uint16
	role  fcgi.Role
	phase phase

	raw    []byte // the PARAMS stream
	params cgi.Params
	script string // SCRIPT_FILENAME as it was found
	name   []byte // of the script, as a PHPResolver found it

	remote  netip.Addr // the web server's address; not valid for unix sockets
	outcome status.Outcome
	cause   string // why its worker is gone
	again   bool   // its worker gets it over a second connection

	reported        bool          // ended was called
	logged          bool          // the access log has it
	took            time.Duration // from its beginning to the end of its response
	userCPU, sysCPU time.Duration // what its process used, for it alone
	memory          uint64        // of its process, bytes: the peak of its own, a resident worker's in the end

	messages phpMessages
	body     body
	data     body // FCGI_DATA of a Filter
	paused   bool // counted in conn.paused
	inputEnd bool // the peer has ended STDIN (and DATA)

	link   *link   // the resident worker's connection that serves it
	proc   *script // the process that serves it
	worker *worker // the resident worker that serves it
	resp   response
	look   *look // at its process, waiting or under way
	looks  int   // how many there were
	leased bool  // package pool knows it and has not got it back

	forRunner runner.Request // the request as its runner sees it

	begun, arrived, granted time.Duration // loop times: BEGIN_REQUEST, queued, leased
}

// The parameters that logs and the status page show. They are valid as long
// as the request is.

func (r *request) method() []byte { return r.params.Get("REQUEST_METHOD") }
func (r *request) query() []byte  { return r.params.Get("QUERY_STRING") }

// uri is what php-fpm calls the request URI: the name of the script, without a
// query.
func (r *request) uri() []byte {
	if r.s.compat.php {
		return r.name
	}
	return r.params.Get("SCRIPT_NAME")
}

// attr names the request in a log line.
func (r *request) attr() slog.Attr {
	return slog.String("request", string(r.method())+" "+string(r.uri()))
}

func (c *conn) begin(ev *fcgi.Event) {
	c.began = true
	if c.s.compat.holding {
		c.s.releaseLines()
	}
	c.keep = ev.Begin.Flags&fcgi.FlagKeepConn != 0 && (!c.s.closing || c.s.handing)
	refuse := func(status fcgi.ProtocolStatus) {
		c.openInput = true
		c.write(fcgi.AppendEnd(c.output(), ev.RequestID, 0, status))
	}
	switch {
	case c.find(ev.RequestID) != nil:
		c.refuse(errRequestIDInUse)
		return
	case (ev.Begin.Role < fcgi.RoleResponder || ev.Begin.Role > fcgi.RoleFilter) && c.s.compat.php:
		c.close()
		return
	case ev.Begin.Role < fcgi.RoleResponder || ev.Begin.Role > fcgi.RoleFilter:
		refuse(fcgi.StatusUnknownRole)
		return
	case len(c.reqs) > 0 && c.s.compat.php:
		refuse(fcgi.StatusCantMultiplex)
		return
	case len(c.reqs) >= maxRequestsPerConn:
		refuse(fcgi.StatusOverloaded)
		return
	}
	r := c.s.newRequest()
	r.c, r.id, r.role, r.begun, r.remote = c, ev.RequestID, ev.Begin.Role, c.s.loop.Now(), c.peer
	r.raw = c.s.buffer()
	c.openInput = false
	c.reqs = append(c.reqs, r)
}

func (s *Supervisor) newRequest() *request {
	var r *request
	if n := len(s.freeReqs); n > 0 {
		r = s.freeReqs[n-1]
		s.freeReqs = s.freeReqs[:n-1]
	} else {
		r = &request{s: s}
		r.lease.Owner = r
	}
	r.resp.header.Lenient = s.compat.php
	return r
}

// recycle gives the request's memory to the next one. It must have left its
// connection, its worker and package pool.
func (s *Supervisor) recycle(r *request) {
	s.release(r.raw)
	r.body.discard(s)
	r.data.discard(s)
	r.resp.discard(s)
	params, lease := r.params, r.lease
	*r = request{s: s, params: params, lease: lease}
	s.freeReqs = append(s.freeReqs, r)
}

// onParams collects the PARAMS stream.
func (r *request) onParams(ev *fcgi.Event) {
	if r.phase != phaseParams {
		r.c.refuse(errParamsAfterEnd)
		return
	}
	if ev.Kind == fcgi.EventData {
		if len(r.raw)+len(ev.Data) > maxParams {
			r.log().Warn("request parameters too large, client gets 431", clientAttr(r.c), slog.Int("limit", maxParams))
			r.answer(parametersTooLarge())
			return
		}
		r.raw = append(r.raw, ev.Data...)
		return
	}
	if err := cgi.Parse(r.raw, &r.params); err != nil {
		r.c.refuse(err)
		return
	}
	r.phase = phaseBody
	r.admit()
}

// leave takes the request off its connection: there is nothing more to say
// to the client.
func (r *request) leave() {
	c := r.c
	if c == nil {
		return
	}
	r.c = nil
	for i, other := range c.reqs {
		if other == r {
			last := len(c.reqs) - 1
			c.reqs[i] = c.reqs[last]
			c.reqs[last] = nil
			c.reqs = c.reqs[:last]
			break
		}
	}
	if r.paused {
		r.paused = false
		c.paused--
		c.s.resumeInput(c)
	}
	if !r.inputEnd {
		c.openInput = true
	}
}

// clientAbort is FCGI_ABORT_REQUEST: the client wants the request ended and
// still expects END_REQUEST.
func (r *request) clientAbort() {
	switch r.phase {
	case phaseParams, phaseBody:
		r.end(0, fcgi.StatusRequestComplete)
		r.gone()
	case phaseQueued:
		r.s.perform(r.s.pool.Cancel(r.s.loop.Now(), &r.lease))
		r.leased = false
		r.outcome = status.Aborted
		r.end(0, fcgi.StatusRequestComplete)
		r.gone()
	case phaseRunning:
		r.abandon()
	case phaseOver:
	}
}

// clientGone is a closed connection.
func (r *request) clientGone() {
	queued := r.phase == phaseQueued
	running := r.phase == phaseRunning
	r.leave()
	switch {
	case running:
		r.deserted()
	case queued && r.outlastsClient():
		r.resp.mute()
	case queued:
		r.s.perform(r.s.pool.Cancel(r.s.loop.Now(), &r.lease))
		r.leased = false
		r.ended(status.Aborted)
		r.gone()
	default:
		r.gone()
	}
}

// deserted goes on with a running request that nobody waits for.
func (r *request) deserted() {
	r.ended(status.Aborted)
	r.resp.mute()
	r.unheard()
	r.abandon()
}

// outlastsClient says that a waiting request is to be run for what it does,
// though its client has not waited for that: php-fpm's worker finds it in the
// backlog, and scripts send each other requests in this way. One by a safe
// method does nothing.
func (r *request) outlastsClient() bool {
	return r.s.compat.php && r.inputEnd && r.s.cfg.OnClientAbort != "terminate" && !safeMethod(r.method())
}

// abandon ends the client's interest in a running request. The request itself
// goes on unless the pool wants otherwise (on_client_abort), or its body can
// never be complete.
func (r *request) abandon() {
	if r.s.cfg.OnClientAbort == "terminate" || !r.inputEnd {
		r.abort()
		return
	}
	r.s.perform(r.s.pool.Cancel(r.s.loop.Now(), &r.lease))
	if r.s.compat.php && r.c == nil && r.link != nil {
		r.link.disconnect()
	}
}

// abort stops the worker of a running request. One that serves others, too, is
// left to them, and learns of the end by that of its connection.
func (r *request) abort() {
	if r.link != nil && r.worker.only() == nil {
		r.link.cut()
		return
	}
	r.s.perform(r.s.pool.Abort(r.s.loop.Now(), &r.lease, pool.ClientAbort))
}

// gone recycles the request if nobody holds it any more.
func (r *request) gone() {
	r.phase = phaseOver
	if r.c == nil && !r.leased && r.link == nil && r.proc == nil {
		r.s.recycle(r)
	}
}

func (r *request) log() *slog.Logger { return r.s.log }

// pid is the process that serves the request, 0 if none does.
func (r *request) pid() int {
	switch {
	case r.proc != nil:
		return r.proc.pid
	case r.worker != nil:
		return r.worker.pid
	default:
		return 0
	}
}

// congested says that the client reads slower than the worker writes.
func (r *request) congested() bool { return r.c != nil && r.c.congested() }

// released gives the worker back to package pool after a whole lease.
func (r *request) released() {
	if r.worker != nil {
		r.worker.checkMemory()
	}
	r.worker = nil
	if r.leased {
		r.leased = false
		r.s.perform(r.s.pool.Free(r.s.loop.Now(), &r.lease))
	}
	r.gone()
}

// unheard has the worker read on if it waits for the client: it can say the
// rest now, to nobody.
func (r *request) unheard() {
	switch {
	case r.proc != nil:
		r.s.orphaned = append(r.s.orphaned, r.proc)
	case r.link != nil:
		r.s.orphaned = append(r.s.orphaned, r.link)
	}
}

// resumeRelays reads on from the workers whose clients have caught up or gone.
func (s *Supervisor) resumeRelays() {
	for i, worker := range s.orphaned {
		s.orphaned[i] = nil
		worker.resume()
	}
	s.orphaned = s.orphaned[:0]
	for i, c := range s.resumable {
		s.resumable[i] = nil
		for _, r := range append([]*request(nil), c.reqs...) {
			switch {
			case r.proc != nil:
				r.proc.resume()
			case r.link != nil:
				r.link.resume()
			}
		}
	}
	s.resumable = s.resumable[:0]
	if len(s.dirty) > 0 {
		s.loop.Again()
	}
}

func (r *request) queryPart() string {
	if query := r.query(); len(query) > 0 {
		return "?" + string(query)
	}
	return ""
}
