package fcgi

import "time"

// Limits bound what the peers of a [Server] can make it hold. In every field
// zero means the default and a negative value no limit.
type Limits struct {
	// MaxConns is how many connections are open at once. Beyond it the server
	// stops accepting until one closes; others wait in the listener's backlog.
	// Default: no limit.
	MaxConns int
	// MaxRequests is how many requests the server works at once, on all
	// connections. A request beyond it ends with OVERLOADED.
	// Default: no limit.
	MaxRequests int
	// MaxRequestsPerConn is how many requests one connection has open at
	// once. A request beyond it ends with OVERLOADED. With 1 connections are
	// not multiplexed: GET_VALUES says so, and a second request ends with
	// CANT_MPX_CONN. Default: 100.
	MaxRequestsPerConn int
	// MaxParams is how many bytes the parameters of a request have. A request
	// with more ends with a message on Stderr and appStatus 1.
	// Default: 1 MiB.
	MaxParams int
	// StreamBuffer is how many bytes of Stdin, and of Data, are held for a
	// request that does not read them. A request that lets more than that
	// come in holds up the other requests of its connection until it reads or
	// ends, because FastCGI cannot stop one stream alone. Meanwhile nothing
	// else is read either: not that a request is aborted, nor that the peer
	// has gone. It cannot be unlimited. Default: 256 KiB.
	StreamBuffer int
	// HeaderTimeout is how long a peer may take from the BEGIN_REQUEST of a
	// request to the end of its parameters, and from the start of the
	// connection to its first record. Then the connection is closed, with all
	// its requests.
	// Default: 30 seconds.
	HeaderTimeout time.Duration
	// IdleTimeout is how long a connection stays open after its requests.
	// Default: 10 minutes.
	IdleTimeout time.Duration
	// WriteTimeout is how long the peer may refuse to take one record. Then
	// the connection is closed. Default: 60 seconds.
	WriteTimeout time.Duration
}

// The defaults of Limits.
const (
	defaultMaxRequestsPerConn = 100
	defaultMaxParams          = 1 << 20
	defaultStreamBuffer       = 256 << 10
	defaultHeaderTimeout      = 30 * time.Second
	defaultIdleTimeout        = 10 * time.Minute
	defaultWriteTimeout       = 60 * time.Second
)

// effective returns l with defaults filled in and 0 for "no limit".
func (l Limits) effective() Limits {
	return Limits{
		MaxConns:           orDefault(l.MaxConns, 0),
		MaxRequests:        orDefault(l.MaxRequests, 0),
		MaxRequestsPerConn: orDefault(l.MaxRequestsPerConn, defaultMaxRequestsPerConn),
		MaxParams:          orDefault(l.MaxParams, defaultMaxParams),
		StreamBuffer:       streamBuffer(l.StreamBuffer),
		HeaderTimeout:      orDefault(l.HeaderTimeout, defaultHeaderTimeout),
		IdleTimeout:        orDefault(l.IdleTimeout, defaultIdleTimeout),
		WriteTimeout:       orDefault(l.WriteTimeout, defaultWriteTimeout),
	}
}

// values is what GET_VALUES is answered with.
func (l Limits) values() Values {
	return Values{MaxConns: l.MaxConns, MaxReqs: l.MaxRequests, MpxsConns: l.MaxRequestsPerConn != 1}
}

func orDefault[T int | time.Duration](v, def T) T {
	switch {
	case v == 0:
		return def
	case v < 0:
		return 0
	default:
		return v
	}
}

func streamBuffer(n int) int {
	if n <= 0 {
		return defaultStreamBuffer
	}
	return n
}
