package master

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/logfile"
)

// An errorLog is where the service's log goes: a file, syslog, or standard
// error.
type errorLog struct {
	file   *logfile.Writer // nil for syslog
	syslog *logfile.Syslog // nil for a file
	path   string          // empty for syslog and standard error
	log    *slog.Logger

	// stderr is standard error as it was at the start, for the pools' logs;
	// standard error itself may have become the log since.
	stderr int

	startup *logfile.Startup // nil once the start is over or has no witness
}

// openErrorLog opens the log that g asks for. Until [errorLog.launched] the
// lines also go to standard error if that is not the log itself. stderr is a
// duplicate of standard error and stays the caller's.
func openErrorLog(g *config.Global, daemon, forceStderr bool, stderr int) (*errorLog, error) {
	level, err := logfile.ParseLevel(g.LogLevel)
	if err != nil {
		return nil, err
	}
	opts := logfile.HandlerOptions{Level: level, Limit: g.LogLimit, Origin: level <= logfile.LevelDebug}
	l := &errorLog{stderr: stderr}
	// php-fpm opens the log in any case, so that a bad one is noticed.
	switch {
	case strings.EqualFold(g.ErrorLog, "syslog"):
	case g.ErrorLog != "":
		if l.file, err = logfile.Open(g.ErrorLog); err != nil {
			return nil, fmt.Errorf("failed to open error_log (%s): %w", g.ErrorLog, errnoOf(err))
		}
		l.path = g.ErrorLog
	}
	if g.ErrorLog == "" || isStderr(g.ErrorLog) || !daemon && (forceStderr || terminal(unix.Stderr)) {
		return l.useStderr(opts)
	}
	var target slog.Handler
	if l.file != nil {
		target = logfile.NewHandler(l.file, opts)
	} else {
		target = l.useSyslog(g, opts)
	}
	l.startup = logfile.NewStartup(target, logfile.NewHandler(os.Stderr, opts))
	l.log = slog.New(l.startup)
	l.watch()
	return l, nil
}

// OpenLog opens the log that a service in the foreground with these directives
// would have, as it is while the service starts, and returns it with what to
// call at its end.
func OpenLog(g *config.Global, forceStderr bool) (log *slog.Logger, closeLog func(), err error) {
	l, err := openErrorLog(g, false, forceStderr, unix.Stderr)
	if err != nil {
		return nil, nil, err
	}
	return l.log, l.close, nil
}

// keepStderr returns a duplicate of standard error. In the background that is
// the starter's, who waits for its end, so it is /dev/null there.
func keepStderr(daemon bool) (int, error) {
	if daemon {
		return logfile.OpenFD(os.DevNull)
	}
	return logfile.OpenFD("/dev/stderr")
}

// stderrLogger is for what goes wrong before there is a log.
func stderrLogger() *slog.Logger {
	return slog.New(logfile.NewHandler(os.Stderr, logfile.HandlerOptions{}))
}

// useStderr makes standard error the log.
func (l *errorLog) useStderr(opts logfile.HandlerOptions) (*errorLog, error) {
	if l.file != nil {
		_ = l.file.Close() // nothing was written
	}
	file, err := logfile.Open("/dev/stderr")
	if err != nil {
		return nil, err
	}
	l.file, l.path = file, ""
	l.log = slog.New(logfile.NewHandler(file, opts))
	l.watch()
	return l, nil
}

// watch has the log tell of lines it has lost once it can.
func (l *errorLog) watch() {
	if l.file != nil {
		l.file.Watch(nil, func(lines uint64) { logfile.Regained(l.log, lines) })
	}
}

// dropped is how many lines were lost.
func (l *errorLog) dropped() uint64 {
	if l.syslog != nil {
		return l.syslog.Dropped()
	}
	return l.file.Dropped()
}

func (l *errorLog) useSyslog(g *config.Global, opts logfile.HandlerOptions) slog.Handler {
	// Without a daemon the messages are lost until there is one.
	l.syslog, _ = logfile.NewSyslog(logfile.SyslogOptions{Ident: g.SyslogIdent, Facility: g.SyslogFacility, Level: opts.Level})
	opts.Syslog = true
	return logfile.NewHandler(l.syslog, opts)
}

// launched ends the copying to standard error and makes that the log file, so
// that the last words of a crash are there too and whoever started the service
// sees the end of its output.
func (l *errorLog) launched() {
	if l.startup == nil {
		return
	}
	l.startup.Done()
	l.startup = nil
	l.redirectStderr()
}

func (l *errorLog) redirectStderr() {
	path := l.path
	switch {
	case l.syslog != nil:
		path = os.DevNull
	case path == "":
		return
	}
	fd, err := logfile.OpenFD(path)
	if err != nil {
		return // it stays what it was
	}
	_ = unix.Dup3(fd, unix.Stderr, 0)
	_ = unix.Close(fd) // written to only through its duplicate
}

// reopen opens the file anew after it was moved away.
func (l *errorLog) reopen() error {
	if l.path == "" {
		return nil
	}
	if err := l.file.Reopen(); err != nil {
		return err
	}
	l.redirectStderr()
	return nil
}

// syncPatience is how long the last lines may take before another program goes
// on with the log.
const syncPatience = time.Second

// sync waits for the lines so far to be written.
func (l *errorLog) sync() {
	if l.file != nil {
		l.file.Sync(syncPatience)
	}
}

func (l *errorLog) close() {
	var log io.Closer = l.file
	if l.syslog != nil {
		log = l.syslog
	}
	_ = log.Close() // there is no other place to complain
}

// descriptors opens the logs of a pool for its supervisor, all that can be.
// Names and descriptors go together; the caller closes them.
func (l *errorLog) descriptors(p *config.Pool) (names []string, fds []int, faults []error) {
	files := []struct{ name, path string }{
		{control.FDErrorLog, l.path}, {control.FDAccessLog, p.AccessLog}, {control.FDSlowlog, p.Slowlog},
	}
	if l.syslog == nil && l.path == "" {
		files[0].path = "/dev/stderr"
	}
	for _, f := range files {
		if f.path == "" || strings.EqualFold(f.path, "syslog") {
			continue
		}
		fd, err := l.openFD(f.path)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		names, fds = append(names, f.name), append(fds, fd)
	}
	return names, fds, faults
}

// openFD is logfile.OpenFD with the standard error of the start.
func (l *errorLog) openFD(path string) (int, error) {
	if isStderr(path) {
		return unix.FcntlInt(uintptr(l.stderr), unix.F_DUPFD_CLOEXEC, 3)
	}
	return logfile.OpenFD(path)
}

// isStderr tells a log that is standard error by another name.
func isStderr(path string) bool {
	return path == "/dev/stderr" || path == "/proc/self/fd/2" || path == "/dev/fd/2"
}

func terminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}
