package supervisor

import (
	"bytes"
	"context"

	"github.com/anyfpm/anyfpm/internal/logfile"
)

// phpMessages are the messages of PHP about one request: what php-cgi says on
// FCGI_STDERR, a line for each. php-fpm puts them otherwise (fpm_main.c,
// sapi_cgi_log_message; zlog.c).
type phpMessages struct {
	partial []byte
	said    bool // there was one
}

// phpSaid takes what php-cgi says about the request.
func (r *request) phpSaid(p []byte) {
	m := &r.messages
	for len(p) > 0 {
		line, rest, whole := bytes.Cut(p, []byte{'\n'})
		m.partial = append(m.partial, line[:min(len(line), maxLine-len(m.partial))]...)
		if whole {
			r.endMessage()
		}
		p = rest
	}
}

// endMessage passes on a whole line: to the web server, which gets all messages
// of a request in one line, and to the log.
func (r *request) endMessage() {
	m := &r.messages
	line := m.partial
	m.partial = m.partial[:0]
	if len(line) == 0 {
		return
	}
	if m.said && continues(line) {
		r.Stderr(append([]byte{'\n'}, line...))
		r.logMessage(line)
		return
	}
	text := r.s.workerLine("PHP message: ", line)
	if m.said {
		r.Stderr([]byte("; "))
	}
	m.said = true
	r.Stderr(text)
	prefix := ""
	if r.s.log.Enabled(context.Background(), logfile.LevelNotice) {
		prefix = r.s.workerPrefix("NOTICE")
	}
	r.logMessage(append([]byte(prefix), text...))
}

// continues tells the further lines of a message: PHP has them for uncaught
// exceptions.
func continues(line []byte) bool {
	if len(line) > 1 && line[0] == '#' && line[1] >= '0' && line[1] <= '9' {
		return true
	}
	return bytes.HasPrefix(line, []byte("Stack trace:")) || bytes.HasPrefix(line, []byte("  thrown in ")) ||
		bytes.HasPrefix(line, []byte("Next "))
}

// logMessage logs a line of the worker that serves the request. In php-fpm
// log_level takes the level off a message of PHP, but not the message.
func (r *request) logMessage(line []byte) {
	if w := r.worker; w != nil {
		w.lines.flush(w)
		w.lines.add(onStderr, append(line, '\n'), w)
	}
}

// workerLine is what php-fpm's worker makes of a text: cut, with "..." at its
// end, if the line of it in the log would be too long.
func (s *Supervisor) workerLine(begin string, text []byte) []byte {
	line := append([]byte(begin), text...)
	if room := s.logLimit - len("NOTICE: \n"); len(line) > room {
		line = append(line[:max(0, room-len("..."))], "..."...)
	}
	return line
}

// workerPrefix begins a line that a worker logs about itself.
func (s *Supervisor) workerPrefix(level string) string {
	if s.log.Enabled(context.Background(), logfile.LevelDebug) {
		return level + ": (null)(), line 0: "
	}
	return level + ": "
}
