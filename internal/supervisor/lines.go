package supervisor

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/anyfpm/anyfpm/internal/logfile"
)

const (
	// lastLines is how many lines of a process's output are kept to explain
	// its death, and lastLineLen how much of each.
	lastLines   = 5
	lastLineLen = 1 << 10
	// maxLine bounds a line that never ends.
	maxLine = 64 << 10
	// flushMarker is what php-fpm's workers print where a request ends
	// (fpm_stdio.c); a program of theirs may print it as well. It ends a line.
	flushMarker = "\x00fscf\x00"
)

// A stream is what a process printed a line on.
type stream uint8

const (
	onStdout stream = iota
	onStderr
)

// String returns the name of the stream.
func (s stream) String() string {
	if s == onStdout {
		return "stdout"
	}
	return "stderr"
}

// lines cuts what a process says on stderr and stdout into lines, for the
// error log (catch_workers_output) and to explain its death.
type lines struct {
	partial [2][]byte
	recent  []string
}

// speaker is the process that lines belong to.
type speaker interface {
	// sayLine logs one line if the pool wants that. The line is valid during
	// the call only.
	sayLine(s stream, line []byte)
}

// add takes what was said on s. What the other stream said before is a line of
// its own.
func (l *lines) add(s stream, p []byte, who speaker) {
	l.end(1-s, who)
	known := max(0, len(l.partial[s])-len(flushMarker)+1) // no end before it
	text := append(l.partial[s], p...)
	rest := text
	for {
		at, n := lineEnd(rest[known:])
		if at < 0 {
			break
		}
		l.say(s, rest[:known+at], who)
		rest = rest[known+at+n:]
		known = 0
	}
	if len(rest) >= maxLine {
		l.say(s, rest, who)
		rest = nil
	}
	l.partial[s] = text[:copy(text, rest)]
	if cap(text) > maxLine {
		l.partial[s] = bytes.Clone(l.partial[s])
	}
}

// lineEnd finds the end of the first line in p, and how long it is; at is -1
// when there is none.
func lineEnd(p []byte) (at, n int) {
	at, n = bytes.IndexByte(p, '\n'), 1
	within := p
	if at >= 0 {
		within = p[:at]
	}
	if i := bytes.Index(within, []byte(flushMarker)); i >= 0 {
		return i, len(flushMarker)
	}
	return at, n
}

// flush ends the lines that have no newline yet.
func (l *lines) flush(who speaker) {
	l.end(onStdout, who)
	l.end(onStderr, who)
}

func (l *lines) end(s stream, who speaker) {
	if len(l.partial[s]) > 0 {
		l.say(s, l.partial[s], who)
		l.partial[s] = l.partial[s][:0]
	}
}

func (l *lines) say(s stream, line []byte, who speaker) {
	if len(line) == 0 {
		return
	}
	if len(l.recent) == lastLines {
		l.recent = append(l.recent[:0], l.recent[1:]...)
	}
	l.recent = append(l.recent, strings.TrimRight(string(line[:min(len(line), lastLineLen)]), "\r"))
	who.sayLine(s, line)
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
func (s *Supervisor) workerSaid(pid int, on stream, line []byte) {
	source := ""
	switch {
	case !s.cfg.CatchWorkersOutput:
		return
	case s.cfg.DecorateOutput:
		source = fmt.Sprintf("child %d said into %s", pid, on)
	}
	if s.compat.holding {
		s.compat.held = append(s.compat.held, heldLine{source, bytes.Clone(line)})
		if s.compat.heldSize += len(line); s.compat.heldSize > maxHeld {
			s.releaseLines()
		}
		return
	}
	s.said = true
	logfile.Output(s.log, source, line)
}

// maxHeld is how much of what the workers print is held back, in bytes.
const maxHeld = 64 << 10

// A heldLine waits for its place in the log. php-fpm reads what its workers
// print once it has said that it is ready; so those who watch its log expect
// it after that line. The first request ends the waiting too: who sends it has
// seen that line or does not care, and expects what the worker says about the
// request to be in the log when it is answered.
type heldLine struct {
	source string
	line   []byte
}

// releaseLines logs what was held back, and ends the holding.
func (s *Supervisor) releaseLines() {
	held := s.compat.held
	s.compat.holding, s.compat.held = false, nil
	for _, l := range held {
		logfile.Output(s.log, l.source, l.line)
		s.said = true
	}
}

// say logs a line about a request that in php-fpm a worker says, on its stderr:
// with catch_workers_output it looks like that.
func (s *Supervisor) say(level slog.Level, format string, args ...any) {
	if !s.compat.php || !s.cfg.CatchWorkersOutput {
		logfile.Printf(s.log, level, format, args...)
		return
	}
	if s.log.Enabled(context.Background(), level) {
		line := s.workerPrefix(logfile.LevelName(level)) + fmt.Sprintf(format, args...)
		s.workerSaid(os.Getpid(), onStderr, []byte(line))
	}
}

func (p *script) sayLine(on stream, line []byte) { p.s.workerSaid(p.pid, on, line) }
