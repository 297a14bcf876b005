package sockdiag

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrNotListening is the answer for a socket that has no backlog.
var ErrNotListening = errors.New("the socket is not listening")

// A Backlog is the queue of connections that wait for accept.
type Backlog struct {
	Used int
	// Limit is what listen was given, or net.core.somaxconn if that is less.
	// The kernel lets one more connection in than it says.
	Limit int
}

// A Socket is a listening socket to be asked about. It does not own its
// descriptor.
type Socket struct {
	conn  *Conn
	fd    int
	inode uint32 // of a unix socket; 0 for TCP
}

// Socket returns the listening socket behind fd, a unix or a TCP one. It may
// be asked as long as fd and c are open. Without a Conn, nil, it must be TCP.
func (c *Conn) Socket(fd int) (Socket, error) {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return Socket{}, fmt.Errorf("cannot learn the family of a socket: %w", err)
	}
	s := Socket{conn: c, fd: fd}
	switch domain {
	case unix.AF_INET, unix.AF_INET6:
		return s, nil
	case unix.AF_UNIX:
		if c == nil {
			return Socket{}, errors.New("cannot look into the backlog of a unix socket without sock_diag")
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return Socket{}, fmt.Errorf("cannot learn the inode of a socket: %w", err)
		}
		s.inode = uint32(st.Ino) // the kernel's socket inodes have 32 bits
		return s, nil
	default:
		return Socket{}, fmt.Errorf("cannot look into the backlog of a socket of family %d", domain)
	}
}

// Backlog returns the backlog at this moment, or ErrNotListening.
func (s Socket) Backlog() (Backlog, error) {
	if s.inode != 0 {
		return s.conn.unix(s.inode)
	}
	info, err := unix.GetsockoptTCPInfo(s.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	switch {
	case err != nil:
		return Backlog{}, fmt.Errorf("cannot read TCP_INFO: %w", err)
	case info.State != stateListen:
		return Backlog{}, ErrNotListening
	}
	// tcp_get_info puts the two lengths of the accept queue here.
	return Backlog{Used: int(info.Unacked), Limit: int(info.Sacked)}, nil
}

const (
	stateListen = 10 // TCP_LISTEN, also of unix sockets

	// Of the array that SO_MEMINFO fills (linux/sock_diag.h).
	memInfoDrops = 8
	memInfoVars  = 9
)

// Overflows returns how many connection attempts the kernel has dropped at
// this socket since it was created, nearly always because its backlog was
// full; it wraps at 32 bits. Unlike ListenOverflows in /proc/net/netstat it is
// the socket's own. At a unix socket nothing is dropped, and 0 returned: the
// client is told at once (EAGAIN) or waits.
func (s Socket) Overflows() (uint32, error) {
	if s.inode != 0 {
		return 0, nil
	}
	var vars [memInfoVars]uint32
	size := uint32(unsafe.Sizeof(vars))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&vars)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("cannot read SO_MEMINFO: %w", errno)
	}
	return vars[memInfoDrops], nil
}
