package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/gateway"
)

// gatewayIdle is how long the gateway keeps a connection to the loop: short,
// so that an ondemand pool can become quiet.
const gatewayIdle = 5 * time.Second

// An httpDoor is a listening HTTP socket of the pool. net/http and the
// gateway run on goroutines and send what is for a worker to the loop as any
// web server would: by FastCGI, over a socket pair.
type httpDoor struct {
	s        *Supervisor
	listener net.Listener
	server   *http.Server
	backend  *fcgi.Client
	serving  bool
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
	d := &httpDoor{s: s, listener: listener}
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
	d.server = gateway.NewServer(handler, log)
	s.httpDoors = append(s.httpDoors, d)
	return nil
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
		if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
			d.s.log.Error("the HTTP door is closed", slog.Any("err", err))
		}
	}()
}

// drain stops accepting, lets the requests under way end, and reports to the
// loop.
func (d *httpDoor) drain(ctx context.Context) {
	go func() {
		if err := d.server.Shutdown(ctx); err != nil {
			_ = d.server.Close()
		}
		_ = d.listener.Close() // if it was never served
		_ = d.backend.Close()
		d.s.loop.Post(func() { d.s.httpDraining-- })
	}()
}
