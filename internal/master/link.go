package master

import (
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/proc"
)

const (
	// queueLength is how many messages may wait for a supervisor. One that
	// reads so little is broken.
	queueLength = 64
	// silentExit is how long a supervisor may live on after it has closed its
	// control socket. That is its last act, but hundreds may end at once.
	silentExit = 5 * time.Second

	// What a supervisor may send: a snapshot has a row for each worker.
	messageBase      = 256 << 10
	messagePerWorker = 16 << 10
)

// A link is the process of a supervisor and the connection to it.
type link struct {
	master *Master
	owner  *supervisor
	pid    int // 0 until it runs
	conn   *control.Conn
	out    chan outgoing
	closed chan struct{}
	users  sync.WaitGroup // goroutines that use conn

	unsent  int  // messages queued or being sent
	reading bool // a goroutine receives
	ended   bool // there is nothing more to receive
}

// outgoing is a message for a supervisor. If logs is set the descriptors of
// the pool's logs go with it, and message makes it of their names; opened, if
// it is set, is called with what could not be opened. sent, if it is set, is
// called when the message is on its way or never will be.
type outgoing struct {
	message func(names []string, fds []int) (control.Message, []int)
	logs    *errorLog
	opened  func(faults []error)
	sent    func()
}

// connect starts the process of s and sends it its configuration.
func (m *Master) connect(s *supervisor) (*link, error) {
	conn, file, err := control.Pair()
	if err != nil {
		return nil, err
	}
	k := m.newLink(s, conn)
	k.sendStart()
	k.listen()
	path, args := m.opts.Supervisor(s.cfg.Name)
	spec := proc.Spec{
		Path: path, Args: args, Env: m.supervisorEnviron(s.cfg),
		Files:   []int{m.null, m.null, unix.Stderr, int(file.Fd())},
		Setpgid: true,
	}
	m.starter.Go(spec, func(pid int, err error) {
		_ = file.Close() // the child has its own
		m.loop.Post(func() { k.started(pid, err) })
	}, func(exit proc.Exit) {
		m.loop.Post(func() { s.exited(exit) })
	})
	return k, nil
}

// newLink returns the link of a supervisor, over which messages can be sent.
func (m *Master) newLink(s *supervisor, conn *control.Conn) *link {
	conn.Limit(messageBase+messagePerWorker*s.cfg.MaxChildren, control.MaxFDs)
	k := &link{master: m, owner: s, conn: conn, out: make(chan outgoing, queueLength), closed: make(chan struct{})}
	k.use(k.write)
	return k
}

// listen begins to receive messages.
func (k *link) listen() {
	if q := k.master.suspension; q != nil && !q.answers {
		k.conn.Pause()
	}
	k.goRead()
}

func (k *link) goRead() {
	k.reading = true
	k.use(k.read)
}

// use runs f, which uses the connection, on a goroutine.
func (k *link) use(f func()) {
	k.users.Add(1)
	k.master.helpers.Go(func() {
		defer k.users.Done()
		f()
	})
}

// supervisorEnviron is the environment of a pool's supervisor.
func (m *Master) supervisorEnviron(p *config.Pool) []string {
	if p.RlimitFiles == 0 {
		return m.environ
	}
	return append(slices.Clip(m.environ), control.FilesVariable+"="+strconv.Itoa(p.RlimitFiles))
}

func (k *link) started(pid int, err error) {
	s := k.owner
	if err != nil {
		s.gone(err)
		return
	}
	k.pid = pid
	defer k.master.checkSuspended()
	logfile.Printf(s.pool.log(), logfile.LevelDebug, "supervisor %d started", pid)
	if s.state == supervisorStopping {
		s.sendStop() // it was told before it was there to hear
	}
}

func (k *link) sendStart() {
	s, m := k.owner, k.master
	pool := *s.cfg
	pool.PHPScanDir = s.ini.Path()
	start := &control.Start{
		Pool: pool, Global: m.cfg.Global, Generation: s.generation, Alone: s.pool.current == nil, Prefix: m.opts.Prefix,
		MasterPID: os.Getpid(), PHPCompat: m.opts.PHP, Protocol: control.Protocol, Limit: s.share.granted,
	}
	var sockets []int
	for _, d := range s.doors {
		start.FDs = append(start.FDs, d.name)
		sockets = append(sockets, d.socket.FD)
	}
	k.send(outgoing{logs: k.master.errors, message: func(names []string, fds []int) (control.Message, []int) {
		start.FDs = append(start.FDs, names...)
		return start, append(sockets, fds...)
	}})
}

func (k *link) sendReopen(opened func(faults []error), sent func()) {
	k.send(outgoing{logs: k.master.errors, opened: opened, sent: sent, message: func(names []string, fds []int) (control.Message, []int) {
		return &control.Reopen{FDs: names}, fds
	}})
}

func (k *link) sendDrain(to successor) {
	k.tell(&control.Drain{Replaced: to != nobody, HandOver: to == nextGeneration})
}
func (k *link) sendStop() { k.tell(&control.Stop{}) }

// tell queues a message without descriptors.
func (k *link) tell(m control.Message) {
	if k == nil {
		return // it never started
	}
	k.send(outgoing{message: func([]string, []int) (control.Message, []int) { return m, nil }})
}

// send queues a message without waiting for the supervisor.
func (k *link) send(o outgoing) {
	select {
	case k.out <- o:
		k.unsent++
	default:
		if o.sent != nil {
			o.sent()
		}
		k.owner.pool.log().Error("the supervisor does not read its messages, killing it")
		k.owner.kill()
	}
}

// write sends what is queued. It runs on a goroutine of its own, since files
// may be slow to open and supervisors slow to read.
func (k *link) write() {
	for {
		select {
		case o := <-k.out:
			err := k.deliver(o)
			k.post(func() {
				k.unsent--
				if err != nil {
					k.owner.broken(err)
				}
				k.master.checkSuspended()
			})
		case <-k.closed:
			k.dropUnsent()
			return
		}
	}
}

// dropUnsent gives up what a supervisor did not live to hear.
func (k *link) dropUnsent() {
	for {
		select {
		case o := <-k.out:
			if o.sent != nil {
				o.sent()
			}
		default:
			return
		}
	}
}

func (k *link) deliver(o outgoing) error {
	var names []string
	var fds []int
	if o.logs != nil {
		var faults []error
		names, fds, faults = o.logs.descriptors(k.owner.cfg)
		for _, err := range faults {
			k.post(func() { k.owner.withoutLog(err) })
		}
		if o.opened != nil {
			o.opened(faults)
		}
		defer func() {
			for _, fd := range fds {
				_ = unix.Close(fd) // the supervisor has its own
			}
		}()
	}
	message, all := o.message(names, fds)
	err := k.conn.Send(message, all...)
	if o.sent != nil {
		o.sent()
	}
	return err
}

// read hands the messages of the supervisor to the loop, one at a time: it
// cannot make the master do more than it has time for.
func (k *link) read() {
	for {
		message, fds, err := k.conn.Receive()
		if err != nil {
			k.post(func() {
				k.reading = false
				if !errors.Is(err, control.ErrPaused) {
					k.ended = true
					k.owner.hungUp(err)
					k.owner.heard()
				} else if k.owner.onHeard != nil {
					k.owner.hearOut()
				} else if k.master.suspension == nil {
					k.listen() // the pause is over already
				}
				k.master.checkSuspended()
			})
			return
		}
		handled := make(chan struct{})
		k.master.loop.Post(func() { k.received(message, fds, func() { close(handled) }) })
		select {
		case <-handled:
		case <-k.master.ending.Done():
			return
		}
		k.discard(fds)
	}
}

// discard closes what came with a message. A supervisor that a script has taken
// over may send what takes for ever to close. That holds up what it says next,
// and nobody else.
func (k *link) discard(fds []int) {
	if len(fds) == 0 {
		return
	}
	discarded := make(chan struct{})
	go func() {
		control.Discard(fds)
		close(discarded)
	}()
	select {
	case <-discarded:
	case <-k.closed:
	}
}

// received acts on a message and calls handled when there may be another, and
// its descriptors are of no more use.
func (k *link) received(message control.Message, fds []int, handled func()) {
	select {
	case <-k.closed:
		handled()
		return
	default:
	}
	if list, ok := message.(*control.Connections); ok {
		k.owner.pool.passOn(k.owner, passed{list.List, fds, handled})
		return
	}
	k.owner.handle(message)
	handled()
}

// post runs f on the loop unless the link is closed by then.
func (k *link) post(f func()) {
	k.master.loop.Post(func() {
		select {
		case <-k.closed:
		default:
			f()
		}
	})
}

// close ends the connection, once. What a supervisor has sent and nobody has
// read is closed with it, for which nobody waits; see discard.
func (k *link) close() {
	close(k.closed)
	k.conn.Shutdown()
	go func() {
		k.users.Wait()
		_ = k.conn.Close() // the process is gone
	}()
}

// hungUp takes the end of the connection, which comes shortly before that of
// the process unless something is wrong.
func (s *supervisor) hungUp(err error) {
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		s.pool.log().Error("the supervisor broke the connection, killing it", "err", err)
		s.kill()
		return
	}
	if s.state < supervisorStopping {
		s.state = supervisorStopping
	}
	s.wakeIn(silentExit)
}

// broken takes a message that could not be delivered. If the process is gone
// its exit says so.
func (s *supervisor) broken(err error) {
	if errors.Is(err, syscall.EPIPE) {
		return
	}
	s.pool.log().Error("cannot reach the supervisor", "err", err)
}

// withoutLog takes the failure to open a log of the pool, which works without
// it and counts what is lost.
func (s *supervisor) withoutLog(err error) {
	s.pool.log().Error("a log of the pool is not opened", "err", err)
}
