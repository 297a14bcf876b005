package supervisor

import (
	"log/slog"
	"strconv"
	"syscall"

	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/runner"
	"github.com/anyfpm/anyfpm/pool"
	"github.com/anyfpm/anyfpm/status"
)

// perform carries out what package pool decided. Carrying out one action may
// lead to the next decision; those actions are appended and come after the
// ones at hand.
func (s *Supervisor) perform(actions []pool.Action) {
	s.todo = append(s.todo, actions...)
	if s.performing {
		return
	}
	s.performing = true
	for i := 0; i < len(s.todo); i++ {
		s.act(s.todo[i])
	}
	clear(s.todo)
	s.todo = s.todo[:0]
	s.performing = false
}

func (s *Supervisor) act(a pool.Action) {
	switch a.Kind {
	case pool.Lease:
		if a.Request.Worker() == a.Worker { // else its worker died meanwhile
			s.grant(a.Worker, owner(a.Request))
		}
	case pool.Start:
		if a.Worker.State() == pool.StateStarting {
			s.startWorker(a.Worker, a.Reason)
		}
	case pool.Stop:
		s.stop(a)
	case pool.Refuse:
		owner(a.Request).refused(a.Reason)
	case pool.End:
		r := owner(a.Request)
		r.leased = false
		r.gone()
	case pool.Slow:
		s.slow(a)
	case pool.Timeout:
		s.lookAt(owner(a.Request), a.Worker, true)
		owner(a.Request).timedOut()
	case pool.Notice:
		s.notice(a)
	}
}

func owner(l *pool.Request) *request {
	r, _ := l.Owner.(*request)
	return r
}

// grant hands a request to the worker that package pool leased for it.
func (s *Supervisor) grant(w *pool.Worker, r *request) {
	now := s.loop.Now()
	if r.phase == phaseRunning {
		r.retry()
	}
	r.phase = phaseRunning
	r.granted = now
	s.histograms.queue.Observe(now - r.arrived)
	s.number = strconv.AppendFloat(s.number[:0], (now - r.arrived).Seconds(), 'f', 6, 64)
	r.params.Set("REQUEST_QUEUE_TIME", s.number)
	r.forRunner = runner.Request{Role: r.role, Params: &r.params, Script: r.script}
	if s.runner.Wiring() == runner.Pipes {
		s.runScript(w, r)
	} else {
		workerOf(w).serve(r)
	}
	r.updatePause()
	if r.phase == phaseRunning && r.c == nil && !r.reported { // its client did not wait
		r.deserted()
	}
}

// retry prepares for a second attempt: nothing came of the first.
func (r *request) retry() {
	r.log().Warn("worker gave no answer, request is tried once more",
		r.attr(), slog.String("cause", r.cause))
	r.resp.reset()
	r.messages = phpMessages{}
	r.body.rewind()
	r.data.rewind()
}

// timedOut ends the response of a request over request_terminate_timeout;
// that its worker is stopped is the pool's next action.
func (r *request) timedOut() {
	elapsed := r.s.loop.Now() - r.granted
	r.s.warnf("child %d, script '%s' (request: \"%s %s%s\") execution timed out (%d.%06d sec), terminating",
		r.pid(), r.script, r.method(), r.uri(), r.queryPart(),
		elapsed/1e9, elapsed%1e9/1e3)
	r.lease.Retryable = false
	r.outcome = status.TimedOut
	switch {
	case r.s.compat.php:
		r.brokenOff()
	case r.resp.began:
		r.cutOff()
	default:
		r.answer(gatewayTimeout())
	}
}

// notice writes php-fpm's lines about the size of a pool
// (fpm_process_ctl.c, fpm_pctl_perform_idle_server_maintenance).
func (s *Supervisor) notice(a pool.Action) {
	switch a.Reason {
	case pool.PoolFailed:
		s.poolFailed(a.N)
	case pool.Recovered:
		s.recovered()
	case pool.MaxChildrenReached:
		name := "pm.max_children"
		if s.cfg.PM == "ondemand" {
			name = "max_children"
		}
		s.warnf("server reached %s setting (%d), consider raising it", name, a.N)
	case pool.SeemsBusy:
		s.warnf("seems busy (you may need to increase pm.start_servers, or pm.min/max_spare_servers), spawning %d children, there are %d idle, and %d total children",
			a.N, a.Idle, a.Total)
	case pool.ProcessMax:
		s.warnf("The maximum number of processes has been reached. Please review your configuration and consider raising 'process.max'")
	default:
		s.log.Debug("notice of the pool", "reason", a.Reason.String())
	}
}

// stop signals a worker that package pool wants gone.
func (s *Supervisor) stop(a pool.Action) {
	if s.slowlog.holds(a) {
		return
	}
	sig := syscall.SIGTERM // also for Quit: FastCGI programs know no softer one
	if a.Signal == pool.Kill {
		sig = syscall.SIGKILL
	}
	switch w := a.Worker.Owner.(type) {
	case *script:
		w.stopped = a.Reason
		w.kill(sig)
	case *worker:
		w.stopped = a.Reason
		if a.Signal == pool.Quit && w.dismiss() {
			return
		}
		if a.Signal == pool.Term && w.terminate != 0 {
			sig = w.terminate
		}
		w.kill(sig)
	}
}

// warnf writes one of php-fpm's own warnings.
func (s *Supervisor) warnf(format string, args ...any) {
	logfile.Printf(s.log, logfile.LevelWarning, format, args...)
}
