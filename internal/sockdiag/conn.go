package sockdiag

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// maxAnswers bounds how many datagrams are read for one question. There is
// one, unless an earlier question was given up.
const maxAnswers = 8

// A Conn is a netlink socket for questions about sockets of the network
// namespace it was opened in. One goroutine at a time may use it.
type Conn struct {
	fd  int
	seq uint32
	buf [4096]byte // an answer has some 60 bytes
}

// Open returns a Conn. The caller closes it.
func Open() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("cannot open a sock_diag socket: %w", err)
	}
	return &Conn{fd: fd}, nil
}

// Close releases the descriptor.
func (c *Conn) Close() error { return unix.Close(c.fd) }

var (
	errNoAnswer  = errors.New("the kernel gave no answer")
	errElsewhere = errors.New("the socket belongs to another network namespace, or the kernel lacks the module unix_diag")
)

// unix returns the backlog of a unix socket.
func (c *Conn) unix(inode uint32) (Backlog, error) {
	b, err := c.ask(inode)
	switch {
	case errors.Is(err, unix.ENOENT):
		return Backlog{}, errElsewhere
	case err != nil && !errors.Is(err, ErrNotListening):
		return Backlog{}, fmt.Errorf("cannot ask sock_diag about a unix socket: %w", err)
	}
	return b, err
}

func (c *Conn) ask(inode uint32) (Backlog, error) {
	c.seq++
	question := appendQuestion(c.buf[:0], c.seq, inode)
	if err := unix.Sendto(c.fd, question, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return Backlog{}, err
	}
	for range maxAnswers {
		n, from, err := unix.Recvfrom(c.fd, c.buf[:], unix.MSG_DONTWAIT)
		if err == unix.EAGAIN {
			break
		}
		if err != nil {
			return Backlog{}, err
		}
		if kernel, ok := from.(*unix.SockaddrNetlink); !ok || kernel.Pid != 0 {
			continue
		}
		if b, found, err := parse(c.buf[:n], c.seq, inode); found || err != nil {
			return b, err
		}
	}
	return Backlog{}, errNoAnswer
}

// Of linux/unix_diag.h, which x/sys does not have.
const (
	diagRequestSize = 24 // struct unix_diag_req
	diagMessageSize = 16 // struct unix_diag_msg
	showQueueLen    = 16 // UDIAG_SHOW_RQLEN
	attrQueueLen    = 4  // UNIX_DIAG_RQLEN
	queueLenSize    = 8  // struct unix_diag_rqlen
	errorSize       = 4  // the first member of struct nlmsgerr
	maxErrno        = 4095
)

// appendQuestion appends a netlink message with a struct unix_diag_req.
func appendQuestion(dst []byte, seq, inode uint32) []byte {
	ne := binary.NativeEndian
	dst = ne.AppendUint32(dst, unix.SizeofNlMsghdr+diagRequestSize)
	dst = ne.AppendUint16(dst, unix.SOCK_DIAG_BY_FAMILY)
	dst = ne.AppendUint16(dst, unix.NLM_F_REQUEST)
	dst = ne.AppendUint32(dst, seq)
	dst = ne.AppendUint32(dst, 0) // from whom: the kernel knows

	dst = append(dst, unix.AF_UNIX, 0, 0, 0)
	dst = ne.AppendUint32(dst, ^uint32(0)) // in any state
	dst = ne.AppendUint32(dst, inode)
	dst = ne.AppendUint32(dst, showQueueLen)
	dst = ne.AppendUint32(dst, ^uint32(0)) // with any cookie
	return ne.AppendUint32(dst, ^uint32(0))
}

var errMalformed = errors.New("the answer is malformed")

// parse looks in a datagram of netlink messages for the answer to question
// seq. What it does not know it passes over.
func parse(p []byte, seq, inode uint32) (b Backlog, found bool, err error) {
	ne := binary.NativeEndian
	for len(p) >= unix.SizeofNlMsghdr {
		size := uint64(ne.Uint32(p))
		if size < unix.SizeofNlMsghdr || size > uint64(len(p)) {
			return b, false, errMalformed
		}
		kind, body := ne.Uint16(p[4:]), p[unix.SizeofNlMsghdr:size]
		mine := ne.Uint32(p[8:]) == seq
		p = p[min(align(int(size)), len(p)):]
		switch {
		case !mine:
		case kind == unix.NLMSG_ERROR:
			return b, false, parseError(body)
		case kind == unix.SOCK_DIAG_BY_FAMILY:
			b, err = parseUnix(body, inode)
			return b, err == nil, err
		}
	}
	return b, false, nil
}

// parseError reads a struct nlmsgerr.
func parseError(p []byte) error {
	if len(p) < errorSize {
		return errMalformed
	}
	errno := -int64(int32(binary.NativeEndian.Uint32(p)))
	if errno <= 0 || errno > maxErrno {
		return errMalformed
	}
	return unix.Errno(errno)
}

// parseUnix reads a struct unix_diag_msg and the attributes after it.
func parseUnix(p []byte, inode uint32) (Backlog, error) {
	ne := binary.NativeEndian
	if len(p) < diagMessageSize || p[0] != unix.AF_UNIX || ne.Uint32(p[4:]) != inode {
		return Backlog{}, errMalformed
	}
	if p[2] != stateListen {
		return Backlog{}, ErrNotListening
	}
	for p = p[diagMessageSize:]; len(p) >= unix.SizeofRtAttr; {
		size, kind := int(ne.Uint16(p)), ne.Uint16(p[2:])
		if size < unix.SizeofRtAttr || size > len(p) {
			return Backlog{}, errMalformed
		}
		value := p[unix.SizeofRtAttr:size]
		if kind == attrQueueLen && len(value) >= queueLenSize {
			return Backlog{Used: int(ne.Uint32(value)), Limit: int(ne.Uint32(value[4:]))}, nil
		}
		p = p[min(align(size), len(p)):]
	}
	return Backlog{}, errMalformed
}

// align rounds up to the boundary on which messages and attributes begin.
func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
