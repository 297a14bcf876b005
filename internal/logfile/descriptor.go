package logfile

import (
	"bytes"
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// An output is the descriptor in use.
type output struct {
	fd        int  // -1 for none
	most      int  // bytes to write at once
	nameless  bool // as in Writer
	interrupt int  // as in Writer
	torn      bool // the disk had room for the beginning of a line only
}

func (o *output) close() {
	if o.fd >= 0 {
		_ = unix.Close(o.fd)
	}
}

func isFile(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// removed says that a file has no name by which anybody could read it.
func removed(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink == 0
}

// writeLines writes whole lines in pieces that a pipe takes at once. It returns
// those that were left when it was interrupted, and how many were lost and why.
func (o *output) writeLines(lines []byte) (rest []byte, lost uint64, err error) {
	all := lines
	for len(lines) > 0 {
		n := piece(lines, o.most)
		written, pieceErr := o.writePiece(lines[:n])
		if errors.Is(pieceErr, errInterrupted) && written == 0 {
			return lines, lost, err
		}
		if pieceErr != nil {
			lost += countLines(lines[written:n])
			err = pieceErr
		}
		lines = lines[n:]
	}
	if lost == 0 && len(all) > 0 && !o.nameless && removed(o.fd) {
		return nil, countLines(all), errRemoved
	}
	return nil, lost, err
}

// writePiece writes whole lines. One that found room for its beginning only
// ends before the next.
func (o *output) writePiece(lines []byte) (written int, err error) {
	if o.torn {
		if _, err := o.write([]byte{'\n'}); err != nil {
			return 0, err
		}
		o.torn = false
	}
	written, err = o.write(lines)
	if err != nil && written > 0 {
		o.torn = lines[written-1] != '\n'
	}
	return written, err
}

func countLines(lines []byte) uint64 { return uint64(bytes.Count(lines, []byte{'\n'})) }

// piece is the length of the longest run of whole lines of at most so many
// bytes, or of the first line if that alone is longer.
func piece(lines []byte, most int) int {
	if len(lines) <= most {
		return len(lines)
	}
	if n := bytes.LastIndexByte(lines[:most], '\n'); n >= 0 {
		return n + 1
	}
	if n := bytes.IndexByte(lines, '\n'); n >= 0 {
		return n + 1
	}
	return len(lines)
}

// write returns how much it wrote before it could not go on.
func (o *output) write(p []byte) (written int, err error) {
	if o.fd < 0 {
		return 0, errNotOpen
	}
	for written < len(p) {
		n, err := unix.Write(o.fd, p[written:])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN: // a named pipe, or someone else made it so
			if err := o.awaitRoom(); err != nil {
				return written, err
			}
		case err != nil:
			return written, err
		case n == 0:
			return written, io.ErrShortWrite
		default:
			written += n
		}
	}
	return written, nil
}

// awaitRoom waits until the pipe takes more, or for an interruption.
func (o *output) awaitRoom() error {
	fds := []unix.PollFd{{Fd: int32(o.fd), Events: unix.POLLOUT}, {Fd: int32(o.interrupt), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
		return err
	}
	if fds[1].Revents == 0 {
		return nil
	}
	var count [8]byte
	_, _ = unix.Read(o.interrupt, count[:]) // it does not block
	return errInterrupted
}
