package supervisor

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/cgi"
	"github.com/anyfpm/anyfpm/internal/runner"
	"github.com/anyfpm/anyfpm/pool"
)

// admit takes a request whose parameters are known: it is answered here,
// refused, or waits for its body and a worker.
func (r *request) admit() {
	s := r.s
	r.facts.read(&r.params)
	r.facts.started = time.Now()
	r.resp.head = r.facts.method == "HEAD"
	s.counters.accepted++
	if s.special(r) {
		return
	}
	if s.resolver != nil {
		found := s.resolver.Resolve(&r.params)
		r.facts.scriptFile = found.Script
		if found.Outcome != cgi.Found {
			r.denied(found)
			return
		}
		r.script = found.Script
	} else {
		r.facts.scriptFile = string(r.params.Get("SCRIPT_FILENAME"))
	}
	r.phase = phaseBody
	if r.inputEnd || s.cfg.BodyStreaming {
		r.enqueue()
	}
}

func (f *facts) read(p *cgi.Params) {
	f.method = string(p.Get("REQUEST_METHOD"))
	f.uri = string(p.Get("SCRIPT_NAME"))
	f.query = string(p.Get("QUERY_STRING"))
	f.contentLength, _ = strconv.ParseInt(string(p.Get("CONTENT_LENGTH")), 10, 64)
}

// denied answers for a request that has no script to run.
func (r *request) denied(found cgi.Resolution) {
	a := found.Answer()
	r.log().LogAttrs(context.Background(), a.Level, a.Stderr, slog.String("request", r.facts.method+" "+r.facts.uri))
	status, _ := strconv.Atoi(a.Status[:3])
	full := answer{status: status, header: string(a.Append(nil, "")), stderr: a.Stderr}
	r.answer(&full)
}

// stat is what Resolve knows of a file. Whether it may be read or executed
// is found out by doing it.
func stat(path string) (cgi.Info, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return cgi.Info{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	kind := st.Mode & unix.S_IFMT
	return cgi.Info{Regular: kind == unix.S_IFREG, Dir: kind == unix.S_IFDIR, Readable: true, Executable: true}, nil
}

// enqueue gives the request to package pool, which leases a worker now or
// later, or refuses.
func (r *request) enqueue() {
	now := r.s.loop.Now()
	r.phase = phaseQueued
	r.arrived = now
	r.leased = true
	r.lease.Retryable = safeMethod(r.facts.method)
	r.s.perform(r.s.pool.Arrive(now, &r.lease))
}

// safeMethod says whether a request may be tried twice (RFC 9110, 9.2.1).
func safeMethod(method string) bool {
	return method == "GET" || method == "HEAD" || method == "OPTIONS"
}

// forRunner is the request as runners see it.
func (r *request) forRunner() *runner.Request {
	return &runner.Request{Role: r.role, Params: &r.params, Script: r.script}
}

// refused ends a request that package pool gives back without a response.
func (r *request) refused(reason pool.Reason) {
	r.leased = false
	if r.c != nil && !r.resp.muted {
		r.refuse(reason)
	}
	r.gone()
}

func (r *request) refuse(reason pool.Reason) {
	request := slog.String("request", r.facts.method+" "+r.facts.uri)
	if reason == pool.WorkerDied {
		r.log().Warn("worker died before its response was complete, client gets 502", request)
		r.answer(&answerBadGateway)
		return
	}
	waited := (r.s.loop.Now() - r.arrived).Seconds()
	r.log().Warn("request refused with 503: "+reason.String(), request, slog.Float64("waited_seconds", waited))
	r.answer(answerUnavailable(retryAfter))
}
