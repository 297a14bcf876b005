package supervisor

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
)

const (
	// lastLines is how many lines of a process's output are kept to explain
	// its death.
	lastLines = 5
	// maxLine bounds a line that never ends.
	maxLine = 8 << 10
)

// lines cuts what a process says on stderr or stdout into lines, for the
// error log (catch_workers_output) and to explain its death.
type lines struct {
	partial []byte
	recent  []string
}

// speaker is the process that lines belong to.
type speaker interface {
	// sayLine logs one line if the pool wants that.
	sayLine(line string)
}

func (l *lines) add(p []byte, who speaker) {
	for len(p) > 0 {
		line, rest, whole := bytes.Cut(p, []byte{'\n'})
		l.partial = append(l.partial, line[:min(len(line), maxLine)]...)
		if whole || len(l.partial) >= maxLine {
			l.flush(who)
		}
		p = rest
	}
}

// flush ends a line that has no newline yet.
func (l *lines) flush(who speaker) {
	if len(l.partial) == 0 {
		return
	}
	line := strings.TrimRight(string(l.partial), "\r")
	l.partial = l.partial[:0]
	if len(l.recent) == lastLines {
		l.recent = append(l.recent[:0], l.recent[1:]...)
	}
	l.recent = append(l.recent, line)
	who.sayLine(line)
}

// lastAttr is what was said last, for a log line; empty if nothing was.
func (l *lines) lastAttr() slog.Attr {
	if len(l.recent) == 0 {
		return slog.Attr{}
	}
	return slog.String("last_output", strings.Join(l.recent, " | "))
}

// lastLine is what was said last, empty if nothing was.
func (l *lines) lastLine() string {
	if len(l.recent) == 0 {
		return ""
	}
	return l.recent[len(l.recent)-1]
}

// workerSaid logs a line of a worker as php-fpm does (fpm_stdio.c).
func (s *Supervisor) workerSaid(pid int, line string) {
	switch {
	case !s.cfg.CatchWorkersOutput || line == "":
	case s.cfg.DecorateOutput:
		s.log.Warn(fmt.Sprintf("child %d said into stderr: \"%s\"", pid, line))
	default:
		s.log.Warn(line)
	}
}

func (p *script) sayLine(line string) { p.s.workerSaid(p.pid, line) }
