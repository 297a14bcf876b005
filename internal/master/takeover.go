package master

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/phpini"
	"github.com/anyfpm/anyfpm/internal/proc"
)

// takeoverPatience is how long a program may take to take over a service
// before that is given back.
const takeoverPatience = 20 * time.Second

// An inheriting is what is left to do of taking over an estate.
type inheriting struct {
	*Inheritance
	waiters []waiter
	again   *reload
}

// takeOver goes on with the estate of another program in place of a start: the
// state in memory is made, and nothing is said to anybody. What the estate
// names stays open, so that the whole of it can be given back.
func (m *Master) takeOver(i *inheriting) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("it crashed: %v", cause)
		}
	}()
	e := i.estate
	m.history, m.snapshots.lastID = e.History, e.LastID
	if err := m.inheritProcesses(e); err != nil {
		return err
	}
	if err := m.table.Take(e.Sockets); err != nil {
		return err
	}
	for n := range e.Pools {
		if err := m.inheritPool(&e.Pools[n]); err != nil {
			return err
		}
	}
	if err := m.inheritWaiters(i); err != nil {
		return err
	}
	return m.openServers(&m.cfg.Global)
}

// inheritProcesses makes this process the parent of the service's processes,
// which it is already.
func (m *Master) inheritProcesses(e *Estate) error {
	if err := proc.BecomeSubreaper(); err != nil {
		return err
	}
	m.born = map[int]bool{}
	for _, pid := range e.Born {
		m.born[pid] = true
	}
	m.jobs.add(e.Jobs...)
	m.reaper = proc.NewReaper(m.orphanEnded)
	m.starter = proc.NewStarter(m.reaper)
	return nil
}

func (m *Master) inheritPool(e *estatePool) error {
	cfg := e.Config
	doors, err := m.inheritDoors(e.Doors)
	if err != nil {
		return err
	}
	p := &pool{
		master: m, cfg: &cfg, doors: doors, generation: e.Generation, leaving: map[*supervisor]struct{}{}, since: e.Since,
		deaths: e.Deaths, failure: e.Failure, unreachable: e.Unreachable,
	}
	p.timer = loop.NewTimer(p.backoffOver)
	if p.state, err = stateNamed(e.State, poolClosing); err != nil {
		return err
	}
	if p.state == poolClosing {
		m.closing[p] = struct{}{}
	} else {
		m.pools[cfg.Name] = p
		m.cfg.Pools = append(m.cfg.Pools, p.cfg)
	}
	if e.Backoff > 0 || p.state == poolBackoff {
		m.loop.Set(p.timer, e.Backoff)
	}
	if e.Current != nil {
		if p.current, err = m.inheritSupervisor(p, e.Current); err != nil {
			return err
		}
		p.cfg, p.doors = p.current.cfg, p.current.doors
	}
	for n := range e.Leaving {
		s, err := m.inheritSupervisor(p, &e.Leaving[n])
		if err != nil {
			return err
		}
		p.leave(s)
	}
	return nil
}

func (m *Master) inheritSupervisor(p *pool, e *estateSupervisor) (*supervisor, error) {
	cfg := e.Config
	doors, err := m.inheritDoors(e.Doors)
	if err != nil && p.state != poolClosing && e.State != supervisorDraining.String() && e.State != supervisorStopping.String() {
		return nil, err
	}
	s := &supervisor{
		pool: p, cfg: &cfg, doors: doors, generation: e.Generation, protocol: e.Protocol, failure: e.Failure,
		announced: e.Announced, handing: e.Handing, began: m.loop.Now() - e.Age,
		share: share{granted: e.Granted, workers: e.Workers, wanted: e.Wanted},
		ini:   phpini.Adopt(e.INI, e.INIPath),
	}
	s.timer = loop.NewTimer(s.escalate)
	if s.state, err = stateNamed(e.State, supervisorGone); err != nil {
		return nil, err
	}
	if e.Left > 0 {
		m.loop.Set(s.timer, e.Left)
	}
	fd, err := unix.FcntlInt(uintptr(e.Conn), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("cannot take over supervisor %d: %w", e.PID, err)
	}
	conn, err := control.FromFD(fd)
	if err != nil {
		return nil, fmt.Errorf("cannot take over supervisor %d: %w", e.PID, err)
	}
	s.link = m.newLink(s, conn)
	s.pid = e.PID
	m.shares.members[s] = struct{}{}
	m.reaper.Adopt(e.PID, func(exit proc.Exit) { m.loop.Post(func() { s.exited(exit) }) })
	return s, nil
}

// inheritDoors finds the sockets of doors. An old generation's may be gone.
func (m *Master) inheritDoors(list []estateDoor) (doors []door, err error) {
	for _, d := range list {
		socket := m.table.Get(d.Key)
		if socket == nil {
			err = fmt.Errorf("cannot take over the socket of %s: it is not there", d.Key)
			continue
		}
		doors = append(doors, door{d.Name, socket})
	}
	return doors, err
}

func (m *Master) inheritWaiters(i *inheriting) error {
	list := func(fds []int) (waiters []waiter, err error) {
		for _, fd := range fds {
			w, e := waiterOf(fd)
			if e != nil {
				err = errors.Join(err, e)
				continue
			}
			waiters = append(waiters, w)
		}
		return waiters, err
	}
	var err error
	if i.waiters, err = list(i.estate.Waiters); err != nil {
		return fmt.Errorf("cannot take over who waits for the reload: %w", err)
	}
	if again := i.estate.Again; again != nil {
		i.again = &reload{master: m, only: again.Only}
		if i.again.waiters, err = list(again.Waiters); err != nil {
			return fmt.Errorf("cannot take over who waits for the reload: %w", err)
		}
	}
	return nil
}

// stateNamed finds a state by its name. The last state has the highest number.
func stateNamed[S interface {
	~int
	String() string
}](name string, last S) (S, error) {
	for s := range last + 1 {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("cannot take over: the state %q is unknown", name)
}

// resume is the first thing that happens on the loop of a program that has
// taken over: what waited for it goes on, and then the reload for which it was
// executed.
func (m *Master) resume(i *inheriting) {
	e := i.estate
	m.settleEstate(i)
	m.setTitle()
	m.announced = true
	for k := range m.links() {
		k.listen()
	}
	for _, p := range m.pools {
		if p.state == poolIdle {
			p.rest()
		}
	}
	m.monitor.start()
	r := &reload{master: m, waiters: i.waiters, again: i.again, waiting: map[string]*loop.Timer{}, executed: true}
	m.reload = r
	if e.Returned != "" {
		r.refuse(errors.New(e.Returned))
		return
	}
	r.load()
}

// settleEstate closes what the estate names, of which the master has its own
// by now, but for what it goes on with.
func (m *Master) settleEstate(i *inheriting) {
	e := i.estate
	m.before = e.Image
	used := map[int]bool{e.Image: true, e.Stderr: true}
	for _, s := range e.Sockets {
		used[s.FD] = true
	}
	for _, fd := range append(e.descriptors(), i.fd) {
		if !used[fd] {
			_ = unix.Close(fd) // duplicated
		}
	}
	unix.CloseOnExec(e.Stderr)
}

// configOf is the configuration of an estate, to which its pools are added.
func configOf(e *Estate) *config.Config {
	return &config.Config{Path: e.Path, Global: e.Global}
}

// giveBackIfLate gives the estate back unless stop is called in time.
func (m *Master) giveBackIfLate(i *inheriting) (stop func() bool) {
	return time.AfterFunc(takeoverPatience, func() {
		_ = m.giveBack(i, fmt.Errorf("it did not take over within %v", takeoverPatience))
	}).Stop
}

// giveBack executes the program that has left the estate. It returns if there
// is none.
func (m *Master) giveBack(i *inheriting, reason error) error {
	args, environ := os.Args, m.opts.Environ
	if len(m.opts.Program.Args) > 0 {
		args, environ = m.opts.Program.Args, m.opts.Program.Environ
	}
	return i.giveBack(args, environ, reason)
}
