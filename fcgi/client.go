package fcgi

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// A Client sends requests to a FastCGI application. It keeps connections open
// between requests and can share one between several. The exported fields must
// not change once it is used; its methods may be called concurrently. Close
// it to get rid of its connections.
type Client struct {
	// Network and Address say where the application listens, as for
	// [net.Dial]: "unix" and a path, "tcp", "tcp4" or "tcp6" and host:port.
	Network, Address string
	// Dial, when set, makes the connections in place of Network and Address.
	Dial func(ctx context.Context) (net.Conn, error)

	// MaxConns is how many connections are open at once; a request beyond it
	// waits. For a php-cgi it is the number of its processes, because each of
	// them stays with its connection. 0 is no limit.
	MaxConns int
	// MaxIdleConns is how many connections stay open without a request. 0 is
	// the default, 8. A negative value keeps none: each request asks the
	// application to close the connection after it.
	MaxIdleConns int
	// IdleTimeout is how long they stay open. 0 is the default, one minute; a
	// negative value is no limit.
	IdleTimeout time.Duration
	// MaxRequestsPerConn is how many requests share a connection if the
	// application allows it, for which each new connection asks GET_VALUES.
	// 0 and 1 share none and do not ask.
	MaxRequestsPerConn int
	// StreamBuffer is how many bytes of a response are held for a Stdout or
	// Stderr that is slow to take them. Then the connection, with all requests
	// that share it, waits. 0 is the default, 256 KiB.
	StreamBuffer int
	// DialTimeout bounds making a connection. 0 is the default, 30 seconds; a
	// negative value is no limit.
	DialTimeout time.Duration
	// WriteTimeout is how long the application may refuse to take one record;
	// then the connection is given up. 0 is the default, no limit: an
	// application may read its input as late as it likes.
	WriteTimeout time.Duration

	mu      sync.Mutex
	conns   []*clientConn // the one used last is last
	dialing int
	waiters []chan struct{} // each is closed when it is worth trying again
	closed  bool
	silent  bool // the application does not answer GET_VALUES
}

const (
	defaultMaxIdleConns = 8
	defaultConnIdle     = time.Minute
	defaultDialTimeout  = 30 * time.Second
)

// ErrClientClosed is returned for requests of a client that was closed.
var ErrClientClosed = errors.New("fcgi: client closed")

// Do sends the request, streams Stdin and Data to the application and Stdout
// and Stderr from it, all as they come, and returns the application's exit
// status when it has ended the request. Stdout and Stderr are not written
// concurrently, and not after Do has returned.
//
// When ctx is done, or Stdout or Stderr fails, the request is aborted and Do
// returns the cause: by ABORT_REQUEST on a shared connection, otherwise by
// closing it. A request that the application refused gives an *[EndError], a
// connection that broke before the end of the request an error that wraps
// [ErrConnClosed]. A kept connection that turns out to be dead is replaced and
// the request sent again, if it cannot have been worked on or is a GET, HEAD
// or OPTIONS without input and no byte of the response has come.
//
// The application may end the request without reading all its input. As in
// net/http, Do closes Stdin and Data if they can be closed, and a Read of them
// that is in progress may outlast Do.
func (c *Client) Do(ctx context.Context, r *Request) (appStatus uint32, err error) {
	defer closeInputs(r)
	for {
		conn, reused, err := c.acquire(ctx)
		if err != nil {
			return 0, err
		}
		appStatus, err := conn.do(ctx, r)
		if lost, ok := errors.AsType[*lostError](err); ok && reused && lost.repeatable(r) && ctx.Err() == nil {
			continue
		}
		return appStatus, err
	}
}

// GetValues asks the application what it can do. Values that it leaves out are
// zero; php-fpm says no more than MpxsConns.
func (c *Client) GetValues(ctx context.Context) (Values, error) {
	conn, _, err := c.acquire(ctx)
	if err != nil {
		return Values{}, err
	}
	defer c.release(conn, false)
	return conn.getValues(ctx)
}

// Close closes all connections. Requests in flight fail with
// [ErrClientClosed].
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	conns := append([]*clientConn(nil), c.conns...)
	for _, w := range c.waiters {
		close(w)
	}
	c.waiters = nil
	c.mu.Unlock()
	for _, conn := range conns {
		conn.close(ErrClientClosed)
	}
	return nil
}

func (c *Client) keep() bool { return c.MaxIdleConns >= 0 }

func (c *Client) flags() uint8 {
	if c.keep() {
		return FlagKeepConn
	}
	return 0
}
