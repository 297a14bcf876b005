package master

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// replyTimeout bounds the writing of an answer. It fits into the socket of any
// client that is there.
const replyTimeout = 100 * time.Millisecond

// A waiter waits for the outcome of a reload: an operator over a connection,
// which goes on waiting when this process becomes another program, or a
// function.
type waiter struct {
	conn net.Conn
	done func(error)
}

// tell ends the waiting.
func (w waiter) tell(err error) {
	if w.done != nil {
		w.done(err)
	}
	if w.conn == nil {
		return
	}
	code, r := http.StatusOK, reply{PID: os.Getpid()}
	switch {
	case errors.Is(err, errNoSuchPool):
		code, r = http.StatusNotFound, reply{Error: err.Error()}
	case err != nil:
		code, r = http.StatusConflict, reply{Error: err.Error()}
	}
	body, _ := json.Marshal(r) // two plain fields
	var text bytes.Buffer
	fmt.Fprintf(&text, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		code, http.StatusText(code), len(body), body)
	_ = w.conn.SetWriteDeadline(time.Now().Add(replyTimeout))
	_, _ = w.conn.Write(text.Bytes()) // the client has gone
	_ = w.conn.Close()
}

// fd returns a duplicate of the connection's descriptor, or -1 if there is
// none to hand on.
func (w waiter) fd() int {
	conn, ok := w.conn.(syscall.Conn)
	if !ok {
		return -1
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1
	}
	dup := -1
	if err := raw.Control(func(fd uintptr) { dup, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3) }); err != nil {
		return -1
	}
	return dup
}

// waiterOf returns the waiter whose connection another image of this process
// has handed on. The descriptor stays the caller's.
func waiterOf(fd int) (waiter, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return waiter{}, err
	}
	file := os.NewFile(uintptr(dup), "operator")
	defer file.Close()
	conn, err := net.FileConn(file)
	return waiter{conn: conn}, err
}
