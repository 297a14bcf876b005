package fcgi

import (
	"errors"
	"log/slog"
	"net"
	"syscall"
	"time"
)

// The pause after an accept that failed for want of something, doubled each
// time up to the longest.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

// accept is l.Accept that waits when the system is short of something, and
// gives up when closed is closed.
func accept(l net.Listener, closed <-chan struct{}, logger *slog.Logger) (net.Conn, error) {
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		conn, err := l.Accept()
		if err == nil || !passing(err) {
			return conn, err
		}
		if pause == shortestPause {
			logger.Warn("cannot accept connections for now", slog.Any("err", err), slog.Duration("pause", pause))
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-closed:
			timer.Stop()
			return nil, ErrServerClosed
		}
	}
}

// passing reports whether an error of accept(2) says nothing about the
// listener: the next connection may be fine.
func passing(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.EPERM, syscall.EPROTO, syscall.EINTR,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
