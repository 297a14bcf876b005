package fcgi

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A poorListener fails with each of its errors before it accepts.
type poorListener struct {
	net.Listener
	errs []error
}

func (l *poorListener) Accept() (net.Conn, error) {
	if len(l.errs) == 0 {
		conn, _ := net.Pipe()
		return conn, nil
	}
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
}

func TestAcceptBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		l := &poorListener{errs: []error{
			syscall.EMFILE, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
			syscall.ECONNABORTED, syscall.EMFILE, syscall.EMFILE, syscall.EMFILE, syscall.EMFILE,
		}}
		start := time.Now()
		conn, err := accept(l, nil, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil || conn == nil {
			t.Fatalf("got %v, %v", conn, err)
		}
		// 5 ms doubled eight times, with a second at most, then a second.
		if waited := time.Since(start); waited != 1275*time.Millisecond+2*time.Second {
			t.Errorf("waited %v", waited)
		}
		if n := strings.Count(log.String(), "cannot accept"); n != 1 {
			t.Errorf("%d lines in the log:\n%s", n, log.String())
		}
	})
}

func TestAcceptGivesUp(t *testing.T) {
	l := &poorListener{errs: []error{syscall.EINVAL}}
	if _, err := accept(l, nil, slog.New(slog.DiscardHandler)); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("got %v", err)
	}
	closed := make(chan struct{})
	close(closed)
	l.errs = []error{syscall.EMFILE}
	if _, err := accept(l, closed, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrServerClosed) {
		t.Errorf("got %v", err)
	}
}
