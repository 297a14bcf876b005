package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	// reapAside has the loop reap no more.
	reapAside func()
}

// A batch of connections, and what to post to the loop when they are sent.
type batch struct {
	message control.Connections
	fds     []int
	done    func()
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
	title := proc.TakeTitle()
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

func (s *session) openLogs() error {
	level, err := logfile.ParseLevel(s.start.Global.LogLevel)
	if err != nil {
		return err
	}
	var out io.Writer = os.Stderr
	opts := logfile.HandlerOptions{Level: level, Limit: s.start.Global.LogLimit, Origin: level <= slog.LevelDebug}
	if fd, ok := s.fds[control.FDErrorLog]; ok {
		s.errors = logfile.FromFD(fd)
		s.errors.Watch(nil, func(lines uint64) { logfile.Regained(s.log, lines) })
		out, s.lostErrors = s.errors, s.errors.Dropped
	} else if strings.EqualFold(s.start.Global.ErrorLog, "syslog") {
		opts.Syslog = true
		// Without a daemon the messages are lost until there is one.
		syslog, _ := logfile.NewSyslog(logfile.SyslogOptions{
			Ident: s.start.Global.SyslogIdent, Facility: s.start.Global.SyslogFacility, Level: level,
		})
		out, s.lostErrors = syslog, syslog.Dropped
	}
	s.log = slog.New(logfile.NewHandler(out, opts)).With("pool", s.start.Pool.Name)
	return nil
}

func (s *session) closeLogs() {
	if s.errors != nil {
		_ = s.errors.Close()
	}
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
	s.sup, err = New(pool, s.log, l, run, &processes{starter, l}, host, s)
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

// openPoolLogs has the supervisor write the logs that the pool is to have, also
// to files that cannot be opened now.
func (s *session) openPoolLogs() error {
	if s.start.Pool.AccessLog != "" {
		if err := s.sup.OpenAccessLog(s.logFD(control.FDAccessLog)); err != nil {
			return err
		}
	}
	if s.start.Pool.Slowlog != "" {
		s.sup.OpenSlowlog(s.logFD(control.FDSlowlog))
	}
	return nil
}

// logFD is the descriptor of that name, or -1.
func (s *session) logFD(name string) int {
	if fd, ok := s.fds[name]; ok {
		return fd
	}
	return -1
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

// reopen goes on in new log files.
func (s *session) reopen(names []string, fds []int) {
	for i, name := range names {
		switch {
		case i >= len(fds):
		case name == control.FDErrorLog && s.errors != nil:
			s.errors.Swap(fds[i])
		case name == control.FDAccessLog && s.sup.access != nil:
			s.sup.access.swap(fds[i])
		case name == control.FDSlowlog && s.sup.slowlog != nil:
			s.sup.slowlog.out.Swap(fds[i])
		default:
			closeAll(fds[i : i+1])
		}
	}
}

// send sends what the loop has to say; it may have to wait for the master.
func (s *session) send() {
	for {
		var err error
		select {
		case m, more := <-s.out:
			if !more {
				return
			}
			err = s.master.Send(m)
		case b := <-s.batches:
			err = s.master.Send(&b.message, b.fds...)
			closeAll(b.fds) // the other generation has its own
			s.loop.Post(b.done)
		}
		if err != nil {
			for range s.out { // the master is gone; receive knows
			}
			return
		}
	}
}

// tell queues a message without waiting. The queue is longer than a master
// that reads at all lets it become.
func (s *session) tell(m control.Message) {
	select {
	case s.out <- m:
	default:
		s.log.Warn("the master does not read, a message to it is lost")
	}
}

// Ready implements Events.
func (s *session) Ready() { s.tell(&control.Ready{}) }

// Failed implements Events.
func (s *session) Failed(reason string) { s.tell(&control.Failed{Reason: reason}) }

// Quiet implements Events.
func (s *session) Quiet() { s.tell(&control.Quiet{}) }

// Crashed implements Events.
func (s *session) Crashed(pid int, sig syscall.Signal) {
	s.tell(&control.WorkerExited{PID: pid, Signal: int(sig)})
}

// Usage implements Events.
func (s *session) Usage(workers, wanted int) {
	s.tell(&control.Usage{Workers: workers, Wanted: wanted})
}

// Status implements Events.
func (s *session) Status(id uint64, status []byte) {
	s.tell(&control.Snapshot{ID: id, Status: status})
}

// HandOver implements Events. The Supervisor waits for done before the next.
func (s *session) HandOver(list []control.Connection, fds []int, done func()) {
	s.batches <- batch{message: control.Connections{List: list}, fds: fds, done: done}
}

// killLeftovers ends all processes of the pool, those included that scripts
// left behind: they became children of this subreaper.
func (s *session) killLeftovers() {
	s.reapAside() // the loop has ended, or waits for this
	ctx, cancel := context.WithTimeout(context.Background(), lastKill)
	defer cancel()
	if err := s.procs.KillOrphans(ctx, func(int) bool { return false }); err != nil {
		s.log.Error(err.Error())
	}
}
