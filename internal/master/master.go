package master

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/listen"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/status"
)

// orphanPatience bounds the killing of what a dead supervisor left behind.
const orphanPatience = 5 * time.Second

// bounds are the times that others may take: supervisors to end, to answer and
// to close their doors, all of them to come to rest, and one to be heard out.
type bounds struct{ grace, snapshot, closing, rest, hearing time.Duration }

// A Master runs a service. Its fields belong to the loop.
type Master struct {
	opts    Options
	environ []string // of supervisors
	cfg     *config.Config
	phase   phase
	bounds  bounds

	loop    *loop.Loop
	reaper  *proc.Reaper
	starter *proc.Starter
	helpers sync.WaitGroup // goroutines that end with the loop
	ending  context.Context
	null    int          // /dev/null
	born    map[int]bool // children this process had before it was ours
	jobs    jobs

	errors *errorLog
	log    *slog.Logger
	notify notifier
	table  *listen.Table

	pools     map[string]*pool
	announced bool               // the log has "ready to handle connections"
	closing   map[*pool]struct{} // no longer configured, or at the end of the service

	reload     *reload          // the one under way, or nil
	suspension *suspension      // on the way to another program, or nil
	resting    []*listen.Socket // of servers, during a suspension
	cleaning   int              // orphans are being killed
	arriving   sync.WaitGroup   // operators whose request is not on the loop yet
	before     int              // descriptor of the program that this one has replaced, or -1

	shares    shares
	crashes   []time.Duration // of workers, for emergency_restart_threshold
	snapshots snapshots
	history   status.Service // all but the pools
	signals   listener
	operator  *server // nil without control.listen
	metrics   *server // nil without metrics.listen
	monitor   *monitor
}

// New returns the master of a service; nothing is opened or started yet.
func New(opts Options) (*Master, error) {
	if i := opts.Inheritance; i != nil {
		opts.Config, opts.Daemon = configOf(i.estate), i.estate.Daemon
	}
	if opts.Config == nil {
		return nil, errors.New("cannot run a service without a configuration")
	}
	m := &Master{
		opts: opts.withDefaults(), cfg: opts.Config, null: -1, before: -1,
		bounds: bounds{stopGrace, snapshotTimeout, closedPatience, suspendPatience, heardPatience},
		pools:  map[string]*pool{}, closing: map[*pool]struct{}{},
	}
	m.environ = m.opts.supervisorEnviron()
	m.notify = newNotifier(m.opts.Environ)
	m.shares = shares{master: m, members: map[*supervisor]struct{}{}}
	m.monitor = &monitor{master: m}
	m.snapshots = snapshots{master: m}
	m.history = status.Service{StartTime: time.Now(), LastReload: time.Now()}
	return m, nil
}

// Run serves until a signal or an operator ends the service, or ctx does, in
// the manner of SIGQUIT. It returns when every process of the service is gone.
// The error is an [InitError] if the service could not start.
func (m *Master) Run(ctx context.Context) error {
	begin := m.start
	var inherited *inheriting
	if m.opts.Inheritance != nil {
		inherited = &inheriting{Inheritance: m.opts.Inheritance}
		begin = func() { m.resume(inherited) }
	}
	stderr, err := m.keepStderr(inherited)
	if err != nil {
		return m.initFailed(stderrLogger(), inherited, err)
	}
	defer unix.Close(stderr)
	logs, err := openErrorLog(&m.cfg.Global, m.opts.Daemon, m.opts.ForceStderr, stderr)
	if err != nil {
		return m.initFailed(stderrLogger(), inherited, err)
	}
	m.errors, m.log = logs, logs.log
	defer func() { m.errors.close() }()
	m.table = listen.NewTable(m.log)
	defer m.table.Close()
	signals, stopSignals := newSignals(), func() {}
	if inherited == nil {
		stopSignals = notifySignals(signals)
	}
	defer func() { stopSignals() }()
	if err := m.prepare(inherited, begin); err != nil {
		return m.initFailed(m.log, inherited, err)
	}
	if inherited != nil {
		signals = inherited.signals
		stopSignals = notifySignals(signals)
	}
	defer m.release()

	helping, stopHelping := context.WithCancel(context.Background())
	m.ending = helping
	m.helpers.Go(func() { _ = m.reaper.Run(helping) })
	m.helpers.Go(func() { _ = m.starter.Run(helping) })
	m.signals = listener{master: m, arrived: signals}
	m.signals.listen(helping)
	stopWatching := context.AfterFunc(ctx, func() { m.loop.Post(m.finish) })
	defer stopWatching()

	err = m.loop.Run()
	m.reaper.Thaw() // a suspension may have been on its way
	m.killLeftovers()
	stopHelping()
	m.helpers.Wait()
	if err == nil {
		logfile.Printf(m.log, logfile.LevelNotice, "exiting, bye-bye!")
	}
	return err
}

// initFailed is the end of a service that does not start. One that is another
// program's goes back to that.
func (m *Master) initFailed(log *slog.Logger, i *inheriting, err error) error {
	if i != nil {
		if m.errors != nil {
			m.errors.sync()
		}
		err = m.giveBack(i, err)
	}
	LogFaults(log, err)
	logfile.Printf(log, logfile.LevelError, "FPM initialization failed")
	return &InitError{Err: err}
}

// keepStderr returns standard error as it was when the service started.
func (m *Master) keepStderr(i *inheriting) (int, error) {
	if i != nil {
		return i.estate.Stderr, nil
	}
	return keepStderr(m.opts.Daemon)
}

// prepare opens everything the service needs before its first process, or
// takes it over, and has the loop begin with begin. What it has opened when it
// fails is closed, but for what may go back to another program.
func (m *Master) prepare(i *inheriting, begin func()) (err error) {
	defer func() {
		if err != nil && i == nil {
			m.release()
		}
	}()
	LogNotices(m.log, m.opts.Notices)
	// What whoever started the service has left open is not for its workers.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil && err != unix.ENOSYS && err != unix.EINVAL {
		return fmt.Errorf("cannot keep inherited files to ourselves: %w", err)
	}
	if err := m.confine(); err != nil {
		return err
	}
	if m.loop, err = loop.New(); err != nil {
		return err
	}
	m.loop.Post(begin) // before any operator or signal has a say
	if m.null, err = unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("cannot open %s: %w", os.DevNull, err)
	}
	if i != nil {
		m.errors.launched() // long ago
		defer m.giveBackIfLate(i)()
		return m.takeOver(i)
	}
	if err := m.adopt(); err != nil {
		return err
	}
	m.table.Inherit(m.opts.Environ)
	taken := map[*listen.Socket]string{}
	for _, p := range m.cfg.Pools {
		doors, err := openDoors(m.table, p, taken)
		if err != nil {
			return err
		}
		m.newPool(p, doors)
	}
	if err := checkPIDFile(m.cfg.Global.PID); err != nil {
		return err
	}
	if err := m.openServers(&m.cfg.Global); err != nil {
		return err
	}
	m.table.LogInherited()
	m.closeUnused()
	return writePIDFile(m.cfg.Global.PID)
}

// confine applies the global limits to this process, from which supervisors
// and workers have them.
func (m *Master) confine() error {
	g := &m.cfg.Global
	if g.RlimitFiles > 0 {
		if err := proc.SetLimit(proc.Limit{Resource: unix.RLIMIT_NOFILE, Value: uint64(g.RlimitFiles)}); err != nil {
			return fmt.Errorf("failed to set rlimit_files for this pool. Please check your system limits or decrease rlimit_files. setrlimit(RLIMIT_NOFILE, %d): %w", g.RlimitFiles, errnoOf(err))
		}
	}
	if g.RlimitCore != 0 {
		value := uint64(g.RlimitCore)
		if g.RlimitCore < 0 {
			value = proc.Unlimited
		}
		if err := proc.SetLimit(proc.Limit{Resource: unix.RLIMIT_CORE, Value: value}); err != nil {
			return fmt.Errorf("failed to set rlimit_core for this pool. Please check your system limits or decrease rlimit_core. setrlimit(RLIMIT_CORE, %d): %w", g.RlimitCore, errnoOf(err))
		}
	}
	if g.ProcessPriority != nil && os.Geteuid() == 0 {
		return proc.SetNice(*g.ProcessPriority)
	}
	return nil
}

// adopt makes this process the parent of the service's orphans, and notes the
// children it has from before: they are none of our business.
func (m *Master) adopt() error {
	if err := proc.BecomeSubreaper(); err != nil {
		return err
	}
	children, err := proc.Children()
	if err != nil {
		return err
	}
	m.born = map[int]bool{}
	for _, pid := range children {
		m.born[pid] = true
	}
	m.reaper = proc.NewReaper(m.orphanEnded)
	m.starter = proc.NewStarter(m.reaper)
	return nil
}

// start is the first thing that happens on the loop.
func (m *Master) start() {
	m.setTitle()
	m.errors.launched()
	m.announceRunning()
	m.opts.Ready()
	waiting := len(m.pools)
	for _, cfg := range m.cfg.Pools {
		p := m.pools[cfg.Name]
		p.start(func(err error) {
			if err != nil && !errors.Is(err, errEnding) && !errors.Is(err, errOvertaken) {
				p.log().Error("the pool does not start", "err", err)
			}
			if waiting--; waiting == 0 {
				m.announceReady()
			}
		})
	}
}

// release gives back what prepare took, but for the sockets of pools.
func (m *Master) release() {
	m.operator.close()
	m.metrics.close()
	removePIDFile(m.cfg.Global.PID)
	m.forgetBefore()
	if m.null >= 0 {
		_ = unix.Close(m.null)
	}
	if m.loop != nil {
		m.loop.Close()
	}
}

// reopenLogs opens all logs anew, in the supervisors too, and touches no
// worker. told is called, from any goroutine, with what could not be opened.
func (m *Master) reopenLogs(told func(error)) {
	r := &reopening{left: 1, told: told}
	defer r.done()
	if err := m.errors.reopen(); err != nil {
		logfile.Printf(m.log, logfile.LevelError, "unable to re-opened error log file: %v", err)
		r.faulty([]error{err})
	} else {
		logfile.Printf(m.log, logfile.LevelNotice, "error log file re-opened")
	}
	access := false
	for _, p := range m.allPools() {
		access = access || p.cfg.AccessLog != ""
		for _, s := range p.supervisors() {
			r.begin()
			s.sendReopen(r.faulty, r.done)
		}
	}
	if access {
		logfile.Printf(m.log, logfile.LevelNotice, "access log file re-opened")
	}
}

// after runs f on the loop once d is over.
func (m *Master) after(d time.Duration, f func()) {
	m.loop.Set(loop.NewTimer(f), m.loop.Now()+d)
}

// allPools returns the pools of the configuration and those on their way out.
func (m *Master) allPools() []*pool {
	return slices.AppendSeq(slices.Collect(maps.Values(m.pools)), maps.Keys(m.closing))
}

// poolClosing takes a pool out of the configuration.
func (m *Master) poolClosing(p *pool) {
	if m.pools[p.cfg.Name] == p {
		delete(m.pools, p.cfg.Name)
	}
	m.closing[p] = struct{}{}
}

// poolClosed takes the end of a pool's last process.
func (m *Master) poolClosed(p *pool) {
	delete(m.closing, p)
	m.checkEnd()
}

// closeUnused closes the sockets that no pool accepts on any more. A
// supervisor that drains has closed its own already.
func (m *Master) closeUnused() {
	used := map[*listen.Socket]bool{}
	for _, p := range m.pools {
		for _, d := range p.doors {
			used[d.socket] = true
		}
		if p.next != nil {
			for _, d := range p.next.doors {
				used[d.socket] = true
			}
		}
	}
	m.table.CloseUnused(func(s *listen.Socket) bool { return used[s] || m.ours(s) })
}

// ours tells the sockets of the master itself from those of pools.
func (m *Master) ours(s *listen.Socket) bool {
	return m.operator != nil && m.operator.socket == s || m.metrics != nil && m.metrics.socket == s || slices.Contains(m.resting, s)
}
