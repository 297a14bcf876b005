package slowlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errStalled is the error of a log that takes nothing: a pipe that nobody
// reads.
var errStalled = errors.New("nobody reads it")

// append writes an entry to the log in one piece. To a pipe it is written as
// far as it goes without waiting for long.
func (r *Recorder) append(entry []byte) error {
	file := r.file
	if r.cfg.Path != "" {
		// Without waiting: a pipe may have no reader.
		const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE | unix.O_NONBLOCK
		f, err := os.OpenFile(r.cfg.Path, flags, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		file = f
	}
	if r.torn {
		entry = append([]byte("\n"), entry...)
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		n, err := file.Write(entry)
		r.torn = err != nil && (n > 0 || r.torn)
		return err
	}
	n, err := writeReady(file, entry)
	r.torn = n < len(entry) && (n > 0 || r.torn)
	return err
}

// pipePart is how much a pipe that is ready takes at once without blocking
// (PIPE_BUF), whatever its flags.
const pipePart = 4096

// writeReady writes only while the file is ready to take something.
func writeReady(file *os.File, p []byte) (n int, err error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		for n < len(p) && err == nil {
			if err = awaitReady(int(fd), stallTime); err != nil {
				return
			}
			var m int
			m, err = unix.Write(int(fd), p[n:min(n+pipePart, len(p))])
			switch {
			case errors.Is(err, unix.EINTR):
				err = nil
			case errors.Is(err, unix.EAGAIN):
				err = errStalled
			}
			n += max(m, 0)
		}
	})
	if err == nil {
		err = controlErr
	}
	if err != nil {
		err = &fs.PathError{Op: "write", Path: file.Name(), Err: err}
	}
	return n, err
}

// awaitReady waits until a descriptor can be written to.
func awaitReady(fd int, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for {
		left := max(time.Until(deadline), 0)
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(left.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case ready == 0:
			return errStalled
		default:
			return nil
		}
	}
}
