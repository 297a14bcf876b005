package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/runner"
	"github.com/anyfpm/anyfpm/pool"
	"github.com/anyfpm/anyfpm/slowlog"
)

const (
	// probePatience is how long a program may leave FCGI_GET_VALUES
	// unanswered before it is taken for one that never answers it.
	probePatience = 2 * time.Second
	// exitPatience is how long after its connection a worker's exit may come.
	exitPatience = 200 * time.Millisecond
	// workerBacklog is the backlog of a worker's own socket: only this
	// supervisor connects to it.
	workerBacklog = 16
)

// A worker is a process that stays and serves one request after the other.
type worker struct {
	s     *Supervisor
	lease *pool.Worker
	// purpose is why package pool wanted it.
	purpose pool.Reason
	pid     int // 0 until it is started
	socket  string

	links []*link // open connections
	idle  []*link // those without a request
	lost  []*link // closed ones whose request is not over

	row       row
	stopwatch stopwatch
	footprint footprint
	target    *slowlog.Target // of looks at it, nil before the first
	memory    phpMemory
	stdout    readPipe // of a FastCGI program, for the log
	stderr    readPipe
	lines     lines
	startedAt time.Duration
	isReady   bool
	isLeaving bool // it takes no further request
	exiting   bool // its process is gone
	parted    bool // package pool counts it no more
	inline    int  // the longest body that may be sent inline
	gone      bool
	signal    syscall.Signal // the strongest that was sent
	terminate syscall.Signal // runner.Plan.Terminate
	stopped   pool.Reason
	timer     *loop.Timer // waits for the probe's answer, later for an exit
}

func workerOf(w *pool.Worker) *worker {
	owner, _ := w.Owner.(*worker)
	return owner
}

// startWorker starts a resident worker; package pool hears of it by Ready or
// Exited.
func (s *Supervisor) startWorker(lease *pool.Worker, purpose pool.Reason) {
	w := &worker{s: s, lease: lease, purpose: purpose, startedAt: s.loop.Now()}
	w.stdout.fd, w.stderr.fd = -1, -1
	w.footprint.w = w
	w.timer = loop.NewTimer(w.waited)
	lease.Owner = w
	if s.hasZygote {
		s.fork(w)
		return
	}
	plan, err := s.runner.Plan(nil)
	if err != nil {
		w.cannotStart(err)
		return
	}
	w.terminate = plan.Terminate
	var files []int
	if s.runner.Wiring() == runner.Control {
		files, err = w.openInterpreter(plan)
	} else {
		files, err = w.open()
	}
	if err != nil {
		closeAll(files)
		w.cannotStart(err)
		return
	}
	s.procs.start(s.spec(plan, files), w.started, w.onExit)
}

// openInterpreter makes the descriptors of a worker that speaks the worker
// protocol: its program on 0, stdout, stderr, and the control socket on 3.
func (w *worker) openInterpreter(plan runner.Plan) ([]int, error) {
	program, err := openProgram(plan.Program)
	if err != nil {
		return nil, err
	}
	ends, err := w.openControl()
	if err != nil {
		return []int{program}, err
	}
	return []int{program, ends.stdout, ends.stderr, ends.control}, nil
}

// open makes the worker's descriptors: its listening socket on 0, as the
// FastCGI specification says (2.2), and pipes for stdout and stderr.
func (w *worker) open() ([]int, error) {
	w.s.serial++
	w.socket = filepath.Join(w.s.dir, strconv.FormatUint(w.s.serial, 10)+".sock")
	listener, err := privateListener(w.socket)
	if err != nil {
		return nil, err
	}
	files := []int{listener}
	stdout, err := w.stdout.open(w.s.loop, w.readOutput)
	if err != nil {
		return files, err
	}
	files = append(files, stdout)
	stderr, err := w.stderr.open(w.s.loop, w.readOutput)
	if err != nil {
		return files, err
	}
	return append(files, stderr), nil
}

func privateListener(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot create a worker's socket: %w", err)
	}
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err == nil {
		err = unix.Listen(fd, workerBacklog)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("cannot listen on a worker's socket %s: %w", path, err)
	}
	return fd, nil
}

func (w *worker) started(pid int, err error) {
	if err != nil {
		w.cannotStart(err)
		return
	}
	w.pid = pid
	w.s.counters.spawns++
	level := slog.LevelDebug
	if w.purpose == pool.Replacement && !w.s.hasZygote {
		level = slog.LevelInfo
	}
	w.s.log.Log(context.Background(), level, fmt.Sprintf("child %d started", pid))
	if w.signal != 0 {
		w.kill(w.signal)
		return
	}
	w.probe()
}

// probe begins the handshake.
func (w *worker) probe() {
	if w.s.runner.Wiring() == runner.Control {
		for _, l := range w.links { // its only one
			l.out = l.dlg.Probe(l.frame())
			l.flush()
		}
		return
	}
	l, err := w.s.connect(w)
	if err != nil {
		w.fail(err)
		return
	}
	l.out = l.dlg.Probe(l.frame())
	l.flush()
	w.s.loop.Set(w.timer, w.s.loop.Now()+probePatience)
}

// cannotStart reports a program that does not run at all.
func (w *worker) cannotStart(err error) {
	w.s.log.Error("cannot start worker", slog.Any("err", err))
	w.s.lastFailure = err.Error()
	w.retire()
}

// ready ends the handshake.
func (w *worker) ready() {
	if w.isReady || w.gone {
		return
	}
	w.isReady = true
	w.s.histograms.spawn.Observe(w.s.loop.Now() - w.startedAt)
	w.s.loop.Clear(w.timer)
	w.s.perform(w.s.pool.Ready(w.s.loop.Now(), w.lease))
	w.s.checkServing()
}

// waited is called when the answer to the probe, or the exit that should
// follow a lost connection, did not come in time.
func (w *worker) waited() {
	switch {
	case w.gone:
	case w.isLeaving, w.s.runner.Wiring() == runner.Control:
		w.kill(syscall.SIGKILL)
	case !w.isReady:
		w.unanswered()
	default:
		w.abandoned()
	}
}

// unanswered takes a program that does not answer FCGI_GET_VALUES for ready.
// It may serve one connection at a time, so the one it was asked on is used.
func (w *worker) unanswered() {
	for _, l := range w.links {
		if l.probing {
			l.probing = false
			w.idle = append(w.idle, l)
		}
	}
	w.ready()
}

// serve hands a request to the worker, over a kept connection or a new one.
func (w *worker) serve(r *request) {
	var l *link
	if n := len(w.idle); n > 0 {
		l = w.idle[n-1]
		w.idle = w.idle[:n-1]
	} else {
		var err error
		if l, err = w.s.connect(w); err != nil {
			r.worker = w
			w.fail(err)
			return
		}
	}
	r.worker = w
	if w.s.observed && w.s.cfg.RunnerConcurrency <= 1 {
		w.stopwatch.start(w.pid, w.s.loop.Now())
	}
	l.serve(r)
}

// said takes FCGI_STDERR of a request.
func (w *worker) said(r *request, p []byte) {
	if w.s.compat.php {
		r.phpSaid(p)
		return
	}
	w.lines.add(onStderr, p, w)
	r.Stderr(p)
}

// readOutput takes what the worker says on its own stdout and stderr. It
// belongs to the request it serves, if it serves just one.
func (w *worker) readOutput() {
	w.readStream(onStdout, &w.stdout)
	w.readStream(onStderr, &w.stderr)
}

func (w *worker) readStream(s stream, pipe *readPipe) {
	for pipe.readable {
		data, _ := pipe.read(w.s.drainBuf)
		if data == nil {
			return
		}
		w.lines.add(s, data, w)
		if r := w.only(); r != nil && !w.s.compat.php {
			r.Stderr(data)
		}
	}
}

// endLines has the lines of a request end with it. What the worker printed
// before the end of its response was in its pipes by then, so the events for
// them are in this turn of the loop if they were not in an earlier one.
func (w *worker) endLines() { w.s.spoken = append(w.s.spoken, w) }

// only returns the request that the worker serves, nil if it serves none or
// several.
func (w *worker) only() *request {
	var only *request
	for _, l := range w.links {
		if l.r == nil {
			continue
		}
		if only != nil {
			return nil
		}
		only = l.r
	}
	return only
}

func (w *worker) sayLine(on stream, line []byte) { w.s.workerSaid(w.pid, on, line) }

// drop forgets a closed connection.
func (w *worker) drop(l *link) {
	w.links = remove(w.links, l)
	w.idle = remove(w.idle, l)
}

func remove(links []*link, l *link) []*link {
	for i, other := range links {
		if other == l {
			last := len(links) - 1
			links[i] = links[last]
			links[last] = nil
			return links[:last]
		}
	}
	return links
}

// linkLost is a connection without a request that the worker closed: some
// programs do so after a while, or after each request, and some because they
// are about to exit.
func (w *worker) linkLost(l *link) {
	probing := l.probing && !w.isReady // it closes instead of answering FCGI_GET_VALUES; if it lives it will do
	if !w.gone && !w.isLeaving && (probing || w.s.runner.Wiring() == runner.Control) {
		w.s.loop.Set(w.timer, w.s.loop.Now()+exitPatience)
	}
}

// expectExit waits a moment for the exit that explains a lost connection.
func (w *worker) expectExit() {
	if !w.gone {
		w.s.loop.Set(w.timer, w.s.loop.Now()+exitPatience)
	}
}

var errClosed = errors.New("the worker closed the connection without END_REQUEST")

// abandoned ends the requests whose connection the worker has closed while it
// lives on.
func (w *worker) abandoned() {
	for _, l := range w.lost {
		r := l.r
		if r == nil {
			continue
		}
		l.r, r.link = nil, nil
		w.s.log.Warn("request failed, client gets 502", slog.Int("pid", w.pid), slog.Any("err", errClosed))
		r.answer(badGateway())
		r.released()
	}
	w.lost = nil
}

// fail gives up a worker that can not be spoken to: it is killed, and its
// exit does the rest.
func (w *worker) fail(err error) {
	w.s.log.Warn("worker failed, it is replaced", slog.Int("pid", w.pid), slog.Any("err", err))
	w.kill(syscall.SIGKILL)
}

func (w *worker) kill(sig syscall.Signal) {
	if w.signal != syscall.SIGKILL {
		w.signal = sig
	}
	if w.gone {
		return
	}
	if w.pid == 0 {
		if z := w.s.zygote; z != nil && sig == syscall.SIGKILL {
			z.kill(sig) // it hangs, and the worker with it
		}
		return
	}
	// A program that waits for the next request on a kept connection may not
	// look at the signal before it ends (php-cgi).
	for len(w.idle) > 0 {
		w.idle[len(w.idle)-1].close()
	}
	if err := proc.KillGroup(w.pid, sig); err != nil {
		w.s.log.Error("cannot stop worker", slog.Any("err", err))
	}
}

func (w *worker) onExit(exit proc.Exit) {
	w.exiting = true
	for _, l := range slices.Clone(w.links) {
		l.lastWords()
	}
	w.stdout.toEnd()
	w.stderr.toEnd()
	w.readOutput()
	w.endScripts(exit)
	w.lines.flush(w)
	d := death{exit: exit, stopped: w.stopped, signal: w.signal, early: !w.isReady}
	w.s.count(&d)
	line := exitLine(exit, w.s.loop.Now()-w.startedAt)
	if w.reaped() {
		line = idleLine(exit.PID, w.s.loop.Now()-w.startedAt)
	}
	w.explain(w.exitLevel(exit), line, &d)
	if !w.isReady {
		w.s.lastFailure = line
		if last := w.lines.lastLine(); last != "" {
			w.s.lastFailure += ": " + last
		}
	}
	if exit.Status.Signaled() && w.signal == 0 {
		w.s.events.Crashed(exit.PID, exit.Status.Signal())
	}
	// Whatever the worker left in its group must not outlive it.
	_ = proc.KillGroup(exit.PID, syscall.SIGKILL)
	w.retire()
}

// reaped says that the worker was idle for too long and left when it was asked
// to.
func (w *worker) reaped() bool { return w.stopped == pool.Idle && w.signal != syscall.SIGKILL }

// outlived says that the worker was replaced after its requests or its time, or
// for its size.
func (w *worker) outlived() bool {
	return w.stopped == pool.MaxRequests || w.stopped == pool.MaxLifetime || w.stopped == pool.MaxMemory
}

// exitLevel is php-fpm's level for the end of a child.
func (w *worker) exitLevel(exit proc.Exit) slog.Level {
	switch {
	case w.isLeaving, w.reaped(), w.stopped == pool.Drained, w.stopped == pool.Shutdown:
		return slog.LevelDebug
	case exit.Status.Exited() && exit.Status.ExitStatus() == 0, w.outlived() && w.signal != syscall.SIGKILL:
		return slog.LevelInfo
	default:
		return slog.LevelWarn
	}
}

// explain logs the end of the worker. Whoever watches php-fpm's log matches its
// whole line, so what we know beyond it is one of its own then.
func (w *worker) explain(level slog.Level, line string, d *death) {
	why, last := d.attr(), w.lines.lastAttr()
	if !w.s.compat.php {
		w.s.log.LogAttrs(context.Background(), level, line, why, last)
		return
	}
	w.s.log.Log(context.Background(), level, line)
	if level == slog.LevelWarn && (why.Key != "" || last.Key != "" && !w.s.cfg.CatchWorkersOutput) {
		w.s.log.LogAttrs(context.Background(), level, "worker ended", slog.Int("pid", w.pid), why, last)
	}
}

// retire takes the worker out of the pool. Its requests are tried again or
// refused as package pool decides.
func (w *worker) retire() {
	w.gone = true
	w.memory.close()
	w.s.loop.Clear(w.timer)
	w.stdout.close()
	w.stderr.close()
	for len(w.links) > 0 {
		w.links[len(w.links)-1].close()
	}
	for _, l := range w.lost {
		if r := l.r; r != nil {
			l.r, r.link, r.worker = nil, nil, nil
		}
	}
	w.lost = nil
	if w.socket != "" {
		_ = unix.Unlink(w.socket)
	}
	w.part()
}

// part takes the worker out of package pool, which may start another in its
// place.
func (w *worker) part() {
	if w.parted {
		return
	}
	w.parted = true
	w.lease.Owner = nil
	w.s.perform(w.s.pool.Exited(w.s.loop.Now(), w.lease))
}
