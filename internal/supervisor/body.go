package supervisor

import (
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/fcgi"
)

// A body is the part of FCGI_STDIN that no worker has got yet: in memory,
// beyond request_body.memory in an unlinked file, and beyond
// request_body.spool nowhere: then the connection is not read until the
// worker has taken some.
type body struct {
	mem  []byte // all of it, or nothing when there is a file
	off  int    // how much of mem is taken
	file int    // descriptor plus one, 0 for none
	size int64  // bytes in the file
	read int64  // how much of the file is taken
	tail []byte // bytes after those in the file
	toff int    // how much of tail is taken
	got  int64  // all that came
	eof  bool   // the stream has ended

	handed   bool // its end is handed over too
	unwanted bool // the worker takes no more: what comes is thrown away
}

// pending says how many bytes no worker has got.
func (b *body) pending() int64 {
	return int64(len(b.mem)-b.off) + b.size - b.read + int64(len(b.tail)-b.toff)
}

// complete says that the stream has ended and is kept whole.
func (b *body) complete() bool { return b.eof && len(b.tail) == 0 }

// add keeps p: in memory up to memory bytes, in a file up to spool bytes, if
// there is a descriptor for one, and in the tail what is beyond.
func (b *body) add(s *Supervisor, p []byte, memory, spool int64) error {
	b.got += int64(len(p))
	if b.file == 0 && len(b.tail) == 0 && int64(len(b.mem)+len(p)) <= memory {
		if b.mem == nil {
			b.mem = s.buffer()
		}
		b.mem = append(b.mem, p...)
		return nil
	}
	if len(b.tail) == 0 && int64(len(b.mem))+b.size+int64(len(p)) <= spool && (b.file > 0 || s.spare()) {
		return b.spool(s, p)
	}
	if b.tail == nil {
		b.tail = s.buffer()
	}
	if b.toff == len(b.tail) {
		b.tail, b.toff = b.tail[:0], 0
	}
	b.tail = append(b.tail, p...)
	return nil
}

// spool appends to the unlinked file, which then holds the body from its
// first byte, so that a script can have it as its stdin. The page cache takes
// the bytes; as in nginx, that is done in the loop.
func (b *body) spool(s *Supervisor, p []byte) error {
	if b.file == 0 {
		fd, err := s.host.spoolFile()
		if err != nil {
			return err
		}
		b.file = fd + 1
		s.spooled++
		mem := b.mem
		b.mem = b.mem[:0]
		if err := b.append(s.host.dir, mem); err != nil {
			return err
		}
	}
	return b.append(s.host.dir, p)
}

// append writes to the file, which is in dir.
func (b *body) append(dir string, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Pwrite(b.file-1, p, b.size)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot write request body to a temporary file in %s: %w", dir, err)
		}
		b.size += int64(n)
		p = p[n:]
	}
	return nil
}

// next returns up to len(buf) bytes that no worker has got, and takes them.
func (b *body) next(buf []byte) ([]byte, error) {
	switch {
	case b.off < len(b.mem):
		p := b.mem[b.off:min(len(b.mem), b.off+len(buf))]
		b.off += len(p)
		return p, nil
	case b.read < b.size:
		n, err := unix.Pread(b.file-1, buf[:min(int64(len(buf)), b.size-b.read)], b.read)
		if err != nil {
			return nil, fmt.Errorf("cannot read a request body back from its temporary file: %w", err)
		}
		if n == 0 {
			return nil, errors.New("a request body's temporary file was cut short")
		}
		b.read += int64(n)
		return buf[:n], nil
	default:
		p := b.tail[b.toff:min(len(b.tail), b.toff+len(buf))]
		b.toff += len(p)
		return p, nil
	}
}

// rewind makes everything that is kept available again, for a second
// attempt. It reports false when some of it is gone.
func (b *body) rewind() bool {
	if b.got != int64(len(b.mem))+b.size {
		return false
	}
	b.off, b.read, b.handed, b.unwanted = 0, 0, false, false
	return true
}

// drop throws away what no worker has got.
func (b *body) drop() {
	b.off, b.read, b.toff = len(b.mem), b.size, len(b.tail)
}

func (b *body) discard(s *Supervisor) {
	s.release(b.mem)
	s.release(b.tail)
	if b.file > 0 {
		_ = unix.Close(b.file - 1)
		s.spooled--
		s.spared()
	}
	*b = body{}
}

// onBody takes a piece of FCGI_STDIN, or its end.
func (r *request) onBody(ev *fcgi.Event) {
	switch r.phase {
	case phaseParams:
		r.c.refuse(errStdinBeforeParams)
	case phaseBody, phaseRunning, phaseQueued:
		r.input(&r.body, ev)
	case phaseOver:
	}
}

// onData takes a piece of FCGI_DATA, which only a Filter has.
func (r *request) onData(ev *fcgi.Event) {
	if r.role != fcgi.RoleFilter {
		return
	}
	switch r.phase {
	case phaseParams:
		r.c.refuse(errStdinBeforeParams)
	case phaseBody, phaseRunning, phaseQueued:
		r.input(&r.data, ev)
	case phaseOver:
	}
}

func (r *request) input(b *body, ev *fcgi.Event) {
	if b.eof {
		return
	}
	if ev.Kind == fcgi.EventEnd {
		b.eof = true
		r.inputEnd = r.body.eof && (r.role != fcgi.RoleFilter || r.data.eof)
		r.bodyProgress()
		return
	}
	if b.unwanted {
		return
	}
	memory, spool := r.s.cfg.BodyMemory, r.s.cfg.BodySpool
	if r.s.cfg.BodyStreaming || r.phase == phaseRunning {
		memory, spool = 0, 0
	}
	if err := b.add(r.s, ev.Data, memory, spool); err != nil {
		r.log().Error("request body lost, request refused", slog.Any("err", err))
		r.answer(bodyLost())
		return
	}
	r.bodyProgress()
}

// bodyProgress queues a request whose body is complete or must be streamed,
// feeds the worker of a running one, and stops reading the connection while
// the body has no place to go.
func (r *request) bodyProgress() {
	if r.phase == phaseBody && (r.inputEnd || r.streams()) {
		r.enqueue()
	}
	if r.phase == phaseRunning {
		r.feed()
		r.bodyMoved()
	}
	r.updatePause()
}

// updatePause stops or resumes reading the connection, as the body has bytes
// without a place or not.
func (r *request) updatePause() {
	if r.c == nil {
		return
	}
	if full := len(r.body.tail)-r.body.toff+len(r.data.tail)-r.data.toff > 0; full != r.paused {
		r.pause(full)
	}
}

// streams says whether the request goes to a worker before its body is
// complete.
func (r *request) streams() bool {
	return r.s.cfg.BodyStreaming || len(r.body.tail) > 0 || len(r.data.tail) > 0
}

func (r *request) pause(on bool) {
	r.paused = on
	if on {
		r.c.paused++
		return
	}
	r.c.paused--
	r.s.resumeInput(r.c)
}

// resumeInput reads on in the next turn, not within this one: the caller may
// itself be called from a read of this connection.
func (s *Supervisor) resumeInput(c *conn) {
	if c.paused > 0 {
		return
	}
	c.resumed = s.loop.Now()
	if !c.readable {
		c.arm()
		return
	}
	use := c.use
	s.loop.Post(func() {
		if c.use == use {
			c.read()
		}
	})
}

// feed hands the worker what it takes of the body.
func (r *request) feed() {
	switch {
	case r.link != nil:
		r.link.feed()
	case r.proc != nil:
		r.proc.stdin.feed()
		r.proc.data.feed()
	}
}

// dropInput throws away what the body holds: no worker wants it.
func (r *request) dropInput() {
	r.body.drop()
	r.data.drop()
}

// A more says what follows a piece that nextInput returned.
type more uint8

const (
	inputLater more = iota // nothing to hand over now
	inputMore              // a piece; there may be another
	inputOver              // the last piece, empty, of the last stream
)

// nextInput returns the next piece of the body, and after it those of
// FCGI_DATA, for a worker that is spoken to in one stream. An empty piece
// ends its stream.
func (r *request) nextInput(buf []byte) (fcgi.RecordType, []byte, more, error) {
	stream, b := fcgi.TypeStdin, &r.body
	if r.body.handed {
		stream, b = fcgi.TypeData, &r.data
	}
	if b.pending() > 0 {
		piece, err := b.next(buf)
		return stream, piece, inputMore, err
	}
	if !b.eof {
		return stream, nil, inputLater, nil
	}
	b.handed = true
	if stream == fcgi.TypeData || r.role != fcgi.RoleFilter {
		return stream, nil, inputOver, nil
	}
	return stream, nil, inputMore, nil
}
