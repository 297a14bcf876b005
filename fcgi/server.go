package fcgi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
)

// A Server serves FastCGI requests with a [Handler], each in a goroutine of
// its own. Several requests may share a connection; a slow one holds up the
// others only as Limits.StreamBuffer says. The exported fields must not change
// once Serve was called. A Server that was shut down cannot be used again.
type Server struct {
	// Handler performs the requests. It must be set. A panic of it ends its
	// request with appStatus 1 and is logged.
	Handler Handler
	// Limits bound what peers can ask for; the zero value has defaults.
	Limits Limits
	// Logger gets a line for what goes wrong with a connection or in the
	// server itself; nil is [slog.Default].
	Logger *slog.Logger

	registry registry
	running  atomic.Int64 // requests of all connections
}

// Serve accepts connections from l until Shutdown or Close and then returns
// [ErrServerClosed]. It closes l. Want of file descriptors or memory does not
// end it: it waits a little and accepts again. Serve may be called for
// several listeners.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if s.Handler == nil {
		return errors.New("fcgi: server has no handler")
	}
	if !s.registry.addListener(l) {
		return ErrServerClosed
	}
	defer s.registry.removeListener(l)
	limit := s.Limits.effective().MaxConns
	for {
		if !s.registry.waitForRoom(limit) {
			return ErrServerClosed
		}
		conn, err := accept(l, s.registry.closed(), s.logger())
		switch {
		case err == nil:
			if c, ok := s.takeConn(conn); ok {
				go s.runConn(c)
			}
		case s.registry.isClosed():
			return ErrServerClosed
		default:
			return err
		}
	}
}

// ServeConn serves one connection, for example an inherited socket, and
// returns when it and its requests have ended. It closes conn.
func (s *Server) ServeConn(conn net.Conn) {
	if c, ok := s.takeConn(conn); ok {
		s.runConn(c)
	}
}

// Shutdown ends the server without ending a request: it closes the listeners
// and idle connections, lets the requests finish that have begun, and returns
// nil when all connections are closed. When ctx is done before that, Shutdown
// does what Close does and returns the cause.
func (s *Server) Shutdown(ctx context.Context) error {
	s.registry.close()
	s.registry.each((*serverConn).drain)
	for {
		n, gone := s.registry.open()
		if n == 0 {
			return nil
		}
		select {
		case <-gone:
		case <-ctx.Done():
			s.registry.each((*serverConn).abort)
			return context.Cause(ctx)
		}
	}
}

// Close ends the server at once: it closes the listeners and all connections
// and cancels the contexts of all requests. It does not wait for the handlers.
func (s *Server) Close() error {
	s.registry.close()
	s.registry.each((*serverConn).abort)
	return nil
}

// takeConn closes conn when the server is closed.
func (s *Server) takeConn(conn net.Conn) (c *serverConn, ok bool) {
	c = newServerConn(s, conn)
	if !s.registry.addConn(c) {
		conn.Close()
		return nil, false
	}
	return c, true
}

func (s *Server) runConn(c *serverConn) {
	defer s.registry.removeConn(c)
	c.run()
}

func (s *Server) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.Default()
	}
	return s.Logger
}

// takeRequest counts a request in, unless there are limit already.
func (s *Server) takeRequest(limit int) bool {
	if n := s.running.Add(1); limit > 0 && n > int64(limit) {
		s.running.Add(-1)
		return false
	}
	return true
}

func (s *Server) releaseRequest() { s.running.Add(-1) }
