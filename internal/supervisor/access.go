package supervisor

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/anyfpm/anyfpm/internal/accesslog"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
)

const (
	// accessDelay is how long a line waits for others in a busy pool. To hand
	// over each by itself would wake a thread for it, which costs more than all
	// else of a small request.
	accessDelay = 50 * time.Millisecond
	// accessPrompt is how many lines in an accessDelay make a pool busy. In one
	// that is not, and until it is known to be, they are handed over at once.
	accessPrompt = 32
	// accessBatch is how many bytes are handed over at once.
	accessBatch = 128 << 10
)

// An accessLog is access.log of the pool: a line per request. Writing it
// never waits for a disk; see logfile.Writer.
type accessLog struct {
	s      *Supervisor
	format *accesslog.Format
	out    *logfile.Writer
	record accesslog.Record
	stamps accesslog.Stamps
	lines  []byte        // that out has not got yet
	timer  *loop.Timer   // to the end of accessDelay, set while there are lines
	since  time.Duration // when the present accessDelay began
	count  int           // lines in it
	busy   bool          // the pool is, by the accessDelay before
}

// add takes a line that was appended to lines.
func (a *accessLog) add(lines []byte) {
	first, now := len(a.lines) == 0, a.s.loop.Now()
	a.lines = lines
	if now-a.since >= accessDelay {
		a.busy = a.count > accessPrompt && now-a.since < 2*accessDelay
		a.since, a.count = now, 0
	}
	a.count++
	switch {
	case !a.busy && a.count <= accessPrompt, len(lines) >= accessBatch:
		a.flush()
	case first && len(lines) > 0:
		a.s.loop.Set(a.timer, a.since+accessDelay)
	}
}

// flush hands the lines over.
func (a *accessLog) flush() {
	if len(a.lines) == 0 {
		return
	}
	a.s.loop.Clear(a.timer)
	_, _ = a.out.Write(a.lines) // it cannot fail; see OpenAccessLog for what is lost
	a.lines = a.lines[:0]
}

// swap goes on in a new file, with the lines that are not written yet.
func (a *accessLog) swap(fd int) {
	a.flush()
	a.out.Swap(fd)
}

// close writes what is left. The loop must have ended, or be the caller's.
func (a *accessLog) close() {
	if a != nil {
		a.flush()
		_ = a.out.Close() // what it could not write is lost with the process
	}
}

// OpenAccessLog has the pool write an access log to fd, which becomes the
// supervisor's. It is -1 for one that could not be opened; its lines are lost,
// and counted, until it is.
func (s *Supervisor) OpenAccessLog(fd int) error {
	format, err := accesslog.Compile(s.cfg.AccessFormat)
	if err != nil {
		return fmt.Errorf("wrong format for access.format '%s': %w", s.cfg.AccessFormat, err)
	}
	s.access = &accessLog{s: s, format: format, out: s.openLog("access", s.cfg.AccessLog, fd)}
	s.access.timer = loop.NewTimer(s.access.flush)
	s.observed = s.observed || format.Usage() // of the memory alone, too
	s.each = format.CPU()
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
	end, status := time.Now(), r.resp.status
	if a.format.Has('s') || len(r.s.cfg.AccessSuppressPath) > 0 {
		status = r.endStatus()
	}
	a.record = accesslog.Record{
		Pool: r.s.cfg.Name, MasterPID: r.s.masterPID, WorkerPID: r.pid(),
		Remote: r.peer(),
		Method: view(r.method()), URI: view(r.uri()), Query: view(r.query()), Script: r.script,
		Params: &r.params, Header: &r.resp.header,
		Status: status, Bytes: uint64(r.resp.bytes),
		Start: end.Add(-r.took), End: end, Took: r.took, Queue: r.queued(),
		UserCPU: r.userCPU, SysCPU: r.sysCPU, Memory: r.memory,
		Outcome: r.outcome.String(), Stamps: &a.stamps,
	}
	suppress := r.s.cfg.AccessSuppressPath
	if a.format.Has('l') || len(suppress) > 0 {
		a.record.ContentLength = r.length()
	}
	if a.format.Has('u') {
		a.record.User = view(r.user())
	}
	if a.format.Has('x') {
		a.record.RequestID = view(r.requestID())
	}
	if a.record.Suppressed(suppress) {
		return
	}
	lines, truncated := a.format.Append(a.lines, &a.record)
	if truncated {
		logfile.Printf(r.log(), logfile.LevelNotice, "%s", accesslog.TruncatedNotice)
	}
	a.add(lines)
}

// noteHeader keeps the header of an answer of our own, if the line has fields of
// it.
func (r *request) noteHeader(text string) {
	if a := r.s.access; a != nil && a.format.Has('o') {
		r.resp.header.Reset() // of what the worker began to say
		_, _, _ = r.resp.header.Feed([]byte(text))
	}
}

// view is the text of b for as long as b does not change; a line of the log is
// made before that.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (r *request) peer() string {
	if !r.remote.IsValid() {
		return ""
	}
	return r.remote.String()
}

// requestID is the web server's name for the request, if it gave one.
func (r *request) requestID() []byte {
	if id := r.params.Get("REQUEST_ID"); id != nil {
		return id
	}
	return r.params.Get("HTTP_X_REQUEST_ID")
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
