package supervisor

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/pool"
	"github.com/anyfpm/anyfpm/slowlog"
)

const (
	// lookPatience bounds one look at a worker. One that takes longer, as the
	// kernel has it wait for the worker's memory map, is given up.
	lookPatience = 50 * time.Millisecond
	// firstPatience is lookPatience for the first look at a process, which
	// finds out what it is: of a large Go program that takes long.
	firstPatience = 2 * time.Second
	// lastPatience bounds how long a worker that is to be ended is spared for
	// a last look, the wait for the looks before included.
	lastPatience = 250 * time.Millisecond
	// maxSaid is how many different things that are missing are logged.
	maxSaid = 16
)

// A slowLog is the slow log of the pool. Its workers are looked at from a
// goroutine, one at a time; all else happens on the loop.
type slowLog struct {
	out     *logfile.Writer
	options slowlog.Options
	format  func(dst []byte, e *slowlog.Event, depth int) []byte
	depth   int // request_slowlog_trace_depth
	// patience bounds a look at a process, the first one at it, and the last.
	patience struct{ each, first, last time.Duration }

	current *look           // under way, nil for none
	queue   []*look         // at most one of a request
	said    map[string]bool // what is missing from the entries and was logged
	helpers sync.WaitGroup
}

// A look is one look at the process that serves a request.
type look struct {
	r      *request
	slot   *pool.Worker
	pid    int
	target *slowlog.Target // nil before the first look at the process
	last   bool            // the process is to be ended for its time
	until  time.Duration   // of a last look: when it must have ended
	held   pool.Action     // the stop that waits for it
	owner  any             // whom held is meant for, nil without it
	event  slowlog.Event
}

// OpenSlowlog has the pool write a slow log to fd, which becomes the
// supervisor's; see OpenAccessLog.
func (s *Supervisor) OpenSlowlog(fd int) {
	depth := s.cfg.SlowlogTraceDepth
	s.slowlog = &slowLog{
		out: s.openLog("slow", s.cfg.Slowlog, fd), format: slowlog.AppendPHPFPM, depth: depth, said: map[string]bool{},
		// php-fpm's lines name the place of the call, which is in one frame more.
		options: slowlog.Options{Frames: depth + 1},
	}
	p := &s.slowlog.patience
	p.each, p.first, p.last = lookPatience, firstPatience, lastPatience
	if s.cfg.SlowlogFormat == "json" {
		s.slowlog.format = slowlog.AppendJSON
	}
}

// close waits for the look that is under way. The loop must have ended.
func (l *slowLog) close() {
	if l == nil {
		return
	}
	l.helpers.Wait()
	_ = l.out.Close()
}

// slow reports a request that has run for request_slowlog_timeout.
func (s *Supervisor) slow(a pool.Action) {
	r := owner(a.Request)
	if a.N == 1 {
		s.counters.slow++
	}
	elapsed := s.loop.Now() - r.granted
	s.warnf("child %d, script '%s' (request: \"%s %s%s\") executing too slow (%d.%06d sec), logging",
		r.pid(), r.script, r.method(), r.uri(), r.queryPart(), elapsed/1e9, elapsed%1e9/1e3)
	s.lookAt(r, a.Worker, false)
}

// lookAt queues a look at the process of a request, or the last one before it
// is ended.
func (s *Supervisor) lookAt(r *request, slot *pool.Worker, last bool) {
	l := s.slowlog
	if l == nil || r.pid() == 0 {
		return
	}
	if r.look == nil {
		r.looks++
		r.look = &look{r: r, slot: slot, pid: r.pid(), target: r.target(), event: r.slowEvent(slot, slowlog.Slow)}
		l.queue = append(l.queue, r.look)
	}
	if last {
		r.look.last, r.look.until = true, s.loop.Now()+l.patience.last
		r.look.event = r.slowEvent(slot, slowlog.Timeout)
	}
	s.nextLook()
}

// slowEvent is what the slow log says of the request.
func (r *request) slowEvent(slot *pool.Worker, reason slowlog.Reason) slowlog.Event {
	return slowlog.Event{
		Reason: reason, Pool: r.s.cfg.Name, Slot: slot.Slot,
		Method: string(r.method()), URI: string(r.uri()) + r.queryPart(), Script: r.script, RequestID: string(r.requestID()),
		Elapsed: r.s.loop.Now() - r.granted, Queue: r.queued(), Sample: r.looks,
	}
}

// nextLook begins the next look unless one is under way.
func (s *Supervisor) nextLook() {
	l := s.slowlog
	if l.current != nil || len(l.queue) == 0 {
		return
	}
	// Somebody waits for the last ones.
	i := max(0, slices.IndexFunc(l.queue, func(k *look) bool { return k.last }))
	k := l.queue[i]
	l.queue = slices.Delete(l.queue, i, i+1)
	l.current = k
	patience := l.patience.each
	if k.target == nil {
		patience = l.patience.first
	}
	if k.last {
		patience = min(patience, k.until-s.loop.Now())
	}
	l.helpers.Go(func() {
		target, report := observe(k.target, k.pid, l.options, patience)
		s.loop.Post(func() { s.looked(k, target, report) })
	})
}

// observe makes a report about a process. It is called off the loop.
func observe(target *slowlog.Target, pid int, options slowlog.Options, patience time.Duration) (*slowlog.Target, slowlog.Report) {
	if patience <= 0 {
		return target, slowlog.Report{PID: pid, At: time.Now(), Notes: []string{"no sample: others came before it"}}
	}
	if target == nil {
		var err error
		if target, err = slowlog.Open(pid, options); err != nil {
			report := slowlog.Report{PID: pid, At: time.Now(), Notes: []string{err.Error()}}
			if _, err := os.Stat("/proc/self"); err != nil {
				report.Advice = "the pool's chroot has no /proc"
				report.Notes = append(report.Notes, report.Advice)
			}
			return nil, report
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return target, target.Report(ctx)
}

// looked ends a look. What it saw counts only if the process has served the
// same request all the time.
func (s *Supervisor) looked(k *look, target *slowlog.Target, report slowlog.Report) {
	l := s.slowlog
	l.current = nil
	if k.r.look == k {
		k.r.look = nil
		if k.r.pid() == k.pid {
			k.r.keepTarget(target)
			k.event.Report = report
			s.logSlow(&k.event)
		}
	}
	if k.owner != nil && k.slot.Owner == k.owner {
		s.stop(k.held)
	}
	s.nextLook()
}

// logSlow writes an event to the slow log.
func (s *Supervisor) logSlow(e *slowlog.Event) {
	l := s.slowlog
	if missing := e.Report.Advice; missing != "" && !l.said[missing] && len(l.said) < maxSaid {
		l.said[missing] = true
		s.log.Warn("the slow log does not show all of a slow request", slog.Int("pid", e.Report.PID), slog.String("reason", missing))
	}
	if _, err := l.out.Write(l.format(nil, e, l.depth)); err != nil {
		s.log.Error("cannot write the slow log", slog.Any("err", err))
	}
}

// holds says that a stop has to wait for the last look at its process, and
// keeps it until then.
func (l *slowLog) holds(a pool.Action) bool {
	if l == nil || a.Signal == pool.Kill {
		return false
	}
	held := func(k *look) bool {
		if k == nil || !k.last || k.slot != a.Worker {
			return false
		}
		k.held, k.owner = a, a.Worker.Owner
		return true
	}
	return held(l.current) || slices.ContainsFunc(l.queue, held)
}

// target is what is known of the request's process from an earlier look.
func (r *request) target() *slowlog.Target {
	if r.proc != nil {
		return r.proc.target
	}
	return r.worker.target
}

func (r *request) keepTarget(t *slowlog.Target) {
	if r.proc != nil {
		r.proc.target = t
	} else {
		r.worker.target = t
	}
}
