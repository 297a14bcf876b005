package fcgi

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"
)

// probeTimeout is how long a new connection waits for the answer to
// GET_VALUES. Applications that do not know the record often do not answer.
const probeTimeout = 5 * time.Second

// acquire returns a connection with room for one more request, which is
// counted in. reused says that it has served before.
func (c *Client) acquire(ctx context.Context) (conn *clientConn, reused bool, err error) {
	for {
		if err := context.Cause(ctx); err != nil {
			return nil, false, err
		}
		c.mu.Lock()
		switch {
		case c.closed:
			c.mu.Unlock()
			return nil, false, ErrClientClosed
		case c.pick(&conn):
			c.mu.Unlock()
			return conn, true, nil
		case c.MaxConns <= 0 || len(c.conns)+c.dialing < c.MaxConns:
			c.dialing++
			c.mu.Unlock()
			conn, err = c.connect(ctx)
			return conn, false, err
		}
		woken := make(chan struct{})
		c.waiters = append(c.waiters, woken)
		c.mu.Unlock()
		select {
		case <-woken:
		case <-ctx.Done():
			c.stopWaiting(woken)
		}
	}
}

// pick finds a connection with room: the idle one that was used last, else the
// shared one with the fewest requests. The lock is held.
func (c *Client) pick(found **clientConn) bool {
	best := -1
	for i, conn := range c.conns {
		if conn.load < conn.capacity && (best < 0 || conn.load <= c.conns[best].load) {
			best = i
		}
	}
	if best < 0 {
		return false
	}
	conn := c.conns[best]
	c.conns = append(slices.Delete(c.conns, best, best+1), conn)
	conn.load++
	if conn.idle != nil {
		conn.idle.Stop()
	}
	*found = conn
	return true
}

// connect makes the connection that acquire has reserved, with one request
// counted in.
func (c *Client) connect(ctx context.Context) (*clientConn, error) {
	conn, err := c.open(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialing--
	switch {
	case err != nil:
		c.wake()
		return nil, err
	case c.closed:
		conn.close(ErrClientClosed)
		return nil, ErrClientClosed
	}
	conn.load = 1
	if conn.retired {
		return conn, nil // it has ended already, and the request will tell
	}
	c.conns = append(c.conns, conn)
	for range conn.capacity - 1 {
		c.wake()
	}
	return conn, nil
}

// open dials, and finds out how many requests may share the connection.
func (c *Client) open(ctx context.Context) (*clientConn, error) {
	conn, err := c.dial(ctx)
	if err != nil || c.MaxRequestsPerConn <= 1 || !c.keep() || c.isSilent() {
		return conn, err
	}
	probe, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	values, err := conn.getValues(probe)
	switch {
	case err == nil && values.MpxsConns:
		conn.capacity, conn.multiplexed = c.MaxRequestsPerConn, true
		return conn, nil
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		conn.close(ErrConnClosed)
		return nil, context.Cause(ctx)
	}
	conn.close(ErrConnClosed)
	c.mu.Lock()
	c.silent = true
	c.mu.Unlock()
	return c.dial(ctx)
}

func (c *Client) dial(ctx context.Context) (*clientConn, error) {
	if timeout := orDefault(c.DialTimeout, defaultDialTimeout); timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	dial := c.Dial
	if dial == nil {
		dial = func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, c.Network, c.Address)
		}
	}
	conn, err := dial(ctx)
	if err != nil {
		return nil, &DialError{err}
	}
	return newClientConn(c, conn), nil
}

func (c *Client) isSilent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silent
}

// release counts a request out.
func (c *Client) release(conn *clientConn, abandoned bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.load--
	if abandoned {
		conn.abandoned--
	}
	c.settle(conn)
	c.wake()
}

// abandon notes that nobody waits for one of the connection's requests.
func (c *Client) abandon(conn *clientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.abandoned++
	c.settle(conn)
}

// settle decides what becomes of a connection with fewer requests. The lock
// is held.
func (c *Client) settle(conn *clientConn) {
	if !slices.Contains(c.conns, conn) {
		return
	}
	idle := 0
	for _, other := range c.conns {
		if other.load == 0 {
			idle++
		}
	}
	switch timeout := orDefault(c.IdleTimeout, defaultConnIdle); {
	case conn.load == conn.abandoned && conn.load >= conn.capacity:
		// It takes no more, and nobody wants anything of it; an application that
		// does not heed ABORT_REQUEST must not hold its place for ever.
		c.remove(conn)
		conn.close(ErrConnClosed)
	case conn.load > 0:
	case idle > max(0, orDefault(c.MaxIdleConns, defaultMaxIdleConns)):
		c.remove(conn)
		conn.close(ErrConnClosed)
	case timeout > 0:
		conn.idle = time.AfterFunc(timeout, func() { c.expire(conn) })
	}
}

// retire keeps further requests away from the connection, and closes it after
// those that it has.
func (c *Client) retire(conn *clientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.retired, conn.capacity = true, 0
}

// drop forgets a connection that has ended.
func (c *Client) drop(conn *clientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.retired, conn.capacity = true, 0
	c.remove(conn)
	c.wake()
}

// expire closes a connection that nobody has used for too long.
func (c *Client) expire(conn *clientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn.load == 0 {
		c.remove(conn)
		conn.close(ErrConnClosed)
	}
}

// remove takes the connection out of the list. The lock is held.
func (c *Client) remove(conn *clientConn) {
	if conn.idle != nil {
		conn.idle.Stop()
	}
	if i := slices.Index(c.conns, conn); i >= 0 {
		c.conns = slices.Delete(c.conns, i, i+1)
	}
}

// wake lets the first waiter try again. The lock is held.
func (c *Client) wake() {
	if len(c.waiters) > 0 {
		close(c.waiters[0])
		c.waiters = c.waiters[1:]
	}
}

// stopWaiting takes a waiter out of the queue. If it was woken in the
// meantime, the next one takes its chance.
func (c *Client) stopWaiting(w chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.waiters, w); i >= 0 {
		c.waiters = slices.Delete(c.waiters, i, i+1)
		return
	}
	c.wake()
}

// A DialError says that no connection could be made: the application has seen
// nothing of the request.
type DialError struct{ Err error }

// Error is the cause with the package's prefix.
func (e *DialError) Error() string { return "fcgi: cannot connect: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.Err }

var errUnknownGetValues = errors.New("fcgi: the application does not know GET_VALUES")
