package supervisor

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/loop"
)

// A readPipe is our end of a process's stdout or stderr.
type readPipe struct {
	fd       int // -1 when closed
	readable bool
	hup      bool
	resting  bool // the loop does not watch it
	loop     *loop.Loop
	onReady  func()
}

// openRead makes a pipe, watches our end and returns the child's.
func (p *readPipe) open(l *loop.Loop, onReady func()) (child int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("cannot create a pipe: %w", err)
	}
	loop.SetNonblock(fds[0], unix.O_RDONLY)
	p.fd, p.loop, p.onReady = fds[0], l, onReady
	if err := l.Add(p.fd, p); err != nil {
		_ = unix.Close(fds[0])
		_ = unix.Close(fds[1])
		p.fd = -1
		return -1, err
	}
	return fds[1], nil
}

// Ready implements loop.Handler.
func (p *readPipe) Ready(r loop.Ready) {
	p.readable = true
	p.hup = p.hup || r&loop.PeerClosed != 0
	p.onReady()
}

// read returns the next bytes, if there are any now.
func (p *readPipe) read(buf []byte) (data []byte, eof bool) {
	if p.fd < 0 {
		return nil, true
	}
	n, errno := loop.Read(p.fd, buf)
	switch {
	case errno == unix.EAGAIN:
		p.readable = false
		return nil, false
	case errno != 0, n == 0:
		p.close()
		return nil, true
	}
	if n < len(buf) && !p.hup {
		p.readable = false
	}
	return buf[:n], false
}

// toEnd makes the next reads go on until the pipe is empty or at its end,
// whatever events said: its writer is gone, or has said so elsewhere.
func (p *readPipe) toEnd() {
	p.hup = true
	p.readable = p.fd >= 0
}

// rest leaves what the pipe still gets in it, up to what it holds, until it is
// read toEnd. That spares the loop its end.
func (p *readPipe) rest() {
	if p.fd >= 0 {
		p.resting = true
		p.loop.Remove(p.fd)
	}
}

// resume has the loop watch the pipe again.
func (p *readPipe) resume() error {
	p.resting = false
	return p.loop.Add(p.fd, p)
}

// release hands the descriptor over. The loop has forgotten it.
func (p *readPipe) release() (fd int) {
	fd = p.fd
	p.loop.Forget(fd)
	p.fd = -1
	p.readable = false
	return fd
}

func (p *readPipe) close() {
	if p.fd >= 0 {
		p.loop.Forget(p.fd)
		loop.Close(p.fd)
		p.fd = -1
	}
	p.readable, p.resting = false, false
}

// A feedPipe is our end of a script's stdin, or of FCGI_DATA on descriptor 3.
type feedPipe struct {
	fd      int // -1 when there is none, or all is handed over
	watched bool
	blocked bool
	body    *body
	buf     []byte // a piece the pipe did not take yet, at most a loop's scratch
	sup     *Supervisor
	r       *request
}

// open returns the child's descriptor: /dev/null without a body, the body's
// own file if it is there whole, else a pipe that feed fills.
func (p *feedPipe) open(s *Supervisor, r *request, b *body) (child int, err error) {
	*p = feedPipe{fd: -1, body: b, sup: s, r: r} // a worker's pipe before it was watched, or blocked
	if b.complete() {
		if b.pending() == 0 {
			return loop.Duplicate(s.host.null)
		}
		if b.file > 0 && b.read == 0 {
			child, err = loop.Duplicate(b.file - 1)
			if err == nil {
				_, err = unix.Seek(child, 0, unix.SEEK_SET)
				b.read = b.size
			}
			return child, err
		}
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("cannot create a pipe: %w", err)
	}
	loop.SetNonblock(fds[1], unix.O_WRONLY)
	p.fd = fds[1]
	p.feed()
	return fds[0], nil
}

// feed hands over what the pipe takes, and closes it after the last byte.
func (p *feedPipe) feed() {
	for p.fd >= 0 && !p.blocked {
		if len(p.buf) == 0 && p.body.pending() == 0 {
			if p.body.eof {
				p.close()
			}
			return
		}
		if len(p.buf) == 0 {
			piece, err := p.body.next(p.sup.bodyBuf)
			if err != nil {
				p.sup.log.Error(err.Error())
				p.close()
				return
			}
			p.write(piece)
			continue
		}
		p.write(p.buf)
	}
}

// write hands over one piece and keeps what is left of it.
func (p *feedPipe) write(piece []byte) {
	for len(piece) > 0 {
		n, errno := loop.Write(p.fd, piece)
		if errno == unix.EAGAIN {
			p.wait(piece)
			return
		}
		if errno != 0 { // EPIPE: the script does not want the rest
			p.close()
			return
		}
		piece = piece[n:]
	}
	p.keep(nil)
}

func (p *feedPipe) wait(piece []byte) {
	p.keep(piece)
	var err error
	if !p.watched {
		err = p.sup.loop.Add(p.fd, p)
		p.watched = err == nil
	}
	if err == nil {
		err = p.sup.loop.WantWrite(p.fd)
	}
	if err != nil {
		p.sup.log.Error(err.Error())
		p.close()
		return
	}
	p.blocked = true
}

// keep remembers what is left of a piece. The piece may be the kept one's own
// tail.
func (p *feedPipe) keep(piece []byte) {
	if len(piece) == 0 {
		p.sup.release(p.buf)
		p.buf = nil
		return
	}
	if p.buf == nil {
		p.buf = p.sup.buffer()
	}
	p.buf = append(p.buf[:0], piece...)
}

// Ready implements loop.Handler.
func (p *feedPipe) Ready(r loop.Ready) {
	if r&loop.Writable == 0 {
		if r&loop.PeerClosed != 0 {
			p.close()
			p.r.updatePause()
		}
		return
	}
	p.blocked = false
	p.feed()
	p.r.updatePause()
}

// close ends the stream. What is left of the body is thrown away.
func (p *feedPipe) close() {
	if p.fd < 0 {
		return
	}
	if p.watched {
		p.sup.loop.Forget(p.fd)
	}
	loop.Close(p.fd)
	p.fd = -1
	p.keep(nil)
	p.body.unwanted = true
	p.body.drop()
}
