package fcgi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A clientConn is one connection of a Client. Its reader runs all its life and
// hands what comes to the calls.
type clientConn struct {
	client *Client
	conn   net.Conn
	out    recordWriter
	// multiplexed says that several requests may share the connection. It does
	// not change once there is a request.
	multiplexed bool

	// The client's lock guards these.
	load      int // requests that count against capacity
	abandoned int // those of them whose response nobody wants
	capacity  int
	retired   bool
	idle      *time.Timer

	// Only the reader uses these.
	dec    Decoder
	values []byte // the GET_VALUES_RESULT record that is coming in

	mu      sync.Mutex
	calls   map[uint16]*call
	queries []chan<- answer // who waits for GET_VALUES_RESULT, in order
	err     error           // why the connection ended
}

// An answer is the result of GET_VALUES.
type answer struct {
	values Values
	err    error
}

func newClientConn(c *Client, conn net.Conn) *clientConn {
	cc := &clientConn{
		client:   c,
		conn:     conn,
		out:      recordWriter{conn: conn, timeout: max(0, c.WriteTimeout), patient: true},
		capacity: 1,
		calls:    make(map[uint16]*call),
	}
	go cc.run()
	return cc
}

// close ends the connection; err is what its calls get for it.
func (c *clientConn) close(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	c.conn.Close()
}

// abandon gives a call up whose response nobody wants. It may come too late,
// when the call has ended and its id or its connection serves another one; then
// it does nothing.
func (c *clientConn) abandon(call *call, cause error) {
	c.mu.Lock()
	current := c.calls[call.id] == call
	if current {
		call.abandoned = true
		if !c.multiplexed {
			c.err = cause
			c.conn.Close()
		}
	}
	c.mu.Unlock()
	if !current || !c.multiplexed {
		return
	}
	c.client.abandon(c)
	// The id stays taken until the application says END_REQUEST. A failure is
	// the connection's, and its reader learns of it.
	_ = c.out.send(nil, func(dst []byte) []byte {
		if !c.has(call) {
			return dst
		}
		return AppendAbort(dst, call.id)
	})
}

// has reports whether the call has not ended.
func (c *clientConn) has(call *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[call.id] == call
}

func (c *clientConn) run() {
	err := c.read()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // io.EOF is the proper end of a response, and this is none
	}
	c.client.drop(c)
	c.close(fmt.Errorf("%w before the end of the request: %w", ErrConnClosed, err))

	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.calls {
		call.lose(c.err)
	}
	c.calls = nil
	for _, query := range c.queries {
		query <- answer{err: c.err}
	}
	c.queries = nil
}

func (c *clientConn) read() error {
	buf := make([]byte, readBuffer)
	for {
		n, err := c.conn.Read(buf)
		for p := buf[:n]; len(p) > 0; {
			ev, used, err := c.dec.Next(p)
			if err != nil {
				return err
			}
			p = p[used:]
			c.handle(ev)
		}
		if err != nil {
			return err
		}
	}
}

// handle takes what an application may send; anything else asks for nothing.
func (c *clientConn) handle(ev Event) {
	switch {
	case ev.Type == TypeGetValuesResult:
		c.result(ev)
	case ev.Kind == EventUnknownType && ev.Unknown == TypeGetValues:
		c.answer(answer{err: errUnknownGetValues})
	case ev.Kind == EventEndRequest:
		c.end(ev.RequestID, ev.End)
	case ev.Kind == EventData && (ev.Type == TypeStdout || ev.Type == TypeStderr):
		c.mu.Lock()
		call := c.calls[ev.RequestID]
		c.mu.Unlock()
		if call != nil {
			call.put(ev.Type, ev.Data)
		}
	}
}

// open registers a call under a free id.
func (c *clientConn) open(call *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	id := uint16(1)
	for c.calls[id] != nil {
		id++
	}
	call.id = id
	c.calls[id] = call
	return nil
}

// end takes END_REQUEST: the call is over and its room on the connection free.
func (c *clientConn) end(id uint16, end EndRequest) {
	call, abandoned := c.take(id)
	if call == nil {
		return
	}
	if !call.complete() || !c.client.keep() {
		c.client.retire(c)
	}
	c.client.release(c, abandoned)
	call.finish(end) // after the release, so that who calls Do next finds the connection free
}

// take makes an id free, and returns its call if there is one. The call sends
// nothing more: its input would be that of the next call with the id.
func (c *clientConn) take(id uint16) (call *call, abandoned bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call = c.calls[id]
	if call == nil {
		return nil, false
	}
	call.over.set(ErrRequestOver)
	delete(c.calls, id)
	return call, call.abandoned
}

// getValues sends GET_VALUES and waits for the answer.
func (c *clientConn) getValues(ctx context.Context) (Values, error) {
	reply := make(chan answer, 1)
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return Values{}, c.err
	}
	c.queries = append(c.queries, reply)
	c.mu.Unlock()
	if err := c.out.send(nil, AppendGetValues); err != nil {
		return Values{}, err
	}
	select {
	case a := <-reply:
		return a.values, a.err
	case <-ctx.Done():
		return Values{}, context.Cause(ctx)
	}
}

// result collects a GET_VALUES_RESULT record.
func (c *clientConn) result(ev Event) {
	c.values = append(c.values, ev.Data...)
	if ev.Kind == EventData && !ev.Final {
		return
	}
	values, err := ParseValues(c.values)
	c.values = nil
	c.answer(answer{values, err})
}

// answer gives the answer to who has waited longest.
func (c *clientConn) answer(a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queries) > 0 {
		c.queries[0] <- a
		c.queries = c.queries[1:]
	}
}

// do performs a request on the connection.
func (c *clientConn) do(ctx context.Context, r *Request) (appStatus uint32, err error) {
	call := newCall(c, orDefault(c.client.StreamBuffer, defaultStreamBuffer))
	if err := c.open(call); err != nil {
		c.client.release(c, false)
		return 0, &lostError{cause: err, unsent: true}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(ctx, func() { call.abort(context.Cause(ctx)) })
	defer func() { stop(); cancel(nil) }()

	if err := call.begin(r, c.client.flags()); err != nil {
		if ctx.Err() != nil {
			c.withdraw(call)
			return 0, context.Cause(ctx)
		}
		c.client.retire(c)
		return 0, &lostError{cause: c.lost(err), unsent: true}
	}
	if len(call.inputs) > 0 {
		go call.sendInputs(cancel)
	}
	end, err := call.receive(writerOrDiscard(r.Stdout), writerOrDiscard(r.Stderr), cancel)
	switch {
	case err != nil && ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case err != nil:
		return 0, err
	case end.Status != StatusRequestComplete:
		return end.AppStatus, &EndError{Status: end.Status, AppStatus: end.AppStatus}
	default:
		return end.AppStatus, nil
	}
}

// lost is why a request could not be sent: why the connection has ended if that
// is known already, else the failure of the write.
func (c *clientConn) lost(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	return fmt.Errorf("%w before the request: %w", ErrConnClosed, err)
}

// withdraw frees the room of a call that was never sent.
func (c *clientConn) withdraw(call *call) {
	if taken, abandoned := c.take(call.id); taken != nil {
		c.client.release(c, abandoned)
	}
}

func writerOrDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
