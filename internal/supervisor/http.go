package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/gateway"
)

const (
	// gatewayIdle is how long the gateway keeps a connection to the loop:
	// short, so that an ondemand pool can become quiet.
	gatewayIdle = 5 * time.Second
	// httpGrace is how long a browser's connection may go on after another
	// generation has taken over. One that is in use brings a request by then.
	httpGrace = 20 * time.Second
)

// An httpDoor is a listening HTTP socket of the pool. net/http and the
// gateway run on goroutines and send what is for a worker to the loop as any
// web server would: by FastCGI, over a socket pair.
type httpDoor struct {
	s        *Supervisor
	listener net.Listener
	server   *http.Server
	backend  *fcgi.Client
	serving  bool
	served   chan struct{}  // closed when it accepts no more
	leaving  atomic.Bool    // each connection ends with its next response
	open     sync.WaitGroup // connections
}

// AddHTTPDoor gives the supervisor a listening HTTP socket of the pool, which
// becomes its own. It is accepted from once the pool is ready.
func (s *Supervisor) AddHTTPDoor(fd int, address string) error {
	file := os.NewFile(uintptr(fd), address)
	listener, err := net.FileListener(file)
	_ = file.Close()
	if err != nil {
		return err
	}
	if _, tcp := listener.(*net.TCPListener); tcp {
		listener = guarded{listener, s}
	}
	d := &httpDoor{s: s, listener: listener, served: make(chan struct{})}
	d.backend = &fcgi.Client{Dial: d.dial, IdleTimeout: gatewayIdle}
	log := s.log.With("http", address)
	handler, err := gateway.New(gateway.Config{
		Root:             s.cfg.HTTPRoot,
		Index:            s.cfg.HTTPIndex,
		ScriptExtensions: s.cfg.LimitExtensions,
		Virtual:          present(s.cfg.StatusPath, s.cfg.PingPath),
		Application:      s.cfg.Runner == config.RunnerWSGI || s.cfg.Runner == config.RunnerFastCGI,
		Backend:          d.backend,
		Logger:           log,
	})
	if err != nil {
		_ = listener.Close()
		return err
	}
	d.server = gateway.NewServer(d.lastOnes(handler), log)
	d.server.ConnState = d.count
	s.httpDoors = append(s.httpDoors, d)
	return nil
}

// guarded applies listen.allowed_clients to a listener on TCP.
type guarded struct {
	net.Listener
	s *Supervisor
}

// Accept returns the next connection of a client that is allowed.
func (g guarded) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := noPeer()
		if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
			peer = a.AddrPort().Addr().Unmap().WithZone("")
		}
		if g.s.allowed(peer) {
			return conn, nil
		}
		_ = conn.Close() // nothing was sent
		g.s.loop.Post(func() { g.s.disallowed(peer) })
	}
}

func present(paths ...string) []string {
	var found []string
	for _, p := range paths {
		if p != "" {
			found = append(found, p)
		}
	}
	return found
}

// dial makes a connection to the loop. It is called on the gateway's
// goroutines.
func (d *httpDoor) dial(ctx context.Context) (net.Conn, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot make a connection to the pool: %w", err)
	}
	file := os.NewFile(uintptr(fds[1]), "pool")
	conn, err := net.FileConn(file)
	_ = file.Close()
	if err != nil {
		_ = unix.Close(fds[0])
		return nil, fmt.Errorf("cannot make a connection to the pool: %w", err)
	}
	taken := make(chan struct{})
	d.s.loop.Post(func() {
		d.s.receiveGateway(fds[0])
		close(taken)
	})
	select {
	case <-taken:
		return conn, nil
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), conn.Close())
	}
}

// receiveGateway serves a connection of the gateway.
func (s *Supervisor) receiveGateway(fd int) {
	c := s.newConn(fd, noPeer())
	c.gateway = true
	c.heard = true // it speaks when there is a request
	s.receive(c)
}

func (d *httpDoor) resume() {
	if d.serving {
		return
	}
	d.serving = true
	go func() {
		defer close(d.served)
		if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) && !d.leaving.Load() {
			d.s.log.Error("the HTTP door is closed", slog.Any("err", err))
		}
	}()
}

// lastOnes tells the clients of a door that is being left with which response
// their connection ends.
func (d *httpDoor) lastOnes(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// count counts the open connections, for net/http.
func (d *httpDoor) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		d.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		d.open.Done()
	case http.StateActive, http.StateIdle:
	}
}

// leave stops accepting and waits for the connections to end, at most for
// httpGrace. A client may send its next request at any moment, so one in use is
// not closed under its hands: it is told with the response to that request.
func (d *httpDoor) leave(ctx context.Context) {
	d.leaving.Store(true)
	_ = d.listener.Close()
	<-d.served // from now on the connections only become fewer
	gone := make(chan struct{})
	go func() {
		d.open.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(httpGrace):
	case <-ctx.Done():
	}
}

// drain stops accepting, lets the requests under way end, and reports to the
// loop. Another generation may have taken over.
func (d *httpDoor) drain(ctx context.Context, replaced bool) {
	replaced = replaced && d.serving
	go func() {
		if replaced {
			d.leave(ctx)
		}
		if err := d.server.Shutdown(ctx); err != nil {
			_ = d.server.Close()
		}
		_ = d.listener.Close() // if it was never served
		_ = d.backend.Close()
		d.s.loop.Post(func() { d.s.httpDraining-- })
	}()
}
