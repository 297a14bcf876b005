package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/runner"
	"github.com/anyfpm/anyfpm/pool"
)

const (
	// probePatience is how long a program may leave FCGI_GET_VALUES
	// unanswered before it is taken for one that never answers it.
	probePatience = 2 * time.Second
	// workerBacklog is the backlog of a worker's own socket: only this
	// supervisor connects to it.
	workerBacklog = 16
)

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
	if err == nil {
		err = s.ini.Check()
	}
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
// FastCGI specification says (2.2), and pipes for stdout and stderr. Where
// php-fpm's worker has /dev/null for these php-cgi has it too, so that what a
// script leaves running can write to them for ever; unless the start before has
// failed, and what the worker says may be the reason.
func (w *worker) open() ([]int, error) {
	dir, err := w.s.socketsDir()
	if err != nil {
		return nil, err
	}
	w.s.serial++
	w.socket = filepath.Join(dir, strconv.FormatUint(w.s.serial, 10)+sockets.Suffix)
	listener, err := privateListener(w.socket)
	if err != nil {
		return nil, err
	}
	files := []int{listener}
	if w.s.compat.php && !w.s.cfg.CatchWorkersOutput && w.s.lastFailure == "" {
		for range 2 {
			null, err := loop.Duplicate(w.s.host.null)
			if err != nil {
				return files, err
			}
			files = append(files, null)
		}
		return files, nil
	}
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
	if w.purpose == pool.Replacement && !w.s.traits.Once {
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
		w.refused = true
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
	w.s.lastFailure = ""
	w.s.histograms.spawn.Observe(w.s.loop.Now() - w.startedAt)
	w.s.loop.Clear(w.timer)
	w.s.perform(w.s.pool.Ready(w.s.loop.Now(), w.lease))
	w.s.checkServing()
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
