package sockdiag

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/tests/harness"
)

func open(t *testing.T) *Conn {
	t.Helper()
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// socket returns a descriptor that is closed with the test.
func socket(t *testing.T, domain, kind int) int {
	t.Helper()
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// listener returns a listening socket and its address.
func listener(t *testing.T, backlog int, sa unix.Sockaddr) (int, unix.Sockaddr) {
	t.Helper()
	fd := socket(t, domain(sa), unix.SOCK_STREAM)
	if err := unix.Bind(fd, sa); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		t.Fatal(err)
	}
	address, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, address
}

func domain(sa unix.Sockaddr) int {
	switch sa.(type) {
	case *unix.SockaddrInet4:
		return unix.AF_INET
	case *unix.SockaddrInet6:
		return unix.AF_INET6
	default:
		return unix.AF_UNIX
	}
}

func connect(t *testing.T, sa unix.Sockaddr) error {
	t.Helper()
	return unix.Connect(socket(t, domain(sa), unix.SOCK_STREAM), sa)
}

func mustSocket(t *testing.T, c *Conn, fd int) Socket {
	t.Helper()
	s, err := c.Socket(fd)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func backlog(t *testing.T, s Socket) Backlog {
	t.Helper()
	b, err := s.Backlog()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The backlog of a unix socket is seen to fill, to be full and to empty.
func TestUnixBacklog(t *testing.T) {
	fd, address := listener(t, 7, &unix.SockaddrUnix{Name: filepath.Join(t.TempDir(), "socket")})
	s := mustSocket(t, open(t), fd)
	for i := range 8 {
		if got, want := backlog(t, s), (Backlog{Used: i, Limit: 7}); got != want {
			t.Errorf("after %d connections the backlog is %+v", i, got)
		}
		if err := connect(t, address); err != nil {
			t.Fatal(err)
		}
	}
	if err := connect(t, address); err != unix.EAGAIN {
		t.Errorf("a connection to a full backlog ended with %v", err)
	}
	if got, want := backlog(t, s), (Backlog{Used: 8, Limit: 7}); got != want {
		t.Errorf("the full backlog is %+v", got)
	}
	accepted, _, err := unix.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(accepted)
	if got := backlog(t, s).Used; got != 7 {
		t.Errorf("after an accept %d wait", got)
	}
	if n, err := s.Overflows(); n != 0 || err != nil {
		t.Errorf("a unix socket has %d overflows, error %v", n, err)
	}
}

// A TCP socket tells also what it dropped.
func TestTCPBacklog(t *testing.T) {
	for name, sa := range map[string]unix.Sockaddr{
		"IPv4": &unix.SockaddrInet4{Addr: netip.MustParseAddr("127.0.0.1").As4()},
		"IPv6": &unix.SockaddrInet6{Addr: netip.IPv6Loopback().As16()},
	} {
		t.Run(name, func(t *testing.T) {
			fd, address := listener(t, 2, sa)
			s := mustSocket(t, open(t), fd)
			if got, want := backlog(t, s), (Backlog{Limit: 2}); got != want {
				t.Errorf("the empty backlog is %+v", got)
			}
			start := func() {
				if err := connect(t, address); err != nil && err != unix.EINPROGRESS {
					t.Fatal(err)
				}
			}
			for range 3 {
				start()
			}
			harness.Eventually(t, harness.Patience, func() error {
				if got, want := backlog(t, s), (Backlog{Used: 3, Limit: 2}); got != want {
					return fmt.Errorf("the backlog is %+v", got)
				}
				return nil
			})
			if n, err := s.Overflows(); n != 0 || err != nil {
				t.Errorf("nothing was dropped, but %d overflows, error %v", n, err)
			}
			for range 3 {
				start()
			}
			harness.Eventually(t, harness.Patience, func() error {
				n, err := s.Overflows()
				if err == nil && n == 0 {
					err = errors.New("no connection is dropped")
				}
				return err
			})
		})
	}
}

// Nothing of it needs a privilege. Only this test's thread gives up its own,
// and it ends with the test.
func TestWithoutPrivileges(t *testing.T) {
	if os.Getuid() != 0 {
		return // so is every test
	}
	fd, address := listener(t, 3, &unix.SockaddrUnix{Name: filepath.Join(t.TempDir(), "socket")})
	if err := connect(t, address); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		Backlog
		err error
	}
	answers := make(chan answer)
	go func() {
		runtime.LockOSThread()
		const nobody = 65534
		var a answer
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			a.err = errno
		} else if c, err := Open(); err != nil {
			a.err = err
		} else {
			defer c.Close()
			s, err := c.Socket(fd)
			if err == nil {
				a.Backlog, err = s.Backlog()
			}
			a.err = err
		}
		answers <- a
	}()
	if got := <-answers; got.err != nil || got.Backlog != (Backlog{Used: 1, Limit: 3}) {
		t.Errorf("got %+v", got)
	}
}

func TestNotListening(t *testing.T) {
	c := open(t)
	for name, domain := range map[string]int{"unix": unix.AF_UNIX, "TCP": unix.AF_INET} {
		s := mustSocket(t, c, socket(t, domain, unix.SOCK_STREAM))
		if _, err := s.Backlog(); !errors.Is(err, ErrNotListening) {
			t.Errorf("a %s socket that does not listen gives %v", name, err)
		}
	}
}

func TestNoSuchSocket(t *testing.T) {
	c := open(t)
	if _, err := (Socket{conn: c, fd: -1, inode: ^uint32(0)}).Backlog(); !errors.Is(err, errElsewhere) {
		t.Errorf("a unix socket that does not exist gives %v", err)
	}
	if s, err := c.Socket(socket(t, unix.AF_NETLINK, unix.SOCK_RAW)); err == nil {
		t.Errorf("a netlink socket gives %+v", s)
	}
	var none *Conn
	if s, err := none.Socket(socket(t, unix.AF_UNIX, unix.SOCK_STREAM)); err == nil {
		t.Errorf("without sock_diag a unix socket gives %+v", s)
	}
	mustSocket(t, none, socket(t, unix.AF_INET, unix.SOCK_STREAM))
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if s, err := c.Socket(int(null.Fd())); !errors.Is(err, unix.ENOTSOCK) {
		t.Errorf("what is no socket gives %+v, error %v", s, err)
	}
}

// A question costs microseconds: it is asked on the loop.
func BenchmarkBacklog(b *testing.B) {
	l, err := net.Listen("unix", filepath.Join(b.TempDir(), "socket"))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.UnixListener).File()
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	c, err := Open()
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	s, err := c.Socket(int(file.Fd()))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Backlog(); err != nil {
			b.Fatal(err)
		}
	}
}
