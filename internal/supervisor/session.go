package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/runner"
	"github.com/anyfpm/anyfpm/internal/usage"
)

const (
	// lastKill bounds the time for killing what the pool's processes left
	// behind when the supervisor ends.
	lastKill = 2 * time.Second
	// logPatience is how long a response waits for the lines of its worker to
	// be in the log first. A log that takes longer is stuck, and none waits
	// for it again until it is not.
	logPatience = time.Second
	// gcPercent makes the garbage collector run early: the heap is small and
	// there is one supervisor per pool.
	gcPercent = 50
)

// A session is the conversation of a supervisor with the master that started
// it, from the first message to the end of the process.
type session struct {
	master *control.Conn
	start  *control.Start
	fds    map[string]int // the descriptors of start by name
	log    *slog.Logger
	errors *logfile.Writer
	// lostErrors is how many lines of the error log were lost; nil without one.
	lostErrors func() uint64
	sup        *Supervisor
	procs      *proc.Table
	out        chan control.Message
	// batches are connections for the next generation, one batch at a time.
	batches chan batch
	loop    *loop.Loop
	reaper  *proc.Reaper
	// reapAside has the loop reap no more.
	reapAside func()
}

// Main runs the supervisor of one pool. fd is the control socket, over which
// the master says which pool it is. Main returns when the pool has ended: nil
// if the master asked for it, a [PoolError] if it could not be run.
func Main(fd int) error {
	if err := limitFiles(); err != nil {
		return err
	}
	// What the master inherited without knowing is not for scripts.
	_ = unix.CloseRange(uint(fd)+1, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	debug.SetGCPercent(gcPercent)
	if runtime.GOMAXPROCS(0) < 2 {
		// One processor is taken while a process is being started, until its
		// program executes: the loop must not wait for that.
		runtime.GOMAXPROCS(2)
	}
	title := proc.TakeTitle("anyfpm")
	// The master decides about the end; signals to the whole group or unit
	// are its business.
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(ignored)

	master, err := control.FromFD(fd)
	if err != nil {
		return err
	}
	defer func() { _ = master.Close() }()
	s := &session{master: master, out: make(chan control.Message, 16), batches: make(chan batch, 1)}
	if err := s.receiveStart(); errors.Is(err, errStopped) {
		return nil
	} else if err != nil {
		return err
	}
	defer s.closeLogs()
	title.Set("anyfpm: pool " + s.start.Pool.Name)
	if err := s.run(); err != nil {
		s.log.Error(err.Error())
		_ = master.Send(&control.Failed{Reason: err.Error()})
		return &PoolError{err}
	}
	return nil
}

// A PoolError is why a pool could not be run. The log has it already.
type PoolError struct{ Err error }

// Error returns the reason.
func (e *PoolError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *PoolError) Unwrap() error { return e.Err }

func (s *session) receiveStart() error {
	m, fds, err := s.master.Receive()
	if err != nil {
		return fmt.Errorf("cannot learn which pool to run: %w", err)
	}
	if _, rehearsal := m.(*control.Stop); rehearsal {
		return errStopped
	}
	start, ok := m.(*control.Start)
	if !ok || len(start.FDs) != len(fds) {
		return errors.New("cannot learn which pool to run: the first message is not a start message")
	}
	if !control.Speaks(start.Protocol) {
		return s.refuse(fmt.Sprintf("the master speaks version %d of the control protocol, this program version %d", start.Protocol, control.Protocol))
	}
	s.start = start
	s.fds = make(map[string]int, len(fds))
	for i, name := range start.FDs {
		s.fds[name] = fds[i]
	}
	return s.openLogs()
}

// errStopped is the end of a supervisor that was stopped before it had a pool.
var errStopped = errors.New("stopped before the start")

// refuse tells the master why this process is of no use to it.
func (s *session) refuse(reason string) error {
	_ = s.master.Send(&control.Failed{Reason: reason}) // it also sees the exit
	return errors.New(reason)
}

// run sets the pool up, serves it and cleans up behind it.
func (s *session) run() error {
	pool := &s.start.Pool
	if err := proc.BecomeSubreaper(); err != nil {
		return err
	}
	kills, uncounted := usage.OpenOOM() // before a chroot hides it
	// What is opened here goes on to work in a chroot that has none of it.
	var err error
	if s.procs, err = proc.OpenTable(); err != nil {
		return err
	}
	defer func() { _ = s.procs.Close() }()
	host, err := openHost()
	if err != nil {
		return err
	}
	defer host.close()
	user, err := s.confine()
	if err != nil {
		return err
	}
	run, err := runner.New(pool, environment(pool, user))
	if err != nil {
		return err
	}
	l, err := loop.New()
	if err != nil {
		return err
	}
	defer l.Close()
	s.loop = l

	ctx, cancel := context.WithCancel(context.Background())
	reaper := proc.NewReaper(func(exit proc.Exit) {
		l.Post(func() { s.sup.childExited(exit) })
	})
	starter := proc.NewStarter(reaper)
	var helpers sync.WaitGroup
	s.reaper = reaper
	s.reap(ctx, &helpers, reaper)
	helpers.Go(func() { _ = starter.Run(ctx) })
	helpers.Go(s.send)
	defer func() {
		s.killLeftovers()
		cancel()
		close(s.out)
		helpers.Wait()
	}()

	if pool.ApparmorHat != "" {
		if err := starter.Confine(func() error { return proc.ChangeHat(pool.ApparmorHat) }); err != nil {
			return err
		}
	}
	s.sup, err = New(pool, s.log, l, run, &processes{starter, l, s.procs}, host, s)
	if err != nil {
		return err
	}
	defer s.sup.Close()
	s.sup.generation, s.sup.masterPID, s.sup.alone = s.start.Generation, s.start.MasterPID, s.start.Alone
	s.sup.logLimit = s.start.Global.LogLimit
	if s.errors != nil {
		s.sup.syncLog = s.errors.Sync
	}
	s.sup.compat.holding, s.sup.compat.standIn = s.sup.compat.php, s.start.PHPCompat
	s.connectGauges(kills, uncounted)
	if err := s.openPoolLogs(); err != nil {
		return err
	}
	if err := s.addDoors(); err != nil {
		return err
	}
	if s.start.Limit >= 0 {
		s.sup.setLimit(s.start.Limit)
	}
	go s.receive(l)
	l.Post(s.sup.serve)
	return l.Run()
}

// connectGauges hands the supervisor what it cannot get by itself. kills is
// nil if there is a reason, uncounted, why the system does not count them.
func (s *session) connectGauges(kills *usage.OOM, uncounted error) {
	if uncounted != nil {
		s.log.Debug("workers killed for lack of memory are not told from others", slog.Any("err", uncounted))
	} else {
		s.sup.WatchOOM(kills)
	}
	if s.lostErrors != nil {
		s.sup.CountDrops("error", s.lostErrors)
	}
	if s.start.Global.MetricsListen != "" {
		s.sup.Scraped()
	}
}

func (s *session) addDoors() error {
	for name, fd := range s.fds {
		kind, address, _ := strings.Cut(name, ":")
		var err error
		switch kind + ":" {
		case control.FDListen:
			err = s.sup.AddDoor(fd, address)
		case control.FDStatus:
			err = s.sup.AddStatusDoor(fd, address)
		case control.FDHTTP:
			err = s.sup.AddHTTPDoor(fd, address)
		}
		if err != nil {
			return fmt.Errorf("cannot use the socket of %s: %w", address, err)
		}
	}
	return nil
}

// receive hands the master's messages to the loop. The end of the connection
// is the end of the master, and then of everything here.
func (s *session) receive(l *loop.Loop) {
	for {
		m, fds, err := s.master.Receive()
		if err != nil {
			l.Post(func() {
				s.log.Error("the master is gone, stopping the pool")
				s.killLeftovers()
				s.sup.Shutdown()
				l.Stop()
			})
			return
		}
		l.Post(func() { s.handle(m, fds) })
	}
}

func (s *session) handle(m control.Message, fds []int) {
	switch m := m.(type) {
	case *control.Drain:
		s.sup.Drain(m.Replaced, m.HandOver)
	case *control.Connections:
		s.sup.takeConnections(m.List, fds)
		return
	case *control.Announced:
		s.sup.releaseLines()
	case *control.Stop:
		s.sup.Shutdown()
	case *control.Reopen:
		s.reopen(m.FDs, fds)
		return
	case *control.SnapshotRequest:
		s.sup.reportStatus(m.ID)
	case *control.Limit:
		s.sup.setLimit(m.Workers)
	}
	closeAll(fds)
}

// killLeftovers ends all processes of the pool, those included that scripts
// left behind: they became children of this subreaper. What PHP scripts left
// becomes the master's, and goes on.
func (s *session) killLeftovers() {
	s.reapAside() // the loop has ended, or waits for this
	ctx, cancel := context.WithTimeout(context.Background(), lastKill)
	defer cancel()
	spare := func(pid int) bool { return s.start.Pool.Runner == config.RunnerPHP && !s.reaper.Owns(pid) }
	if err := s.procs.KillOrphans(ctx, spare); err != nil {
		s.log.Error(err.Error())
	}
}
