package supervisor

import (
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/logfile"
)

func (s *session) openLogs() error {
	level, err := logfile.ParseLevel(s.start.Global.LogLevel)
	if err != nil {
		return err
	}
	var out io.Writer = os.Stderr
	opts := logfile.HandlerOptions{Level: level, Limit: s.start.Global.LogLimit, Origin: level <= slog.LevelDebug}
	if fd, ok := s.fds[control.FDErrorLog]; ok {
		s.errors = logfile.FromFD(fd)
		s.errors.Watch(nil, func(lines uint64) { logfile.Regained(s.log, lines) })
		out, s.lostErrors = s.errors, s.errors.Dropped
	} else if strings.EqualFold(s.start.Global.ErrorLog, "syslog") {
		opts.Syslog = true
		// Without a daemon the messages are lost until there is one.
		syslog, _ := logfile.NewSyslog(logfile.SyslogOptions{
			Ident: s.start.Global.SyslogIdent, Facility: s.start.Global.SyslogFacility, Level: level,
		})
		out, s.lostErrors = syslog, syslog.Dropped
	}
	s.log = slog.New(logfile.NewHandler(out, opts)).With("pool", s.start.Pool.Name)
	return nil
}

func (s *session) closeLogs() {
	if s.errors != nil {
		_ = s.errors.Close()
	}
}

// openPoolLogs has the supervisor write the logs that the pool is to have, also
// to files that cannot be opened now.
func (s *session) openPoolLogs() error {
	if s.start.Pool.AccessLog != "" {
		if err := s.sup.OpenAccessLog(s.logFD(control.FDAccessLog)); err != nil {
			return err
		}
	}
	if s.start.Pool.Slowlog != "" {
		s.sup.OpenSlowlog(s.logFD(control.FDSlowlog))
	}
	return nil
}

// logFD is the descriptor of that name, or -1.
func (s *session) logFD(name string) int {
	if fd, ok := s.fds[name]; ok {
		return fd
	}
	return -1
}

// reopen goes on in new log files.
func (s *session) reopen(names []string, fds []int) {
	for i, name := range names {
		switch {
		case i >= len(fds):
		case name == control.FDErrorLog && s.errors != nil:
			s.errors.Swap(fds[i])
		case name == control.FDAccessLog && s.sup.access != nil:
			s.sup.access.swap(fds[i])
		case name == control.FDSlowlog && s.sup.slowlog != nil:
			s.sup.slowlog.out.Swap(fds[i])
		default:
			closeAll(fds[i : i+1])
		}
	}
}
