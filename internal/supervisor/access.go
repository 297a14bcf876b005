package supervisor

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/anyfpm/anyfpm/internal/accesslog"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/proc"
)

// An accessLog is access.log of the pool: a line per request. Writing it
// never waits for a disk; see logfile.Writer.
type accessLog struct {
	format *accesslog.Format
	out    *logfile.Writer
	line   []byte
	record accesslog.Record
}

// OpenAccessLog has the pool write an access log to fd, which becomes the
// supervisor's. It is -1 for one that could not be opened; its lines are lost,
// and counted, until it is.
func (s *Supervisor) OpenAccessLog(fd int) error {
	format, err := accesslog.Compile(s.cfg.AccessFormat)
	if err != nil {
		return fmt.Errorf("wrong format for access.format '%s': %w", s.cfg.AccessFormat, err)
	}
	s.access = &accessLog{format: format, out: s.openLog("access", fd)}
	s.observed = true
	return nil
}

// logAccess writes the line of a request whose response has ended. What its
// process used is known by now, if it was one of its own.
func (r *request) logAccess() {
	a := r.s.access
	if a == nil || r.logged {
		return
	}
	r.logged = true
	end := time.Now()
	a.record = accesslog.Record{
		Pool: r.s.cfg.Name, MasterPID: r.s.masterPID, WorkerPID: r.pid(),
		Remote: r.peer(), User: string(r.user()),
		Method: string(r.method()), URI: string(r.uri()), Query: string(r.query()), Script: r.script,
		ContentLength: r.length(), Params: &r.params, Header: &r.resp.header,
		Status: r.endStatus(), Bytes: uint64(r.resp.bytes),
		Start: end.Add(-r.took), End: end, Took: r.took, Queue: r.queued(),
		UserCPU: r.userCPU, SysCPU: r.sysCPU, Memory: r.memory,
		Outcome: r.outcome.String(), RequestID: r.requestID(),
	}
	if a.record.Suppressed(r.s.cfg.AccessSuppressPath) {
		return
	}
	line, truncated := a.format.Append(a.line[:0], &a.record)
	a.line = line
	if truncated {
		logfile.Printf(r.log(), logfile.LevelNotice, "%s", accesslog.TruncatedNotice)
	}
	if _, err := a.out.Write(line); err != nil {
		r.log().Error("cannot write access log", slog.Any("err", err))
	}
}

func (r *request) peer() string {
	if !r.remote.IsValid() {
		return ""
	}
	return r.remote.String()
}

// requestID is the web server's name for the request, if it gave one.
func (r *request) requestID() string {
	if id := r.params.Get("REQUEST_ID"); id != nil {
		return string(id)
	}
	return string(r.params.Get("HTTP_X_REQUEST_ID"))
}

// queued is how long the request has waited, or waits, for a worker.
func (r *request) queued() time.Duration {
	switch {
	case r.arrived == 0:
		return 0
	case r.granted == 0:
		return r.s.loop.Now() - r.arrived
	default:
		return r.granted - r.arrived
	}
}

// used notes what the request's own process used.
func (r *request) used(exit *proc.Exit) {
	r.userCPU = time.Duration(exit.Usage.Utime.Nano())
	r.sysCPU = time.Duration(exit.Usage.Stime.Nano())
	r.memory = uint64(exit.Usage.Maxrss) << 10
	r.s.histograms.cpu.Observe(r.userCPU + r.sysCPU)
	r.s.memoryPeak = max(r.s.memoryPeak, r.memory)
}
