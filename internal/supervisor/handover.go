package supervisor

import (
	"log/slog"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/loop"
)

// A web server may send its next request over a kept connection at any
// moment, also at the one at which a draining supervisor closes it; then the
// request is lost. So it closes none: once idle, the connection goes to the
// next generation, and what arrives on the way waits in it.

// handedOver is what is on its way to the next generation.
type handedOver struct {
	list    []control.Connection
	fds     []int
	sending bool // a batch is not sent yet
}

// handingOver says whether connections are still this process's to pass on.
func (s *Supervisor) handingOver() bool { return len(s.handed.fds) > 0 || s.handed.sending }

// handOverIdle hands over the connections that have become idle.
func (s *Supervisor) handOverIdle() {
	if !s.handing {
		return
	}
	for c := range s.conns {
		if c.idle() {
			c.handOver()
		}
	}
	s.sendHanded()
}

// idle says that all of the connection is in its descriptor: no request, no
// part of a record, nothing to write. A new connection is idle, too.
func (c *conn) idle() bool {
	return len(c.reqs) == 0 && c.dec.Boundary() && len(c.query) == 0 && len(c.out) == 0 &&
		(c.keep || !c.began) && !c.eof && !c.hup && !c.lingering && !c.gateway
}

// handOver ends what this process has to do with the connection.
func (c *conn) handOver() {
	s := c.s
	s.handed.list = append(s.handed.list, control.Connection{Status: c.statusDoor, Fresh: !c.heard})
	s.handed.fds = append(s.handed.fds, c.fd)
	if c.watched {
		s.loop.Remove(c.fd)
	}
	c.drop()
}

// sendHanded sends the next batch of connections, one at a time.
func (s *Supervisor) sendHanded() {
	h := &s.handed
	if h.sending || len(h.fds) == 0 {
		return
	}
	n := min(len(h.fds), control.MaxFDs)
	list, fds := h.list[:n:n], h.fds[:n:n]
	h.list, h.fds = h.list[n:], h.fds[n:]
	h.sending = true
	s.events.HandOver(list, fds, func() {
		h.sending = false
		s.sendHanded()
	})
}

// takeConnections takes over connections of the generation before.
func (s *Supervisor) takeConnections(list []control.Connection, fds []int) {
	for i, fd := range fds {
		if i >= len(list) || s.closing && !s.handing || !s.takeConnection(list[i], fd) {
			loop.Close(fd)
		}
	}
}

func (s *Supervisor) takeConnection(about control.Connection, fd int) bool {
	peer, err := peerOf(fd)
	if err != nil {
		// The client may have gone on the way, which is nothing to report.
		s.log.Debug("a connection of the generation before is of no use", slog.Any("err", err))
		return false
	}
	if peer.IsValid() && !s.allowed(peer) {
		s.disallowed(peer)
		return false
	}
	c := s.newConn(fd, peer)
	c.statusDoor = about.Status
	if !about.Fresh {
		c.heard, c.began, c.keep = true, true, true
	}
	s.receive(c)
	return true
}

// peerOf returns the address of the other side of a stream connection, which
// is not valid for a unix socket. Anything else that was passed to this
// process is an error. It makes the descriptor non-blocking.
func peerOf(fd int) (netip.Addr, error) {
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		return noPeer(), unix.ENOTSOCK
	}
	sa, err := unix.Getpeername(fd)
	if err != nil {
		return noPeer(), err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return noPeer(), err
	}
	return addrOf(sa), nil
}
