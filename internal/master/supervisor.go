package master

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/phpini"
	"github.com/anyfpm/anyfpm/internal/proc"
)

// A supervisorState is what a supervisor process is doing, as far as the
// master knows or has asked for.
type supervisorState int

const (
	supervisorStarting supervisorState = iota // not ready to serve
	supervisorReady                           // serves
	supervisorFailing                         // its workers do not start; it goes on trying
	supervisorDraining                        // accepts no more and ends by itself
	supervisorStopping                        // ends at once
	supervisorGone                            // has exited, or never started
)

// String returns the name of the state.
func (s supervisorState) String() string {
	switch s {
	case supervisorStarting:
		return "starting"
	case supervisorReady:
		return "ready"
	case supervisorFailing:
		return "failing"
	case supervisorDraining:
		return "draining"
	case supervisorStopping:
		return "stopping"
	case supervisorGone:
		return "gone"
	default:
		return "unknown"
	}
}

// stopGrace is how long a supervisor may take to end its workers once it was
// told to stop: it has 5 s itself from TERM to KILL.
const stopGrace = 10 * time.Second

// heardPatience is how long it may take to hear a process out that has ended.
const heardPatience = 5 * time.Second

// closedPatience is how long a supervisor may take to close its doors.
const closedPatience = time.Second

// A supervisor is one process that runs one generation of a pool.
type supervisor struct {
	*link
	pool       *pool
	cfg        *config.Pool
	doors      []door
	generation int
	protocol   int // of its messages
	state      supervisorState
	failure    string // why it is failing
	handing    bool   // it was told to hand over its connections
	announced  bool   // it was told that the log says it is ready
	began      time.Duration
	timer      *loop.Timer // to the next step of ending it
	share      share
	ini        *phpini.Dir // makes php_admin_value binding; nil for most

	// onHeard is called when an ended process has been heard out.
	onHeard func()

	// onClosed is called once when the supervisor has closed its doors; barrier
	// is the ID of the snapshot that shows it.
	onClosed func()
	barrier  uint64
}

// launch starts a supervisor for p with cfg. What becomes of it is told to p.
func (m *Master) launch(p *pool, cfg *config.Pool, doors []door, generation int) *supervisor {
	s := &supervisor{pool: p, cfg: cfg, doors: doors, generation: generation, protocol: control.Protocol, began: m.loop.Now()}
	s.timer = loop.NewTimer(s.escalate)
	m.shares.add(s)
	var err error
	if s.ini, err = phpini.Create(cfg, os.Geteuid() == 0); err == nil {
		s.link, err = m.connect(s)
	}
	if err != nil {
		m.loop.Post(func() { s.gone(err) })
	}
	return s
}

// serving tells whether the supervisor is one that should serve requests, now
// or soon.
func (s *supervisor) serving() bool {
	return s.state == supervisorStarting || s.state == supervisorReady || s.state == supervisorFailing
}

// A successor is who serves what comes after a supervisor that drains.
type successor int

const (
	nobody         successor = iota
	whoComesNext             // a supervisor that is not there yet
	nextGeneration           // the current one, which takes connections as well
)

// drain asks the supervisor to end when its requests have ended, after
// patience at the latest unless that is negative.
func (s *supervisor) drain(patience time.Duration, to successor) {
	switch {
	case !s.serving():
	case s.state == supervisorStarting || patience == 0:
		s.stop() // it has no requests, or they do not count
	default:
		s.state = supervisorDraining
		s.handing = to == nextGeneration
		s.sendDrain(to)
		if patience > 0 {
			s.wakeIn(patience)
		}
	}
}

// whenClosed calls f once the supervisor, which was told to end, accepts no
// more. It answers in order: to ask it anything after that is to wait for it.
func (s *supervisor) whenClosed(f func()) {
	m := s.pool.master
	s.onClosed, s.barrier = f, m.snapshots.newID()
	s.tell(&control.SnapshotRequest{ID: s.barrier})
	m.after(m.bounds.closing, s.passBarrier)
}

func (s *supervisor) passBarrier() {
	if f := s.onClosed; f != nil {
		s.onClosed = nil
		f()
	}
}

// stop asks the supervisor to end at once.
func (s *supervisor) stop() {
	if s.state >= supervisorStopping {
		return
	}
	s.state = supervisorStopping
	s.sendStop()
	s.wakeIn(s.pool.master.bounds.grace)
}

// escalate goes from asking for the end to making it.
func (s *supervisor) escalate() {
	switch s.state {
	case supervisorDraining:
		s.stop()
	case supervisorStopping:
		logfile.Printf(s.pool.log(), logfile.LevelWarning, "supervisor %d does not end, killing it", s.pid)
		s.kill()
	case supervisorStarting, supervisorReady, supervisorFailing, supervisorGone:
	}
}

func (s *supervisor) wakeIn(d time.Duration) {
	l := s.pool.master.loop
	l.Set(s.timer, l.Now()+d)
}

// exited takes the end of the process.
func (s *supervisor) exited(exit proc.Exit) {
	l := s.pool.master.loop
	asked := s.state >= supervisorDraining
	clean := exit.Status.Exited() && exit.Status.ExitStatus() == 0
	text := exitText(exit, l.Now()-s.began)
	level := logfile.LevelWarning
	if asked && clean {
		level = logfile.LevelDebug
	}
	logfile.Printf(s.pool.log(), level, "supervisor %s", text)
	end := func() { s.whenHeard(func() { s.gone(nil) }) }
	if !clean || !asked {
		end = func() {
			// It had no chance to end its workers: they are children of this
			// process now.
			s.pool.master.killOrphans(func() { s.gone(fmt.Errorf("supervisor %s", text)) })
		}
	}
	if s.cfg.Runner == config.RunnerPHP {
		s.pool.master.keepJobs(end)
		return
	}
	end()
}

// whenHeard calls f once all is handled that the process had sent before it
// ended: the last of it may be connections on their way to the next generation.
func (s *supervisor) whenHeard(f func()) {
	if s.link == nil || s.ended {
		f()
		return
	}
	s.onHeard = f
	s.hearOut()
	s.pool.master.after(s.pool.master.bounds.hearing, s.heard)
}

// hearOut goes on reading in a suspension too: the end of the connection comes
// soon, and nobody else will read what is before it.
func (s *supervisor) hearOut() {
	s.conn.Resume()
	if !s.reading {
		s.goRead()
	}
}

func (s *supervisor) heard() {
	if f := s.onHeard; f != nil {
		s.onHeard = nil
		f()
	}
}

// gone ends everything that belongs to the supervisor and tells the pool. err
// is nil if the end was asked for.
func (s *supervisor) gone(err error) {
	m := s.pool.master
	s.state = supervisorGone
	m.loop.Clear(s.timer)
	s.passBarrier()
	m.shares.remove(s)
	m.snapshots.forget(s)
	if s.link != nil {
		s.close()
	}
	s.ini.Remove()
	s.pool.supervisorGone(s, err)
	m.checkSuspended()
}

// exitText is php-fpm's text for the end of a child of this age.
func exitText(exit proc.Exit, age time.Duration) string {
	return fmt.Sprintf("%d exited %s after %d.%06d seconds from start", exit.PID, how(exit), age/time.Second, age%time.Second/time.Microsecond)
}

// how is php-fpm's text for the way a process ended.
func how(exit proc.Exit) string {
	sig := exit.Status.Signal()
	switch {
	case exit.Status.Exited():
		return fmt.Sprintf("with code %d", exit.Status.ExitStatus())
	case exit.Status.CoreDump():
		return fmt.Sprintf("on signal %d (%s - core dumped)", sig, unix.SignalName(sig))
	default:
		return fmt.Sprintf("on signal %d (%s)", sig, unix.SignalName(sig))
	}
}

// kill ends the process without asking. The exit that follows finds its
// orphans.
func (s *supervisor) kill() {
	if s.link == nil || s.pid == 0 || s.state == supervisorGone {
		return
	}
	if err := proc.KillLeader(s.pid, syscall.SIGKILL); err != nil {
		s.pool.log().Error("cannot kill the supervisor", "err", err)
	}
}

// handle acts on a message of the supervisor.
func (s *supervisor) handle(message control.Message) {
	m := s.pool.master
	switch message := message.(type) {
	case *control.Ready:
		if s.state == supervisorStarting || s.state == supervisorFailing {
			s.state = supervisorReady
			s.pool.supervisorReady(s)
			if m.announced && m.reload == nil {
				m.tellAnnounced()
			}
		}
	case *control.Failed:
		// It ends in what a worker has printed, and operators read it on a terminal.
		s.failure = logfile.Printable(message.Reason)
		if s.state == supervisorStarting || s.state == supervisorReady {
			s.state = supervisorFailing
			s.pool.supervisorFailed(s, errors.New(s.failure))
		}
	case *control.Quiet:
		if s.state == supervisorReady {
			s.pool.supervisorQuiet(s)
		}
	case *control.Snapshot:
		if message.ID == s.barrier {
			s.passBarrier()
			return
		}
		m.snapshots.answer(s, message)
	case *control.Usage:
		m.shares.update(s, message)
	case *control.WorkerExited:
		m.crashed(syscall.Signal(message.Signal))
	}
}
