package loop

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ready says in what way a descriptor is ready.
type Ready uint32

// The kinds of readiness. A handler may be called with several at once.
const (
	// Readable: a read returns data, an end of file or an error.
	Readable Ready = unix.EPOLLIN
	// Writable is reported only after [Loop.WantWrite].
	Writable Ready = unix.EPOLLOUT
	// PeerClosed: the other side will send nothing more. What it sent before
	// is still to be read.
	PeerClosed Ready = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
)

// A Handler is told when its descriptor becomes ready.
type Handler interface {
	// Ready is called on the loop's goroutine. It may add and remove any
	// descriptor, its own included.
	Ready(r Ready)
}

const (
	readInterest  = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET
	writeInterest = readInterest | unix.EPOLLOUT
	batch         = 256
)

// slot is what the loop knows of one descriptor number. The generation tells
// an event of the present descriptor from a late one of its predecessor.
type slot struct {
	handler    Handler
	generation int32
}

// A Loop is a reactor. Create it with New, use it from handlers, posted
// functions and timers only.
type Loop struct {
	epoll  int
	file   *os.File        // of epoll, for the runtime's poller
	waiter syscall.RawConn // of file
	wake   int
	start  time.Time
	now    time.Duration
	slots  []slot
	timers timerHeap
	events []unix.EpollEvent

	mu      sync.Mutex
	posted  []func()
	running []func()    // the other half of the double buffer, owned by the loop
	pending atomic.Bool // something was posted
	asleep  atomic.Bool // it takes notify to be looked at

	got      int       // events that a wait found
	failed   error     // or why it could not
	deadline time.Time // of file, zero without
	stop     atomic.Bool

	// AfterBatch, when set, is called after the handlers, timers and posted
	// functions of one turn have run: the place to write out what they left.
	AfterBatch func()
}

// New returns a loop that watches nothing yet.
func New() (*Loop, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot create epoll instance: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(ep)
		return nil, fmt.Errorf("cannot create eventfd: %w", err)
	}
	if err := unix.SetNonblock(ep, true); err != nil {
		return nil, fmt.Errorf("cannot set up epoll instance: %w", err)
	}
	l := &Loop{
		epoll: ep, file: os.NewFile(uintptr(ep), "epoll"),
		wake: wake, start: time.Now(), events: make([]unix.EpollEvent, batch),
	}
	if l.waiter, err = l.file.SyscallConn(); err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot set up epoll instance: %w", err)
	}
	if err := l.Add(wake, wakeHandler{l}); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Close releases the loop's own descriptors. Run must have returned.
func (l *Loop) Close() {
	_ = l.file.Close()
	_ = unix.Close(l.wake)
}

// Now is the time of the current turn, measured from [Loop.Epoch] on the
// monotonic clock. It is read once per turn.
func (l *Loop) Now() time.Duration { return l.now }

// Skip has time pass at once, as if the loop had done nothing for so long: the
// next turn begins with what is due by then. Tests call it instead of waiting.
func (l *Loop) Skip(d time.Duration) { l.start = l.start.Add(-d) }

// Epoch is the moment Now counts from.
func (l *Loop) Epoch() time.Time { return l.start }

// Add starts watching fd for reading. The descriptor must be non-blocking
// and stays the caller's; call Remove before closing it. If it is ready
// already the handler is called in the next turn.
func (l *Loop) Add(fd int, h Handler) error {
	for fd >= len(l.slots) {
		l.slots = append(l.slots, slot{})
	}
	s := &l.slots[fd]
	s.generation++
	if err := l.interest(unix.EPOLL_CTL_ADD, fd, readInterest, s.generation); err != 0 {
		return fmt.Errorf("cannot watch descriptor %d: %w", fd, err)
	}
	s.handler = h
	return nil
}

// AddLevel watches a listening socket, level-triggered: its handler is called
// in every turn in which a connection waits.
func (l *Loop) AddLevel(fd int, h Handler) error {
	for fd >= len(l.slots) {
		l.slots = append(l.slots, slot{})
	}
	s := &l.slots[fd]
	s.generation++
	if err := l.interest(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN, s.generation); err != 0 {
		return fmt.Errorf("cannot watch descriptor %d: %w", fd, err)
	}
	s.handler = h
	return nil
}

// WantWrite asks for one Writable call when fd, which Add watches, can be
// written again. Call it after a write said EAGAIN.
func (l *Loop) WantWrite(fd int) error {
	if err := l.interest(unix.EPOLL_CTL_MOD, fd, writeInterest, l.slots[fd].generation); err != 0 {
		return fmt.Errorf("cannot wait for writing to descriptor %d: %w", fd, err)
	}
	return nil
}

// Remove stops watching fd. Events of it that are already collected are
// dropped.
func (l *Loop) Remove(fd int) {
	if fd >= len(l.slots) || l.slots[fd].handler == nil {
		return
	}
	l.slots[fd].handler = nil
	l.slots[fd].generation++
	_ = l.interest(unix.EPOLL_CTL_DEL, fd, 0, 0)
}

// OnExit has f called when a process has ended that WatchExit watches, once
// for any number of them.
func (l *Loop) OnExit(f func()) {
	if l.epoll >= len(l.slots) {
		l.slots = append(l.slots, make([]slot, l.epoll+1-len(l.slots))...)
	}
	l.slots[l.epoll].handler = exitHandler(f)
}

// WatchExit watches a process by its pidfd until that is closed. It may be
// called from any goroutine.
func (l *Loop) WatchExit(pidfd int) error {
	// The events of all come under the one number that nothing else can have.
	ev := unix.EpollEvent{Events: readInterest, Fd: int32(l.epoll)}
	if err := l.ctl(unix.EPOLL_CTL_ADD, pidfd, &ev); err != 0 {
		return fmt.Errorf("cannot watch a process: %w", err)
	}
	return nil
}

type exitHandler func()

func (h exitHandler) Ready(Ready) { h() }

// Forget is Remove for a descriptor that is closed at once: closing the last
// reference takes it out of epoll by itself and saves the system call.
func (l *Loop) Forget(fd int) {
	if fd < len(l.slots) {
		l.slots[fd].handler = nil
		l.slots[fd].generation++
	}
}

func (l *Loop) interest(op, fd int, interest uint32, generation int32) unix.Errno {
	return l.ctl(op, fd, &unix.EpollEvent{Events: interest, Fd: int32(fd), Pad: generation})
}

func (l *Loop) ctl(op, fd int, ev *unix.EpollEvent) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(l.epoll), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(ev)), 0, 0)
	return errno
}

// Post runs f on the loop's goroutine, after what was posted before it. It
// may be called from any goroutine and never blocks.
func (l *Loop) Post(f func()) {
	l.mu.Lock()
	l.posted = append(l.posted, f)
	l.mu.Unlock()
	l.pending.Store(true)
	if l.asleep.CompareAndSwap(true, false) {
		l.notify()
	}
}

// Stop makes Run return after the current turn. It may be called from any
// goroutine.
func (l *Loop) Stop() {
	l.stop.Store(true)
	l.notify()
}

func (l *Loop) notify() {
	one := [8]byte{1}
	_, _ = Write(l.wake, one[:])
}

// Run handles events until Stop is called.
func (l *Loop) Run() error {
	l.now = time.Since(l.start)
	for !l.stop.Load() {
		n, err := l.wait()
		if err != nil {
			return err
		}
		l.now = time.Since(l.start)
		for i := range l.events[:n] {
			ev := &l.events[i]
			s := &l.slots[ev.Fd]
			if s.handler != nil && s.generation == ev.Pad {
				s.handler.Ready(Ready(ev.Events))
			}
		}
		l.fireTimers()
		if l.pending.Load() {
			l.runPosted()
		}
		if l.AfterBatch != nil {
			l.AfterBatch()
		}
	}
	return nil
}

// wait collects the next events. It asks without blocking first, by a raw
// call that the Go scheduler does not notice, because under load there is
// nearly always something. An idle loop leaves the waiting to the runtime's
// own poller, which watches the epoll instance like any other descriptor:
// a thread that blocks in epoll_wait itself would keep a processor until the
// runtime takes it away, and the runtime awake to do so.
func (l *Loop) wait() (int, error) {
	if n, err := l.poll(); n > 0 || err != nil {
		return n, err
	}
	timeout := l.timers.timeout(time.Since(l.start))
	l.asleep.Store(true)
	defer l.asleep.Store(false)
	if timeout == 0 || l.pending.Load() {
		return 0, nil
	}
	if err := l.setDeadline(); err != nil {
		return 0, err
	}
	l.got, l.failed = 0, nil
	if err := l.waiter.Read(l.ready); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, fmt.Errorf("cannot wait for events: %w", err)
	}
	return l.got, l.failed
}

// ready is called by the runtime's poller when there may be events; it ends
// the wait if there are, or if anything was posted.
func (l *Loop) ready(uintptr) bool {
	l.got, l.failed = l.poll()
	return l.got > 0 || l.failed != nil || l.pending.Load()
}

// poll collects the events there are now.
func (l *Loop) poll() (int, error) {
	r, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll),
		uintptr(unsafe.Pointer(&l.events[0])), batch, 0, 0, 0)
	switch errno {
	case 0:
		return int(r), nil
	case unix.EINTR:
		return 0, nil
	default:
		return 0, fmt.Errorf("cannot wait for events: %w", errno)
	}
}

// setDeadline bounds the next wait by the first timer.
func (l *Loop) setDeadline() error {
	var at time.Time
	if len(l.timers) > 0 {
		at = l.start.Add(l.timers[0].at)
	}
	if at.Equal(l.deadline) { // to tell the runtime costs more than the rest of a turn
		return nil
	}
	l.deadline = at
	if err := l.file.SetReadDeadline(at); err != nil {
		return fmt.Errorf("cannot set the time to wait: %w", err)
	}
	return nil
}

func (l *Loop) runPosted() {
	l.pending.Store(false)
	l.mu.Lock()
	l.posted, l.running = l.running[:0], l.posted
	l.mu.Unlock()
	for i, f := range l.running {
		l.running[i] = nil
		f()
	}
	l.running = l.running[:0]
}

// wakeHandler empties the eventfd; the posted functions run at the end of the
// turn.
type wakeHandler struct{ l *Loop }

func (h wakeHandler) Ready(Ready) {
	var buf [8]byte
	_, _ = Read(h.l.wake, buf[:])
}

// Again makes the loop take another turn without waiting. It is for handlers
// that left work to do.
func (l *Loop) Again() { l.pending.Store(true) }
