package gateway

import (
	"bytes"
	"log/slog"
)

// The most of a request's stderr that is logged: a script in a loop must not
// fill a disk.
const (
	maxStderrLine = 4 << 10
	maxStderr     = 64 << 10
)

// A stderrLog logs what a script writes to stderr, line by line.
type stderrLog struct {
	logger *slog.Logger
	line   []byte
	total  int
}

// Write takes what it can log and drops the rest; it never fails.
func (l *stderrLog) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && l.total < maxStderr {
		line, rest, ended := bytes.Cut(p, []byte("\n"))
		room := min(maxStderrLine-len(l.line), maxStderr-l.total)
		taken := line[:min(room, len(line))]
		l.line = append(l.line, taken...)
		l.total += len(taken)
		switch {
		case len(taken) < len(line): // a longer line is cut into several
			l.flush()
			p = p[len(taken):]
		case ended:
			l.total++
			l.flush()
			p = rest
		default:
			p = nil
		}
	}
	return n, nil
}

// flush logs the line that has not ended.
func (l *stderrLog) flush() {
	if line := bytes.TrimRight(l.line, "\r"); len(line) > 0 {
		l.logger.Warn("script wrote to stderr", slog.String("line", string(line)))
	}
	l.line = l.line[:0]
}
