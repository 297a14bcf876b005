package master

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/listen"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
)

// A reload takes up a replaced program in these steps, each of which can fail
// without harm to the generation that serves:
//
//	rehearse   the new program, as a child, reads the configuration
//	suspend    nothing is under way: no start, no message, no exit
//	bequeath   this process executes the new program, which finds the state of
//	           the service in an estate and its supervisors as its children
//	reload     of the new program, with new generations of all pools
//
// If the estate is of no use to the new program, or not one pool gets a new
// generation, this process executes the old program again.

// suspendPatience is how long it may take until nothing is under way.
const suspendPatience = 5 * time.Second

// lookForProgram begins a reload of the service: by another program, if there
// is one.
func (r *reload) lookForProgram() {
	m := r.master
	m.helpers.Go(func() {
		replaced, err := proc.Replaced(m.opts.Program.Path)
		m.loop.Post(func() {
			switch {
			case m.reload != r: // the service is ending
			case err != nil:
				m.log.Warn("no new program is taken up", "err", err)
				r.load()
			case replaced:
				r.replace()
			default:
				r.load()
			}
		})
	})
}

// replace takes up another program.
func (r *reload) replace() {
	m := r.master
	path := m.opts.Program.Path
	ctx, cancel := context.WithCancel(m.ending)
	r.endRehearsal = cancel
	m.rehearse(ctx, func(version string, err error) {
		cancel()
		if m.reload != r {
			return
		}
		if err != nil {
			r.refuse(err)
			return
		}
		m.suspend(func(err error) {
			if err == nil {
				logfile.Printf(m.log, logfile.LevelNotice, "reloading: execvp(\"%s\", {\"%s\"})", path, strings.Join(m.opts.Program.Args, "\", \""))
				m.log.Info("another program takes over", "from", m.opts.Version, "to", version)
				err = m.bequeathTo(path)
			}
			m.goOn()
			if errors.Is(err, errSignalled) { // it is heard first, and the reload may be over then
				m.loop.Post(r.tryAgain)
				return
			}
			if m.reload == r {
				r.refuse(err)
			}
		})
	})
}

// tryAgain takes up another program after something came between.
func (r *reload) tryAgain() {
	if r.master.reload == r {
		r.replace()
	}
}

// refuse ends a reload whose program cannot be taken up.
func (r *reload) refuse(err error) {
	m := r.master
	err = fmt.Errorf("the new program %s cannot take over: %w", m.opts.Program.Path, err)
	logfile.Printf(m.log, logfile.LevelError, "%s", logfile.ErrorText(err))
	r.fail(err)
}

// bequeathTo executes a program in place of this one. It returns if that fails.
func (m *Master) bequeathTo(path string) error {
	image, err := openImage()
	if err != nil {
		return err
	}
	defer unix.Close(image)
	return m.bequeath(path, image, "")
}

// goBack executes the program again that this one has replaced, since the new
// one serves nothing. done is called if that is not possible.
func (m *Master) goBack(reason error, done func()) {
	m.log.Error("no pool has a new generation, going back to the program before")
	m.suspend(func(err error) {
		if err == nil {
			err = m.bequeath(imagePath(m.before), -1, reason.Error())
		}
		m.goOn()
		if errors.Is(err, errSignalled) {
			m.loop.Post(func() {
				if m.phase != phaseRunning {
					done()
					return
				}
				m.goBack(reason, done)
			})
			return
		}
		m.log.Error("cannot go back to the program before", "err", err)
		done()
	})
}

// forgetBefore is the end of going back.
func (m *Master) forgetBefore() {
	if m.before >= 0 {
		_ = unix.Close(m.before)
		m.before = -1
	}
}

// bequeath leaves everything to a program that is executed in this process.
// Nothing may be under way. It returns if that fails, and nothing has changed.
func (m *Master) bequeath(path string, image int, returned string) error {
	e := m.newEstate(returned)
	e.Image = image
	var made []int // for the estate
	defer func() {
		for _, fd := range made {
			_ = unix.Close(fd) // a duplicate
		}
	}()
	if err := m.collect(e, &made); err != nil {
		return err
	}
	file, err := e.write()
	if err != nil {
		return err
	}
	made = append(made, file)
	m.errors.sync()
	m.signals.rest()
	defer m.signals.listen(m.ending)
	p := m.opts.Program
	return m.starter.Exec(proc.Exec{
		Path: path, Args: p.Args,
		Environ: append(listen.StripEnviron(p.Environ), estateVariable+"="+strconv.Itoa(file)),
		Keep:    append(e.descriptors(), file), Signals: serviceSignals(), Ready: m.signals.none, Do: m.opts.Exec,
	})
}

// collect makes the descriptors that an estate needs of this process's
// connections, and lists them in made.
func (m *Master) collect(e *Estate, made *[]int) error {
	conns := map[int]*control.Conn{}
	for _, p := range m.allPools() {
		for _, s := range p.supervisors() {
			if s.link != nil {
				conns[s.pid] = s.conn
			}
		}
	}
	for s := range e.supervisors() {
		conn := conns[s.PID]
		if conn == nil {
			return errors.New("a supervisor is just being started")
		}
		fd, err := conn.Dup()
		if err != nil {
			return err
		}
		s.Conn = fd
		*made = append(*made, fd)
	}
	waiting := func(list []waiter) (fds []int) {
		for _, w := range list {
			if fd := w.fd(); fd >= 0 {
				fds = append(fds, fd)
				*made = append(*made, fd)
			}
		}
		return fds
	}
	r := m.reload
	e.Waiters = waiting(r.waiters)
	if r.again != nil {
		e.Again = &estateReloading{Only: r.again.only, Waiters: waiting(r.again.waiters)}
	}
	return nil
}

// A suspension is the way to a moment at which nothing is under way.
type suspension struct {
	master  *Master
	answers bool // answers to operators and scrapers are under way
	reaping reaping
	timer   *loop.Timer
	done    func(error) // nil once it was called or is not wanted
}

// reaping is whether children are waited for.
type reaping int

const (
	reapingOn       reaping = iota
	reapingStopping         // what was reaped before is on its way to the loop
	reapingOff
)

// suspend calls done on the loop at a moment at which nothing is under way,
// with everything at rest until goOn; or with an error if there is none.
func (m *Master) suspend(done func(error)) {
	q := &suspension{master: m, done: done, answers: true}
	q.timer = loop.NewTimer(func() {
		q.end(fmt.Errorf("the service does not come to rest within %v", m.bounds.rest))
	})
	m.suspension = q
	m.loop.Set(q.timer, m.loop.Now()+m.bounds.rest)
	servers := []*server{m.operator, m.metrics}
	m.operator, m.metrics = nil, nil
	for _, s := range servers {
		if s != nil {
			m.resting = append(m.resting, s.socket) // in use, although nobody serves
		}
	}
	m.helpers.Go(func() {
		for _, s := range servers {
			s.close()
		}
		m.arriving.Wait()
		m.loop.Post(q.answered) // behind what has arrived
	})
}

// answered goes on when the last answer is given, for which the supervisors
// were needed.
func (q *suspension) answered() {
	if q.master.suspension != q {
		return
	}
	q.answers = false
	for k := range q.master.links() {
		k.conn.Pause()
	}
	q.master.checkSuspended()
}

// checkSuspended is called whenever something that was under way has ended.
func (m *Master) checkSuspended() {
	q := m.suspension
	if q == nil || q.done == nil || q.reaping != reapingOn || !q.calm() {
		return
	}
	q.reaping = reapingStopping
	m.helpers.Go(func() {
		m.reaper.Freeze()
		m.loop.Post(q.stopped) // behind all that was reaped before
	})
}

// stopped has the exits behind it that were reaped before. They may have led to
// something new.
func (q *suspension) stopped() {
	m := q.master
	if m.suspension != q || q.done == nil || !q.calm() {
		q.reaping = reapingOn
		m.helpers.Go(m.reaper.Thaw)
		return
	}
	q.reaping = reapingOff
	q.end(nil)
}

// calm says that nothing is under way that another program could not go on
// with.
func (q *suspension) calm() bool {
	if q.answers || q.master.cleaning > 0 {
		return false
	}
	for k := range q.master.links() {
		if k.pid == 0 || k.unsent > 0 || k.reading || k.owner.onHeard != nil {
			return false
		}
	}
	for _, p := range q.master.allPools() {
		if len(p.passing) > 0 || p.next != nil {
			return false
		}
	}
	return true
}

func (q *suspension) end(err error) {
	done := q.done
	q.done = nil
	q.master.loop.Clear(q.timer)
	done(err)
}

// goOn ends a suspension, also one that has not come to its moment.
func (m *Master) goOn() {
	q := m.suspension
	if q == nil {
		return
	}
	q.done = nil
	m.suspension, m.resting = nil, nil
	m.loop.Clear(q.timer)
	if q.reaping == reapingOff {
		m.helpers.Go(m.reaper.Thaw)
	}
	for k := range m.links() {
		k.conn.Resume()
		if !k.reading && !k.ended {
			k.listen()
		}
	}
	if err := m.openServers(&m.cfg.Global); err != nil {
		m.log.Error("cannot answer operators again", "err", err)
	}
}

// links are the connections to all supervisors that have one.
func (m *Master) links() func(yield func(*link) bool) {
	return func(yield func(*link) bool) {
		for _, p := range m.allPools() {
			for _, s := range p.supervisors() {
				if s.link != nil && !yield(s.link) {
					return
				}
			}
		}
	}
}

// serviceSignals are those that mean something to the service, for the
// program that comes next.
func serviceSignals() []syscall.Signal {
	var list []syscall.Signal
	for _, sig := range handledSignals() {
		if s, ok := sig.(syscall.Signal); ok {
			list = append(list, s)
		}
	}
	return slices.Clip(list)
}
