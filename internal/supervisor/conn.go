package supervisor

import (
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/loop"
)

// A conn is a web server's connection. Between requests it holds nothing but
// this struct: no worker, no buffer.
type conn struct {
	s    *Supervisor
	fd   int
	peer netip.Addr // the peer's IP address; not valid for unix sockets
	dec  fcgi.Decoder

	query []byte // FCGI_GET_VALUES so far

	reqs []*request // open requests: those without an END_REQUEST yet

	out     []byte // response bytes not yet written, out[sent:]
	sent    int
	dirty   bool // in Supervisor.dirty
	blocked bool // a write said EAGAIN, Writable is to come

	watched  bool // the loop calls Ready
	readable bool // a read may find something
	paused   int  // requests whose body waits for their worker
	heard    bool // at least one byte came

	began      bool // at least one request began
	keep       bool // FCGI_KEEP_CONN of the latest request
	openInput  bool // a request is over whose STDIN the peer has not ended
	hup        bool // the peer has closed; unread bytes may be left
	eof        bool // the peer sends no more
	probed     bool // probe has done what it can
	ahead      bool // the first byte of the next record is written
	gateway    bool // it comes from the pool's HTTP door
	statusDoor bool // it came to pm.status_listen
	lingering  bool // everything is said; the rest of the input is thrown away
	closed     bool

	timer   *loop.Timer
	said    time.Duration // when the peer was last heard
	resumed time.Duration // when it was last read again after a pause
	torn    time.Duration // since when part of a record is there and no request; 0 if not
	use     uint64        // serial number of this use of the struct
}

func (s *Supervisor) newConn(fd int, peer netip.Addr) *conn {
	var c *conn
	if n := len(s.freeConns); n > 0 {
		c = s.freeConns[n-1]
		s.freeConns = s.freeConns[:n-1]
		*c = conn{timer: c.timer, reqs: c.reqs[:0]}
	} else {
		c = &conn{}
		c.timer = loop.NewTimer(c.timeout)
	}
	s.serial++
	c.s, c.fd, c.peer, c.use, c.readable = s, fd, peer, s.serial, true
	s.conns[c] = struct{}{}
	return c
}

// Ready implements loop.Handler.
func (c *conn) Ready(r loop.Ready) {
	if r&loop.Writable != 0 {
		c.blocked = false
		c.flush()
	}
	if r&(loop.Readable|loop.PeerClosed) != 0 && !c.closed {
		c.readable = true
		c.hup = c.hup || r&loop.PeerClosed != 0
		c.read()
	}
}

// read takes what has come, until there is no more or a body has to wait for
// its worker. Once the peer has closed it reads to the end of file, because
// no further event will announce it.
func (c *conn) read() {
	for c.readable && c.paused == 0 && !c.closed {
		buf := c.s.readBuf
		n, errno := loop.Read(c.fd, buf)
		switch {
		case errno == unix.EAGAIN:
			c.readable = false
		case errno != 0, n == 0 && !c.listens():
			c.readable = false
			c.peerGone()
			return
		case n == 0:
			c.readable = false
			c.eof = true
			if c.watched { // else it is answered at once, or will be
				c.probe()
			}
		default:
			c.heard, c.said = true, c.s.loop.Now()
			if n < len(buf) && !c.hup {
				c.readable = false
			}
			if !c.lingering {
				c.feed(buf[:n])
			}
		}
	}
	c.arm()
}

func (c *conn) feed(p []byte) {
	for len(p) > 0 && !c.closed && !c.lingering {
		ev, n, err := c.dec.Next(p)
		if err != nil {
			c.refuse(err)
			return
		}
		p = p[n:]
		c.event(&ev)
	}
}

func (c *conn) event(ev *fcgi.Event) {
	switch ev.Kind {
	case fcgi.EventNone, fcgi.EventEndRequest, fcgi.EventUnknownType:
		// The last two are an application's to say, not a web server's.
	case fcgi.EventBegin:
		c.begin(ev)
	case fcgi.EventAbort:
		if r := c.find(ev.RequestID); r != nil {
			r.clientAbort()
		}
	case fcgi.EventUnknownRecord:
		if !c.s.compat.php {
			c.write(fcgi.AppendUnknownType(c.output(), ev.Type))
		}
	case fcgi.EventData, fcgi.EventEnd:
		c.stream(ev)
	}
}

func (c *conn) stream(ev *fcgi.Event) {
	if ev.Type == fcgi.TypeGetValues {
		c.getValues(ev)
		return
	}
	r := c.find(ev.RequestID)
	if r == nil { // its request is over; the specification says to ignore it
		if ev.Kind == fcgi.EventEnd && ev.Type == fcgi.TypeStdin {
			c.openInput = false
		}
		return
	}
	switch ev.Type {
	case fcgi.TypeParams:
		r.onParams(ev)
	case fcgi.TypeStdin:
		r.onBody(ev)
	case fcgi.TypeData:
		r.onData(ev)
	default:
		c.refuse(errors.New("a record of type " + ev.Type.String() + " is not a web server's to send"))
	}
}

func (c *conn) find(id uint16) *request {
	for _, r := range c.reqs {
		if r.id == id {
			return r
		}
	}
	return nil
}

// getValues answers FCGI_GET_VALUES (specification, 4.1).
func (c *conn) getValues(ev *fcgi.Event) {
	if ev.Kind == fcgi.EventData {
		c.query = append(c.query, ev.Data...)
		if !ev.Final || len(c.query) > fcgi.MaxContent {
			return
		}
	}
	out, err := fcgi.AppendGetValuesResult(c.output(), c.query, c.s.values())
	c.query = nil
	if err != nil {
		c.refuse(err)
		return
	}
	c.write(out)
}

// values are the pool's answers: how many connections and requests it takes
// at once, and that it takes several on one connection.
func (s *Supervisor) values() fcgi.Values {
	if s.compat.php {
		return fcgi.Values{}
	}
	return fcgi.Values{MaxConns: s.spareFiles, MaxReqs: s.cfg.MaxChildren + s.cfg.QueueMaxLength, MpxsConns: true}
}

// refuse ends the connection over a violation of the protocol: the only
// answer FastCGI has for one. Requests of it that run go on as for a client
// that went away.
func (c *conn) refuse(err error) {
	c.s.log.Warn("connection closed over a violation of FastCGI", clientAttr(c),
		slog.Any("err", err))
	c.flush()
	c.close()
}

func (c *conn) peerName() string {
	if !c.peer.IsValid() {
		return "unix"
	}
	return c.peer.String()
}

func clientAttr(c *conn) slog.Attr { return slog.String("client", c.peerName()) }

// output is the buffer to append a response to; write takes it back.
func (c *conn) output() []byte {
	if c.out == nil {
		c.out = c.s.buffer()
	}
	return c.out
}

// write makes b, which extends output(), the bytes to write at the end of
// the turn.
func (c *conn) write(b []byte) {
	c.out = b
	if c.ahead {
		c.ahead, c.sent = false, 1
	}
	if !c.dirty {
		c.dirty = true
		c.s.dirty = append(c.s.dirty, c)
	}
}

// congested says that the peer reads slower than its workers write.
func (c *conn) congested() bool { return len(c.out)-c.sent >= highWater }

func (c *conn) flush() {
	if c.closed || c.blocked {
		return
	}
	wasCongested := c.congested()
	for c.sent < len(c.out) {
		n, errno := loop.Write(c.fd, c.out[c.sent:])
		if errno == unix.EAGAIN {
			c.awaitWritable()
			break
		}
		if errno != 0 {
			c.peerGone()
			return
		}
		c.sent += n
	}
	if c.sent == len(c.out) {
		c.s.release(c.out)
		c.out, c.sent = nil, 0
		if len(c.reqs) == 0 && c.began {
			if !c.keep || c.eof {
				c.finish()
				return
			}
			c.watch() // for the next request
			if !c.dec.Boundary() {
				c.arm()
			}
		}
	}
	c.out, c.sent = unsent(c.out, c.sent)
	if wasCongested && !c.congested() {
		c.s.resumable = append(c.s.resumable, c)
	}
}

// unsent moves what is left to write of a buffer to its beginning once that is
// no more than what was written. A reader that is always a little behind would
// otherwise make the buffer as long as the whole response.
func unsent(out []byte, sent int) ([]byte, int) {
	if sent == 0 || len(out)-sent > sent {
		return out, sent
	}
	return out[:copy(out, out[sent:])], 0
}

func (c *conn) awaitWritable() {
	c.watch()
	if c.closed {
		return
	}
	if err := c.s.loop.WantWrite(c.fd); err != nil {
		c.s.log.Error("cannot wait for a connection", slog.Any("err", err))
		c.close()
		return
	}
	c.blocked = true
}

// watch makes the loop call Ready. A connection whose first read holds its
// whole request is not watched before that request is answered, and never if
// it ends with it.
func (c *conn) watch() {
	if c.watched || c.closed {
		return
	}
	if err := c.s.loop.Add(c.fd, c); err != nil {
		c.s.log.Error("cannot watch a connection", slog.Any("err", err))
		c.close()
		return
	}
	c.watched = true
}

// finish closes a connection that has said everything. Input that is still
// under way is read and thrown away first: closing over it would reset a TCP
// connection and may take the response with it.
func (c *conn) finish() {
	if c.eof || !c.midStream() {
		c.close()
		return
	}
	_ = unix.Shutdown(c.fd, unix.SHUT_WR)
	c.lingering = true
	c.paused = 0
	c.watch()
	c.s.loop.Set(c.timer, c.s.loop.Now()+c.s.silence.firstByte)
	c.read()
}

// midStream says whether the peer has yet to end a stream of its last
// request.
func (c *conn) midStream() bool { return c.openInput || !c.dec.Boundary() }

// peerGone ends a connection whose other side has closed it. A running
// request learns of it; its worker is not disturbed unless the pool wants
// that (on_client_abort).
func (c *conn) peerGone() {
	if c.closed {
		return
	}
	c.eof = true
	if c.sent < len(c.out) && !c.blocked {
		// It may have closed only its half; what is said already is sent.
		_, _ = loop.Write(c.fd, c.out[c.sent:])
	}
	if !c.dec.Boundary() && !c.lingering && len(c.reqs) > 0 {
		c.s.log.Debug("client went away within a record", clientAttr(c))
	}
	for len(c.reqs) > 0 {
		c.reqs[len(c.reqs)-1].clientGone()
	}
	c.close()
}

func (c *conn) close() {
	if c.closed {
		return
	}
	c.closed = true
	for len(c.reqs) > 0 {
		c.reqs[len(c.reqs)-1].clientGone()
	}
	c.s.loop.Forget(c.fd)
	loop.Close(c.fd)
	c.drop()
}

// drop forgets the connection, whose descriptor is closed or another's.
func (c *conn) drop() {
	c.closed = true
	c.s.loop.Clear(c.timer)
	c.s.release(c.out)
	c.out = nil
	delete(c.s.conns, c)
	c.s.spared()
	c.use = 0
	if !c.dirty {
		c.s.freeConns = append(c.s.freeConns, c)
	}
}
