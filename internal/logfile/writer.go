package logfile

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxPending bounds the bytes a Writer holds for a slow disk.
	maxPending = 1 << 20
	// atomicWrite is how much a pipe takes in one piece (PIPE_BUF): several
	// processes may share one. A file takes any number.
	atomicWrite = 4096
	fileWrite   = 64 << 10
	// closeTimeout is how long Close waits for a disk or pipe that is stuck.
	closeTimeout = time.Second
)

var (
	errFull        = errors.New("nobody takes the lines as fast as they come")
	errRemoved     = errors.New("the file was removed")
	errNotOpen     = errors.New("it is not open")
	errInterrupted = errors.New("interrupted")
)

// A Writer appends lines to a log from a goroutine of its own. A write(2) has
// one or several whole ones, so only a full disk can tear one, which is lost
// then and no other. All methods are safe for concurrent use.
type Writer struct {
	path    string        // of Open; empty without one
	wake    chan struct{} // a token when there is something to do
	stopped chan struct{} // closed when the goroutine is gone

	mu        sync.Mutex
	pending   []byte
	writing   bool            // lines that are no longer pending
	waiting   []chan struct{} // of Sync, closed when nothing is left to write
	next      int             // the descriptor to go on with, or -1
	nameless  bool            // next had no name from the start
	closed    bool
	dropped   uint64
	interrupt int // an eventfd that ends the waiting for a full pipe, or -1

	lost      func(err error)
	recovered func(lines uint64)
	told      bool   // lost was called for this descriptor
	untold    uint64 // lines lost that recovered was not told of
}

// Open opens the log of that name as [OpenFD] does.
func Open(path string) (*Writer, error) {
	fd, err := OpenFD(path)
	if err != nil {
		return nil, err
	}
	w := newWriter(fd)
	w.path = path
	go w.run()
	return w, nil
}

// FromFD returns a Writer to an open descriptor, which it takes over. With -1
// it is one to a log that cannot be opened: all lines are lost until Swap.
func FromFD(fd int) *Writer {
	w := newWriter(fd)
	go w.run()
	return w
}

func newWriter(fd int) *Writer {
	interrupt, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		interrupt = -1 // Swap then has to wait for a full pipe
	}
	return &Writer{
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
		next: fd, nameless: removed(fd), interrupt: interrupt,
	}
}

// Watch has the Writer say that lines are lost. lost is called once for a
// descriptor, with the reason, when the first line is; recovered when lines can
// be written again, with the number of those that were lost. Either may be nil.
// They are called from any goroutine, without a lock, and may write to other
// Writers; recovered also to this one.
func (w *Writer) Watch(lost func(err error), recovered func(lines uint64)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost, w.recovered = lost, recovered
}

// Write takes one or several whole lines, each with its newline. It never
// blocks and never fails; what finds no room is dropped and counted.
func (w *Writer) Write(lines []byte) (int, error) {
	w.mu.Lock()
	tell := func() {}
	if w.closed || len(w.pending)+len(lines) > maxPending {
		tell = w.lose(countLines(lines), errFull)
	} else {
		w.pending = append(w.pending, lines...)
	}
	w.mu.Unlock()
	w.signal()
	tell()
	return len(lines), nil
}

// lose counts lost lines and returns what tells of it, to be called without
// the lock.
func (w *Writer) lose(n uint64, err error) (tell func()) {
	w.dropped += n
	w.untold += n
	if w.told || w.lost == nil || w.closed {
		return func() {}
	}
	w.told = true
	lost := w.lost
	return func() { lost(err) }
}

// Sync waits until all lines are written, but no longer than d: a disk or pipe
// may be stuck. It tells whether they are; with d of zero it does not wait.
func (w *Writer) Sync(d time.Duration) bool {
	done := make(chan struct{})
	w.mu.Lock()
	idle := w.closed || len(w.pending) == 0 && !w.writing
	if !idle && d > 0 {
		w.waiting = append(w.waiting, done)
	}
	w.mu.Unlock()
	if idle || d <= 0 {
		return idle
	}
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	select {
	case <-done:
		return true
	case <-timeout.C:
		return false
	}
}

// Swap makes fd, which the Writer takes over, the log of all lines not yet
// written, and closes the one before.
func (w *Writer) Swap(fd int) {
	nameless := removed(fd)
	w.mu.Lock()
	old := w.next // of a Swap just before, not yet noticed
	w.next, w.nameless, w.told = fd, nameless, false
	if w.closed {
		old, w.next = fd, -1
	}
	w.stopWaiting()
	w.mu.Unlock()
	if old >= 0 {
		_ = unix.Close(old) // nothing was written to it
	}
	w.signal()
}

// stopWaiting ends the waiting for a full pipe, if there is one. The caller
// holds mu.
func (w *Writer) stopWaiting() {
	if w.interrupt >= 0 {
		_, _ = unix.Write(w.interrupt, binary.NativeEndian.AppendUint64(nil, 1)) // it only fails when it was told often enough
	}
}

// Reopen opens the file of [Open] again, for a log that was moved away. If
// that fails the old one stays in use.
func (w *Writer) Reopen() error {
	if w.path == "" {
		return errors.New("cannot reopen a log without a name")
	}
	fd, err := OpenFD(w.path)
	if err != nil {
		return err
	}
	w.Swap(fd)
	return nil
}

// Dropped is the number of lines lost so far: those that found no room, those
// that could not be written, and those written to a file that was removed.
func (w *Writer) Dropped() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// Close writes what is pending and closes the log; it gives up a log that is
// stuck after a second. Later writes are dropped.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.signal()
	timeout := time.NewTimer(closeTimeout)
	defer timeout.Stop()
	select {
	case <-w.stopped:
		return nil
	case <-timeout.C:
	}
	w.mu.Lock()
	w.stopWaiting()
	w.mu.Unlock()
	return errors.New("cannot write the end of the log in time")
}

func (w *Writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run owns the descriptor in use.
func (w *Writer) run() {
	defer close(w.stopped)
	out := output{fd: -1, most: atomicWrite, interrupt: w.interrupt}
	defer out.close()
	defer w.closeInterrupt()
	var lines, rest []byte
	for range w.wake {
		w.mu.Lock()
		if len(rest) > 0 {
			lines, w.pending = append(rest, w.pending...), w.pending[:0]
		} else {
			lines, w.pending = w.pending, lines[:0]
		}
		w.writing = len(lines) > 0
		next, nameless, closed := w.next, w.nameless, w.closed
		w.next = -1
		w.mu.Unlock()
		if next >= 0 {
			out.close() // a log's data is not lost by close
			out.fd, out.most, out.nameless, out.torn = next, atomicWrite, nameless, false
			if isFile(next) {
				out.most = fileWrite
			}
		}
		var lost uint64
		var err error
		rest, lost, err = out.writeLines(lines)
		if closed {
			lost += countLines(rest)
			rest = nil
		} else if len(rest) > 0 {
			w.signal()
		}
		w.wrote(len(lines) > len(rest), len(rest) == 0, lost, err)
		if closed {
			return
		}
	}
}

func (w *Writer) closeInterrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = unix.Close(w.interrupt)
	w.interrupt = -1
}

// wrote notes that some of what was taken is written but for what is lost, or
// all of it.
func (w *Writer) wrote(some, all bool, lost uint64, err error) {
	tell := func() {}
	w.mu.Lock()
	if lost > 0 {
		tell = w.lose(lost, err)
	} else if n := w.untold; some && n > 0 {
		w.untold = 0
		if recovered := w.recovered; recovered != nil && !w.closed {
			tell = func() { recovered(n) }
		}
	}
	w.writing = !all
	if all && len(w.pending) == 0 {
		for _, done := range w.waiting {
			close(done)
		}
		w.waiting = nil
	}
	w.mu.Unlock()
	tell()
}
