package master

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/listen"
)

const (
	headerTimeout = 5 * time.Second
	// idleTimeout is how long a connection may wait for its next request.
	idleTimeout = 2 * time.Minute
	// maxConnections is how many a server has at once, so that whoever can
	// connect cannot take all descriptors of the master. What is beyond is closed.
	maxConnections = 64
	// closeTimeout is how long answers under way may take at the end.
	closeTimeout = time.Second
)

type handler = http.Handler

// A server answers HTTP on a socket of the service's table.
type server struct {
	socket  *listen.Socket
	address string // and path, to tell a change
	http    *http.Server
	open    atomic.Int32 // connections
	ended   chan struct{}
}

// serve begins to answer. The socket stays the table's.
func serve(socket *listen.Socket, address string, h handler) (*server, error) {
	fd, err := unix.FcntlInt(uintptr(socket.FD), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("cannot serve on %s: %w", address, err)
	}
	file := os.NewFile(uintptr(fd), address)
	listener, err := net.FileListener(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("cannot serve on %s: %w", address, err)
	}
	s := &server{
		socket: socket, address: address, ended: make(chan struct{}),
		http: &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout},
	}
	s.http.ConnState = s.count
	go func() {
		defer close(s.ended)
		_ = s.http.Serve(listener) // it ends with close
	}()
	return s, nil
}

// count keeps within maxConnections.
func (s *server) count(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if s.open.Add(1) > maxConnections {
			_ = c.Close() // the server takes it for gone
		}
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	case http.StateActive, http.StateIdle:
	}
}

// close stops the server once the answers under way are given, or after
// closeTimeout. A nil server is none.
func (s *server) close() {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	<-s.ended
	if err == nil {
		// The last connection to be accepted may not have been known before.
		err = s.http.Shutdown(ctx)
	}
	if err != nil {
		_ = s.http.Close() // whoever still waits sees the connection end
	}
}

// retire is close without waiting: a request that led to it may be one of
// those under way.
func (s *server) retire() {
	if s != nil {
		go s.close()
	}
}
