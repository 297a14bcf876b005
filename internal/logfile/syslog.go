package logfile

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// syslogSocket is where the daemon listens.
const syslogSocket = "/dev/log"

// SyslogOptions name the sender and the kind of its messages.
type SyslogOptions struct {
	Ident    string // before the pid
	Facility int    // already shifted, as LOG_DAEMON = 24
	// Level is the configured log level: php-fpm gives its severity to every
	// message, whatever the message's own.
	Level slog.Level
	// Socket is the daemon's; empty is /dev/log.
	Socket string
}

// A Syslog sends each line written to it to the local syslog daemon. A message
// the daemon does not take at once is dropped and counted. It is safe for
// concurrent use.
type Syslog struct {
	opts    SyslogOptions
	dropped atomic.Uint64

	mu sync.Mutex
	fd int // connected, or -1
}

// NewSyslog connects to the daemon. Without one it fails, yet the Syslog
// returned can be used: it connects when the daemon is there.
func NewSyslog(opts SyslogOptions) (*Syslog, error) {
	if opts.Socket == "" {
		opts.Socket = syslogSocket
	}
	s := &Syslog{opts: opts, fd: -1}
	return s, s.connect()
}

// Write sends one line, without its newline, as one message.
func (s *Syslog) Write(line []byte) (int, error) {
	message := s.message(line)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd >= 0 && s.send(message) == nil {
		return len(line), nil
	}
	// The daemon was restarted, or was not there before.
	if s.connect() != nil || s.send(message) != nil {
		s.dropped.Add(1)
	}
	return len(line), nil
}

// Dropped is the number of messages lost so far.
func (s *Syslog) Dropped() uint64 { return s.dropped.Load() }

// Close disconnects from the daemon.
func (s *Syslog) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return nil
	}
	err := unix.Close(s.fd)
	s.fd = -1
	return err
}

func (s *Syslog) message(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	b := make([]byte, 0, len(line)+len(s.opts.Ident)+40)
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(s.opts.Facility|severity(s.opts.Level)), 10)
	b = append(b, '>')
	b = time.Now().AppendFormat(b, time.Stamp)
	b = append(b, ' ')
	b = append(b, s.opts.Ident...)
	b = append(b, '[')
	b = strconv.AppendInt(b, int64(os.Getpid()), 10)
	b = append(b, "]: "...)
	return append(b, line...)
}

// severity is syslog's number of a level.
func severity(l slog.Level) int {
	switch {
	case l < LevelNotice:
		return 7
	case l < LevelWarning:
		return 5
	case l < LevelError:
		return 4
	case l < LevelAlert:
		return 3
	default:
		return 1
	}
}

// connect replaces the connection; the caller holds mu, or is alone.
func (s *Syslog) connect() error {
	if s.fd >= 0 {
		_ = unix.Close(s.fd) // it has failed already
		s.fd = -1
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("cannot connect to syslog: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: s.opts.Socket}); err != nil {
		_ = unix.Close(fd) // never used
		return fmt.Errorf("cannot connect to syslog at %s: %w", s.opts.Socket, err)
	}
	s.fd = fd
	return nil
}

// send drops what the daemon does not take at once without an error, since
// connecting again would not help.
func (s *Syslog) send(message []byte) error {
	err := unix.Sendto(s.fd, message, unix.MSG_NOSIGNAL, nil)
	if err == unix.EAGAIN {
		s.dropped.Add(1)
		return nil
	}
	return err
}
