package supervisor

import (
	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/loop"
)

// A web server that gives a request up closes the connection. Another client
// may close only the half that it sends on, once its request is out, and still
// wants the answer. On a unix socket the system tells the two apart. On TCP
// they look the same until something is sent to the peer: then one that has
// closed the connection resets it. So the first byte of what is to be said
// next, which is always the same, is said ahead.

// listens says whether a peer that sends no more is still owed something and
// may be there to hear it.
func (c *conn) listens() bool {
	if c.lingering || len(c.reqs) == 0 && c.sent == len(c.out) || !c.dec.Boundary() {
		return false
	}
	for _, r := range c.reqs {
		if !r.inputEnd {
			return false
		}
	}
	return !hungUp(c.fd)
}

// probe makes a TCP peer that has closed the connection say so. What is being
// written anyway does that, too.
func (c *conn) probe() {
	if c.probed || !c.peer.IsValid() || len(c.out) > 0 || len(c.reqs) == 0 {
		return
	}
	c.probed = true
	switch n, errno := loop.Write(c.fd, []byte{fcgi.Version1}); {
	case n == 1:
		c.ahead = true
	case errno != unix.EAGAIN:
		c.peerGone()
	}
}

// hungUp says whether a stream socket is closed in both directions.
func hungUp(fd int) bool {
	poll := []unix.PollFd{{Fd: int32(fd)}}
	for {
		_, err := unix.Poll(poll, 0)
		if err != unix.EINTR {
			return err != nil || poll[0].Revents != 0
		}
	}
}
