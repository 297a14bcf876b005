package supervisor

import (
	"log/slog"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/cgi"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/pool"
	"github.com/anyfpm/anyfpm/status"
)

// admit takes a request whose parameters are known: it is answered here,
// refused, or waits for its body and a worker.
func (r *request) admit() {
	s := r.s
	r.params.SetString("FCGI_ROLE", r.role.String())
	r.resp.head = string(r.method()) == "HEAD"
	if r.role == fcgi.RoleAuthorizer { // it has no body, and no stream for one
		r.body.eof, r.inputEnd = true, true
	}
	if !r.c.statusDoor { // who looks at the pool is none of its clients
		s.counters.accepted++
	}
	if r.c.gateway {
		r.remote, _ = netip.ParseAddr(string(r.params.Get("REMOTE_ADDR")))
	}
	var found cgi.Resolution
	if s.compat.php {
		// Status and ping go by the name that the script has afterwards.
		found = s.resolver.Resolve(&r.params)
		r.name = found.URI
		r.warnOfSettings()
		if !r.params.Has("REQUEST_METHOD") {
			r.script = found.Script
			r.unasked()
			return
		}
	}
	if s.special(r) {
		return
	}
	if s.resolver != nil {
		if !s.compat.php {
			found = s.resolver.Resolve(&r.params)
		}
		r.script = found.Script
		if found.Outcome != cgi.Found {
			r.denied(found)
			return
		}
	} else {
		r.script = string(r.params.Get("SCRIPT_FILENAME"))
	}
	r.phase = phaseBody
	if r.inputEnd || s.cfg.BodyStreaming {
		r.enqueue()
	}
}

// denied answers for a request that has no script to run.
func (r *request) denied(found cgi.Resolution) {
	a := found.Answer()
	r.s.say(a.Level, "%s", a.Stderr)
	code, _ := strconv.Atoi(a.Status[:3])
	r.outcome = status.Denied
	if r.s.compat.php && (found.Outcome == cgi.NotFound || found.Outcome == cgi.DotDot) {
		r.script = "" // for php-fpm there is none, in its access log and on its status page
	}
	body := a.Body
	a.Body = ""
	r.answer(&answer{status: code, header: string(a.Append(nil, r.s.compat.poweredBy)), body: body, stderr: a.Stderr})
}

// stat is what Resolve knows of a file. Whether it may be read or executed
// is found out by doing it.
func stat(path string) (cgi.Info, error) {
	kind, err := loop.Type(path)
	if err != nil {
		return cgi.Info{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return cgi.Info{Regular: kind == unix.S_IFREG, Dir: kind == unix.S_IFDIR, Readable: true, Executable: true}, nil
}

// enqueue gives the request to package pool, which leases a worker now or
// later, or refuses.
func (r *request) enqueue() {
	now := r.s.loop.Now()
	r.phase = phaseQueued
	r.arrived = now
	r.leased = true
	r.lease.Retryable = safeMethod(r.method())
	r.s.perform(r.s.pool.Arrive(now, &r.lease))
}

// safeMethod says whether a request may be tried twice (RFC 9110, 9.2.1).
func safeMethod(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS":
		return true
	}
	return false
}

// refused ends a request that package pool gives back without a response.
func (r *request) refused(reason pool.Reason) {
	r.leased = false
	if r.c != nil && !r.resp.muted {
		r.refuse(reason)
	}
	r.ended(refusal(reason))
	r.gone()
}

func (r *request) refuse(reason pool.Reason) {
	r.outcome = refusal(reason)
	if reason == pool.WorkerDied {
		r.bereaved()
		return
	}
	waited := (r.s.loop.Now() - r.arrived).Seconds()
	r.log().Warn("request refused, client gets 503", slog.String("reason", reason.String()), r.attr(),
		slog.Float64("waited_seconds", waited))
	r.answer(unavailable(r.outcome, retryAfter))
}

// bereaved ends a request that its worker will not answer any more. The client gets 502, and what comes
// as its FCGI_STDERR says why; what is half answered breaks off.
func (r *request) bereaved() {
	if r.resp.began {
		r.log().Warn("worker did not complete its response, which breaks off", r.attr(), slog.String("cause", r.cause))
		r.cutOff()
		return
	}
	r.log().Warn("worker gave no answer, client gets 502", r.attr(), slog.String("cause", r.cause))
	r.Stderr([]byte("anyfpm: " + r.cause + "\n"))
	r.answer(badGateway())
}

// refusal is the outcome of a request that package pool gave back.
func refusal(reason pool.Reason) status.Outcome {
	switch reason {
	case pool.QueueFull:
		return status.QueueFull
	case pool.QueueTimeout:
		return status.QueueTimeout
	case pool.Draining, pool.Drained, pool.Shutdown:
		return status.Draining
	case pool.PoolFailed:
		return status.PoolFailed
	case pool.TerminateTimeout:
		return status.TimedOut
	case pool.ClientAbort:
		return status.Aborted
	default:
		return status.WorkerDied
	}
}
