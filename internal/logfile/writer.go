package logfile

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxPending bounds the bytes a Writer holds for a slow disk.
	maxPending = 1 << 20
	// atomicWrite is how much a pipe takes in one piece (PIPE_BUF): several
	// processes may share one.
	atomicWrite = 4096
	// closeTimeout is how long Close waits for a disk or pipe that is stuck.
	closeTimeout = time.Second
)

// A Writer appends lines to a log from a goroutine of its own. Lines are never
// torn: a write(2) has one or several whole ones. All methods are safe for
// concurrent use.
type Writer struct {
	path    string        // of Open; empty without one
	wake    chan struct{} // a token when there is something to do
	stopped chan struct{} // closed when the goroutine is gone

	mu      sync.Mutex
	pending []byte
	writing bool            // lines that are no longer pending
	waiting []chan struct{} // of Sync, closed when nothing is left to write
	next    int             // the descriptor to go on with, or -1
	closed  bool
	dropped uint64
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

// FromFD returns a Writer to an open descriptor, which it takes over.
func FromFD(fd int) *Writer {
	w := newWriter(fd)
	go w.run()
	return w
}

func newWriter(fd int) *Writer {
	return &Writer{wake: make(chan struct{}, 1), stopped: make(chan struct{}), next: fd}
}

// Write takes one or several whole lines, each with its newline. It never
// blocks and never fails; what finds no room is dropped and counted.
func (w *Writer) Write(lines []byte) (int, error) {
	w.mu.Lock()
	if w.closed || len(w.pending)+len(lines) > maxPending {
		w.dropped++
	} else {
		w.pending = append(w.pending, lines...)
	}
	w.mu.Unlock()
	w.signal()
	return len(lines), nil
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
	w.mu.Lock()
	old := w.next // of a Swap just before, not yet noticed
	w.next = fd
	if w.closed {
		old, w.next = fd, -1
	}
	w.mu.Unlock()
	if old >= 0 {
		_ = unix.Close(old) // nothing was written to it
	}
	w.signal()
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

// Dropped is the number of writes lost so far.
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
		return errors.New("cannot write the end of the log in time")
	}
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
	fd := -1
	defer func() { _ = unix.Close(fd) }()
	var lines []byte
	for range w.wake {
		w.mu.Lock()
		lines, w.pending = w.pending, lines[:0]
		w.writing = len(lines) > 0
		next, closed := w.next, w.closed
		w.next = -1
		w.mu.Unlock()
		if next >= 0 {
			_ = unix.Close(fd) // -1 at first; a log's data is not lost by close
			fd = next
		}
		w.wrote(writeLines(fd, lines))
		if closed {
			return
		}
	}
}

// wrote notes that what was taken is written but for what is lost.
func (w *Writer) wrote(lost uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropped += lost
	w.writing = false
	if len(w.pending) > 0 {
		return
	}
	for _, done := range w.waiting {
		close(done)
	}
	w.waiting = nil
}

// writeLines writes whole lines in pieces that a pipe takes at once, and
// returns how many were lost to errors.
func writeLines(fd int, lines []byte) (lost uint64) {
	for len(lines) > 0 {
		n := piece(lines)
		if err := writeAll(fd, lines[:n]); err != nil {
			lost += uint64(bytes.Count(lines[:n], []byte{'\n'}))
		}
		lines = lines[n:]
	}
	return lost
}

// piece is the length of the longest run of whole lines of at most
// atomicWrite bytes, or of the first line if that alone is longer.
func piece(lines []byte) int {
	if len(lines) <= atomicWrite {
		return len(lines)
	}
	if n := bytes.LastIndexByte(lines[:atomicWrite], '\n'); n >= 0 {
		return n + 1
	}
	if n := bytes.IndexByte(lines, '\n'); n >= 0 {
		return n + 1
	}
	return len(lines)
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN: // someone else made it non-blocking
			_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
			if err != nil && err != unix.EINTR {
				return err
			}
		case err != nil:
			return err
		case n == 0:
			return io.ErrShortWrite
		default:
			p = p[n:]
		}
	}
	return nil
}
