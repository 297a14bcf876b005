package supervisor

import (
	"log/slog"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
)

// A door is a listening FastCGI socket of the pool.
type door struct {
	s       *Supervisor
	fd      int
	address string
	tcp     bool
	open    bool
	status  bool // pm.status_listen
	pause   *loop.Timer
	starved bool // the lack of descriptors has been logged
	backlog doorBacklog
}

// AddDoor gives the supervisor a listening socket of the pool, which becomes
// its own. It is accepted from once the pool is ready.
func (s *Supervisor) AddDoor(fd int, address string) error {
	_, err := s.addDoor(fd, address)
	return err
}

func (s *Supervisor) addDoor(fd int, address string) (*door, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil, err
	}
	_, unixSocket := sa.(*unix.SockaddrUnix)
	d := &door{s: s, fd: fd, address: address, tcp: !unixSocket}
	d.pause = loop.NewTimer(d.resume)
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	d.watchBacklog()
	s.doors = append(s.doors, d)
	return d, nil
}

// resume starts or goes on accepting.
func (d *door) resume() {
	if d.open || d.s.closing {
		return
	}
	if err := d.s.loop.AddLevel(d.fd, d); err != nil {
		d.s.log.Error("cannot watch a listening socket", slog.String("listen", d.address), slog.Any("err", err))
		return
	}
	d.open = true
}

func (d *door) rest() {
	if d.open {
		d.s.loop.Remove(d.fd)
		d.open = false
	}
}

func (d *door) close() {
	if d.fd < 0 {
		return
	}
	d.rest()
	d.s.loop.Clear(d.pause)
	loop.Close(d.fd)
	d.fd = -1
}

// Ready implements loop.Handler: it accepts all that wait. The socket is
// shared with other generations of the pool, so another process may be
// faster.
func (d *door) Ready(loop.Ready) {
	for d.open {
		if !d.status && !d.s.spare() {
			d.starve(unix.EMFILE)
			return
		}
		fd, errno := loop.Accept(d.fd)
		switch errno {
		case 0:
			d.welcome(fd)
		case unix.EAGAIN:
			d.starved = false
			return
		case unix.ECONNABORTED, unix.EPROTO, unix.EPERM, unix.ENETDOWN, unix.ENONET, unix.EHOSTUNREACH, unix.ENETUNREACH:
			// The connection is gone or was never allowed; accept(2) says to go on.
		default:
			d.starve(errno)
			return
		}
	}
}

// starve rests for a moment: descriptors or memory are short. Connections
// wait in the kernel's backlog meanwhile.
func (d *door) starve(errno unix.Errno) {
	if !d.starved {
		d.starved = true
		d.s.log.Error("cannot accept connections, trying again shortly; raise the limit of open files if this persists",
			slog.String("listen", d.address), slog.Any("err", error(errno)))
	}
	d.s.listenQueue(0, 0) // it fills now
	d.s.starving = true
	d.rest()
	d.s.loop.Set(d.pause, d.s.loop.Now()+acceptPause)
}

func (d *door) welcome(fd int) {
	s := d.s
	var peer netip.Addr
	if d.tcp {
		peer = peerAddr(fd)
		if !s.allowed(peer) {
			s.disallowed(peer)
			loop.Close(fd)
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	c := s.newConn(fd, peer)
	c.statusDoor = d.status
	s.receive(c)
}

// receive serves a new connection. Its first request is usually there
// already, so it is read before it is watched.
func (s *Supervisor) receive(c *conn) {
	c.read()
	if c.closed {
		return
	}
	if len(c.reqs) > 0 && !c.awaitsInput() {
		s.watchLater(c)
		return
	}
	c.watch()
}

// noPeer is the address of a client that has none.
func noPeer() netip.Addr { return netip.Addr{} }

func peerAddr(fd int) netip.Addr {
	sa, err := unix.Getpeername(fd)
	if err != nil {
		return noPeer()
	}
	return addrOf(sa)
}

// addrOf returns the IP address in sa, if there is one.
func addrOf(sa unix.Sockaddr) netip.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(sa.Addr).Unmap()
	default:
		return noPeer()
	}
}

// allowed applies listen.allowed_clients. It may be called from any goroutine.
func (s *Supervisor) allowed(peer netip.Addr) bool {
	if s.cfg.ListenAllowedClients == nil {
		return true
	}
	for _, a := range s.clients {
		if a == peer {
			return true
		}
	}
	return false
}

// parseClients reads listen.allowed_clients. Wrong entries allow nobody.
func (s *Supervisor) parseClients() {
	for _, entry := range s.cfg.ListenAllowedClients {
		if addr, err := netip.ParseAddr(entry); err == nil {
			s.clients = append(s.clients, addr.Unmap())
		} else {
			s.badClients = append(s.badClients, entry)
		}
	}
}

// disallowed logs, in php-fpm's words, that a client was refused, and the first
// time what is wrong with listen.allowed_clients (fastcgi.c,
// fcgi_set_allowed_clients).
func (s *Supervisor) disallowed(peer netip.Addr) {
	for _, entry := range s.badClients {
		s.say(logfile.LevelError, "Wrong IP address '%s' in listen.allowed_clients", entry)
	}
	if len(s.badClients) > 0 && len(s.clients) == 0 {
		s.say(logfile.LevelError, "There are no allowed addresses")
	}
	s.badClients = nil
	s.say(logfile.LevelError, "Connection disallowed: IP address '%s' has been dropped.", peer)
}
