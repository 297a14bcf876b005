package control

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// MaxMessage is the longest message sent, and the longest received unless
	// [Conn.Limit] says less.
	MaxMessage = 64 << 20
	// MaxFDs is the largest number of descriptors of one message.
	MaxFDs = 64

	headerLen = 8
)

// A ProtocolError says that the other side broke the rules of the package.
// The connection is of no use after it.
type ProtocolError struct {
	Reason string
}

// Error returns the rule that was broken.
func (e *ProtocolError) Error() string { return "control protocol: " + e.Reason }

// ErrPaused is the error of a Receive that [Conn.Pause] has ended.
var ErrPaused = errors.New("receiving is paused")

// pausePatience is how long the rest of a message may take that was on its way
// when [Conn.Pause] was called.
const pausePatience = time.Second

// A Conn is one end of the connection between a master and a supervisor. One
// goroutine at a time may send and another may receive; Close may be called
// from anywhere and ends both.
type Conn struct {
	sock *net.UnixConn
	// maxMessage and maxFDs bound what Receive accepts.
	maxMessage int
	maxFDs     int
	paused     atomic.Bool
}

// Pair returns the two ends of a new connection: the master's and, as a file
// to be inherited, the supervisor's. Both are closed on exec; the caller
// closes the file once the supervisor runs.
func Pair() (*Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make a control socket: %w", err)
	}
	conn, err := FromFD(fds[0])
	if err != nil {
		return nil, nil, errors.Join(err, unix.Close(fds[1]))
	}
	return conn, os.NewFile(uintptr(fds[1]), "control"), nil
}

// FromFD returns the connection of an inherited descriptor. It takes over the
// descriptor, also when it fails.
func FromFD(fd int) (*Conn, error) {
	file := os.NewFile(uintptr(fd), "control")
	if file == nil {
		return nil, fmt.Errorf("cannot use descriptor %d as a control socket: %w", fd, unix.EBADF)
	}
	defer file.Close() // FileConn works on a duplicate
	c, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("cannot use descriptor %d as a control socket: %w", fd, err)
	}
	sock, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("cannot use descriptor %d as a control socket: not a unix socket", fd), c.Close())
	}
	return &Conn{sock: sock, maxMessage: MaxMessage, maxFDs: MaxFDs}, nil
}

// Limit lowers what Receive accepts: messages of at most size bytes with at
// most fds descriptors. It must be called before the first Receive.
func (c *Conn) Limit(size, fds int) {
	c.maxMessage = min(size, MaxMessage)
	c.maxFDs = min(fds, MaxFDs)
}

// Dup returns a duplicate of the connection's descriptor, closed on exec, with
// which nothing of the connection itself changes. It is for an exec that must
// keep it.
func (c *Conn) Dup() (dup int, err error) {
	raw, err := c.sock.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("cannot duplicate a control socket: %w", err)
	}
	if e := raw.Control(func(fd uintptr) { dup, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3) }); e != nil {
		err = e
	}
	if err != nil {
		return -1, fmt.Errorf("cannot duplicate a control socket: %w", err)
	}
	return dup, nil
}

// Pause makes Receive, a call under way and those to come, return [ErrPaused]
// between two messages, so that another process can go on with the connection.
func (c *Conn) Pause() {
	c.paused.Store(true)
	_ = c.sock.SetReadDeadline(time.Unix(1, 0)) // it fails on a closed one only
}

// Resume ends a Pause.
func (c *Conn) Resume() {
	c.paused.Store(false)
	_ = c.sock.SetReadDeadline(time.Time{})
}

// Shutdown ends the connection in both directions, but its descriptor stays
// until Close: a Send under way returns an error, and a Receive what has come
// before and then io.EOF. Unlike Close it never waits for the descriptors in
// messages that nobody has received.
func (c *Conn) Shutdown() {
	_ = c.sock.CloseRead() // they fail on one that has ended only
	_ = c.sock.CloseWrite()
}

// Close ends the connection; a Send or Receive under way returns an error.
func (c *Conn) Close() error { return c.sock.Close() }

// Send sends a message and duplicates of fds, which stay the caller's. It
// blocks while the other side does not read.
func (c *Conn) Send(m Message, fds ...int) error {
	body, err := encode(m)
	if err != nil {
		return err
	}
	if len(body) > MaxMessage || len(fds) > MaxFDs {
		return fmt.Errorf("cannot send a %s message of %d bytes and %d descriptors: too large", m.messageType(), len(body), len(fds))
	}
	frame := make([]byte, headerLen, headerLen+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	binary.BigEndian.PutUint32(frame[4:], uint32(len(fds)))
	frame = append(frame, body...)
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	n, _, err := c.sock.WriteMsgUnix(frame, rights, nil)
	if err == nil && n < len(frame) {
		_, err = c.sock.Write(frame[n:])
	}
	if err != nil {
		return fmt.Errorf("cannot send a %s message: %w", m.messageType(), err)
	}
	return nil
}

// Receive waits for the next message. The descriptors that came with it are
// the caller's, closed on exec. The error is io.EOF when the other side has
// closed the connection between messages.
func (c *Conn) Receive() (Message, []int, error) {
	if c.paused.Load() {
		return nil, nil, ErrPaused
	}
	var late lateness
	size, fds, err := c.receiveHeader(&late)
	if err != nil {
		Discard(fds)
		return nil, nil, err
	}
	m, err := c.receiveBody(size, &late)
	if err != nil {
		Discard(fds)
		return nil, nil, err
	}
	return m, fds, nil
}

// lateness tells whether a message under way has been given its time already.
type lateness bool

// overlook says whether to go on reading after err: it is the deadline that
// Pause has set, and the rest of a message is still to come.
func (c *Conn) overlook(err error, late *lateness) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) || bool(*late) {
		return false
	}
	if !c.paused.Load() {
		return c.sock.SetReadDeadline(time.Time{}) == nil
	}
	*late = true
	return c.sock.SetReadDeadline(time.Now().Add(pausePatience)) == nil
}

func (c *Conn) receiveHeader(late *lateness) (size int, fds []int, err error) {
	var header [headerLen]byte
	// One more than allowed, so that a message with too many is noticed here.
	rights := make([]byte, unix.CmsgSpace(4*(c.maxFDs+1)))
	for got := 0; got < headerLen; {
		n, oob, flags, _, err := c.sock.ReadMsgUnix(header[got:], rights)
		if errors.Is(err, io.EOF) {
			return 0, fds, endOfStream(got)
		}
		if got == 0 && errors.Is(err, os.ErrDeadlineExceeded) && c.paused.Load() {
			return 0, nil, ErrPaused
		}
		if c.overlook(err, late) {
			continue
		}
		if err != nil {
			return 0, fds, fmt.Errorf("cannot receive: %w", err)
		}
		more, err := parseRights(rights[:oob])
		fds = append(fds, more...)
		if err != nil {
			return 0, fds, err
		}
		if flags&unix.MSG_CTRUNC != 0 || len(fds) > c.maxFDs {
			return 0, fds, &ProtocolError{Reason: "too many descriptors"}
		}
		got += n
	}
	length, count := binary.BigEndian.Uint32(header[:]), binary.BigEndian.Uint32(header[4:])
	if int64(length) > int64(c.maxMessage) {
		return 0, fds, &ProtocolError{Reason: fmt.Sprintf("a message of %d bytes", length)}
	}
	if int64(count) != int64(len(fds)) {
		return 0, fds, &ProtocolError{Reason: fmt.Sprintf("%d descriptors announced, %d received", count, len(fds))}
	}
	return int(length), fds, nil
}

// receiveBody grows its buffer with what arrives, not with what was announced.
// Descriptors sent along with a body are closed by the kernel.
func (c *Conn) receiveBody(size int, late *lateness) (Message, error) {
	var body bytes.Buffer
	for {
		_, err := io.Copy(&body, io.LimitReader(c.sock, int64(size-body.Len())))
		switch {
		case c.overlook(err, late):
		case err != nil:
			return nil, fmt.Errorf("cannot receive: %w", err)
		case body.Len() < size:
			return nil, io.ErrUnexpectedEOF
		default:
			return decode(body.Bytes())
		}
	}
}

// endOfStream is the error of a stream that ends within a header.
func endOfStream(got int) error {
	if got > 0 {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// parseRights returns the descriptors of a control message, also those before
// an error, so that the caller can close them.
func parseRights(oob []byte) ([]int, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, &ProtocolError{Reason: err.Error()}
	}
	var fds []int
	for i := range messages {
		some, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return fds, &ProtocolError{Reason: err.Error()}
		}
		fds = append(fds, some...)
	}
	return fds, nil
}

// Discard closes descriptors that were received. Sockets among them do not
// linger, whatever the sender wants, but a file on a user's file system may take
// as long to close as that likes.
func Discard(fds []int) {
	for _, fd := range fds {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{}) // it fails on what is no socket
		_ = unix.Close(fd)                                                             // ours alone and never written to
	}
}
