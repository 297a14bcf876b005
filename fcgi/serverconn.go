package fcgi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// readBuffer is the size of a connection's read buffer.
	readBuffer = 16 << 10
	// lingerTimeout is how long a connection waits for its peer to close, too.
	// Closing while input is unread would destroy what the peer has not read.
	lingerTimeout = 2 * time.Second
)

// A serverConn is one connection of a Server. Its reader runs in run and
// starts a goroutine for each request.
type serverConn struct {
	srv    *Server
	conn   net.Conn
	limits Limits
	out    recordWriter

	// Only the reader uses these.
	dec      Decoder
	query    []byte // the GET_VALUES record that is coming in
	handlers sync.WaitGroup

	mu       sync.Mutex
	requests map[uint16]*serverRequest
	open     int  // requests whose END_REQUEST is not out yet
	pending  int  // requests whose parameters are not complete
	closing  bool // the connection ends with its last request
	hungUp   bool // it has ended, the peer is to close
}

func newServerConn(s *Server, conn net.Conn) *serverConn {
	limits := s.Limits.effective()
	return &serverConn{
		srv:      s,
		conn:     conn,
		limits:   limits,
		out:      recordWriter{conn: conn, timeout: limits.WriteTimeout},
		requests: make(map[uint16]*serverRequest),
	}
}

// run reads until the connection ends, and returns when its requests have
// ended, too.
func (c *serverConn) run() {
	c.allow(c.limits.HeaderTimeout)
	err := c.read()
	c.report(err)
	c.dropPending()
	c.cancelAll(ErrConnClosed)
	if !errors.Is(err, io.EOF) { // the peer may still read after its own end
		c.conn.Close()
	}
	c.handlers.Wait()
	c.conn.Close()
}

func (c *serverConn) read() error {
	buf := make([]byte, readBuffer)
	for {
		n, err := c.conn.Read(buf)
		for p := buf[:n]; len(p) > 0; {
			ev, used, err := c.dec.Next(p)
			if err != nil {
				return err
			}
			p = p[used:]
			if err := c.handle(ev); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

func (c *serverConn) handle(ev Event) error {
	switch ev.Kind {
	case EventBegin:
		return c.begin(ev.RequestID, ev.Begin)
	case EventAbort:
		if r := c.request(ev.RequestID); r != nil {
			r.abort()
		}
	case EventData, EventEnd:
		if ev.Type == TypeGetValues {
			return c.getValues(ev)
		}
		if r := c.request(ev.RequestID); r != nil {
			r.input(ev)
		}
	case EventUnknownRecord:
		return c.out.send(nil, func(dst []byte) []byte { return AppendUnknownType(dst, ev.Type) })
	case EventNone, EventEndRequest, EventUnknownType:
		// A web server sends none of the last two; they ask for nothing.
	}
	return nil
}

// begin opens a request, or refuses it.
func (c *serverConn) begin(id uint16, begin BeginRequest) error {
	c.mu.Lock()
	if c.hungUp {
		c.mu.Unlock()
		return nil
	}
	if c.requests[id] != nil {
		c.mu.Unlock()
		return &ProtocolError{Reason: ReasonBusyRequest, Type: TypeBeginRequest, RequestID: id}
	}
	r := newServerRequest(c, id, begin)
	status := c.admit(begin.Role)
	c.open++
	if status == StatusRequestComplete {
		c.requests[id] = r
		if c.pending++; c.pending == 1 {
			c.awaitParams()
		}
	}
	c.mu.Unlock()
	if status != StatusRequestComplete {
		c.finish(r, EndRequest{Status: status}, "")
	}
	return nil
}

// admit returns the status to refuse a request with, or StatusRequestComplete
// when the request is taken. The lock is held.
func (c *serverConn) admit(role Role) ProtocolStatus {
	limit := c.limits.MaxRequestsPerConn
	switch {
	case role < RoleResponder || role > RoleFilter:
		return StatusUnknownRole
	case limit == 1 && len(c.requests) == 1:
		return StatusCantMultiplex
	case limit > 0 && len(c.requests) >= limit, c.closing, c.srv.registry.isClosed(), !c.srv.takeRequest(c.limits.MaxRequests):
		return StatusOverloaded
	default:
		return StatusRequestComplete
	}
}

func (c *serverConn) request(id uint16) *serverRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests[id]
}

// start makes a pending request a running one.
func (c *serverConn) start(r *serverRequest, cancel context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.running, r.cancel = true, cancel
	c.pending--
	c.awaitParams()
}

// awaitParams sets the deadline of the pending request that began first. The
// lock is held.
func (c *serverConn) awaitParams() {
	if c.pending == 0 || c.limits.HeaderTimeout == 0 {
		c.setReadDeadline(time.Time{})
		return
	}
	first := time.Now()
	for _, r := range c.requests {
		if !r.running && r.begun.Before(first) {
			first = r.begun
		}
	}
	c.setReadDeadline(first.Add(c.limits.HeaderTimeout))
}

// finish ends a request for the peer. It is called once for each request.
func (c *serverConn) finish(r *serverRequest, end EndRequest, message string) {
	r.over.set(ErrRequestOver)
	r.stdin.close()
	r.data.close()
	c.forget(r)
	err := c.out.send(nil, func(dst []byte) []byte {
		dst = AppendStream(dst, TypeStderr, r.id, []byte(message))
		if r.stderr.used.Load() || message != "" {
			dst = AppendStreamEnd(dst, TypeStderr, r.id)
		}
		if end.Status == StatusRequestComplete {
			dst = AppendStreamEnd(dst, TypeStdout, r.id)
		}
		return AppendEnd(dst, r.id, end.AppStatus, end.Status)
	})

	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	c.closing = c.closing || err != nil || !r.begin.KeepConn()
	switch {
	case c.open > 0:
	case c.closing:
		c.hangUp()
	default:
		c.allow(c.limits.IdleTimeout)
	}
}

// forget makes the request's id free for another one.
func (c *serverConn) forget(r *serverRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests[r.id] != r {
		return // it was refused, or dropped with its connection
	}
	delete(c.requests, r.id)
	c.srv.releaseRequest()
	if !r.running {
		c.pending--
		c.awaitParams()
	}
}

// drain ends the connection after the requests it has.
func (c *serverConn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	if c.open == 0 {
		c.hangUp()
	}
}

// abort ends the connection now.
func (c *serverConn) abort() {
	c.cancelAll(ErrServerClosed)
	c.conn.Close()
}

// hangUp ends our side and gives the peer a moment to end its own. The lock
// is held.
func (c *serverConn) hangUp() {
	if c.hungUp {
		return
	}
	c.hungUp = true
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		c.conn.Close()
		return
	}
	c.allow(lingerTimeout)
}

// cancelAll tells all requests that nobody waits for them.
func (c *serverConn) cancelAll(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	for _, r := range c.requests {
		if r.running {
			r.cancel(cause)
		}
		r.stdin.end(cause)
		r.data.end(cause)
	}
}

// dropPending forgets the requests whose parameters will never be complete.
func (c *serverConn) dropPending() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, r := range c.requests {
		if !r.running {
			delete(c.requests, id)
			c.srv.releaseRequest()
		}
	}
}

// getValues collects a GET_VALUES record and answers it.
func (c *serverConn) getValues(ev Event) error {
	c.query = append(c.query, ev.Data...)
	if ev.Kind == EventData && !ev.Final {
		return nil
	}
	answer, err := AppendGetValuesResult(nil, c.query, c.limits.values())
	c.query = nil
	if err != nil {
		return err
	}
	if err := c.out.send(nil, func(dst []byte) []byte { return append(dst, answer...) }); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == 0 && !c.hungUp {
		c.allow(c.limits.IdleTimeout)
	}
	return nil
}

// allow gives the peer so long from now for its next bytes; 0 is for ever.
func (c *serverConn) allow(d time.Duration) {
	if d == 0 {
		c.setReadDeadline(time.Time{})
		return
	}
	c.setReadDeadline(time.Now().Add(d))
}

func (c *serverConn) setReadDeadline(at time.Time) {
	// An error means that the connection is closed, and the reader learns that.
	_ = c.conn.SetReadDeadline(at)
}

// report logs why the reader ended, where somebody should know.
func (c *serverConn) report(err error) {
	c.mu.Lock()
	pending, hungUp := c.pending, c.hungUp
	c.mu.Unlock()
	peer := slog.String("peer", c.conn.RemoteAddr().String())
	_, isProtocol := errors.AsType[*ProtocolError](err)
	switch {
	case isProtocol:
		c.srv.logger().Warn("connection closed after a protocol error", peer, slog.Any("err", err))
	case errors.Is(err, os.ErrDeadlineExceeded) && pending > 0:
		c.srv.logger().Warn("connection closed, parameters took too long", peer)
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded), hungUp:
	default:
		c.srv.logger().Info("connection lost", peer, slog.Any("err", err))
	}
}
