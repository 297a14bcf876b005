package master

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/control"
)

// lingering returns a socket that takes for ever to close: it lingers, and
// nobody reads what it has sent.
func lingering(t *testing.T) (fd int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	c, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() // a duplicate is left
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	file, err := c.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err = unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = unix.Write(fd, make([]byte, 1<<16))
	}
	const hour = 3600
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: hour}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// sendLingering sends a message with such a socket, of which it keeps none.
func sendLingering(t *testing.T, mouth *control.Conn, m control.Message) {
	t.Helper()
	fd := lingering(t)
	err := mouth.Send(m, fd)
	_ = unix.Close(fd)
	if err != nil {
		t.Fatal(err)
	}
}

// A supervisor that a script has taken over sends a socket that takes for ever
// to close. Whether the master reads it or not, it goes on.
func TestDescriptorThatTakesForEverToClose(t *testing.T) {
	s := newService(t, "www").start()
	old, mouth := s.predecessor("www")
	s.on(func() {
		old.handing = false
		old.listen()
	})
	sendLingering(t, mouth, &control.Usage{})
	sendLingering(t, mouth, &control.Connections{List: []control.Connection{{}}})
	if err := mouth.Send(&control.Failed{Reason: "the last word"}); err != nil {
		t.Fatal(err)
	}
	s.eventually("the last word", func() (heard bool) {
		s.on(func() { heard = old.failure == "the last word" })
		return heard
	})

	unread, mouth := s.predecessor("www")
	sendLingering(t, mouth, &control.Usage{})
	s.on(func() { unread.gone(nil) })
	s.on(func() { old.gone(nil) })
	s.expectGeneration("www", 1)
}
