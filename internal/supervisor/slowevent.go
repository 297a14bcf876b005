package supervisor

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/anyfpm/anyfpm/slowlog"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// Why a request is in the slow log.
const (
	eventSlow    = "slow"    // request_slowlog_timeout
	eventTimeout = "timeout" // request_terminate_timeout
)

// slowTime is php-fpm's form of a time.
const slowTime = "02-Jan-2006 15:04:05"

// maxSlowURI bounds a request's URI in the slow log.
const maxSlowURI = 8 << 10

// A slowEvent is an entry of the slow log; its fields are those of the JSON
// form, a line per entry.
type slowEvent struct {
	Event     string  `json:"event"`
	Pool      string  `json:"pool"`
	Method    string  `json:"method"`
	URI       string  `json:"uri"`
	Script    string  `json:"script"`
	RequestID string  `json:"request_id,omitempty"`
	Elapsed   float64 `json:"elapsed"` // seconds with the worker
	Queued    float64 `json:"queued"`  // seconds without one
	slowlog.Report
}

// slowEvent is what the slow log says of the request.
func (r *request) slowEvent() slowEvent {
	uri := string(r.uri()) + r.queryPart()
	return slowEvent{
		Event: eventSlow, Pool: r.s.cfg.Name,
		Method: string(r.method()), URI: uri[:min(len(uri), maxSlowURI)], Script: r.script, RequestID: r.requestID(),
		Elapsed: (r.s.loop.Now() - r.granted).Seconds(), Queued: r.queued().Seconds(),
	}
}

// format is the event as text: a line of JSON, or php-fpm's form with at most
// depth frames of a stack.
func (e *slowEvent) format(asJSON bool, depth int) ([]byte, error) {
	for i := range e.Stacks {
		if s := &e.Stacks[i]; asJSON && len(s.Frames) > depth {
			s.Frames, s.Truncated = s.Frames[:depth], true
		}
	}
	if asJSON {
		line, err := json.Marshal(e)
		return append(line, '\n'), err
	}
	return e.appendText(nil, depth), nil
}

// appendText appends php-fpm's form. What php-fpm does not know is in lines
// that begin with a #, so that whoever reads such files finds the frames where
// they always were.
func (e *slowEvent) appendText(b []byte, depth int) []byte {
	b = fmt.Appendf(b, "\n[%s]  [pool %s] pid %d\nscript_filename = %s\n", e.At.Format(slowTime), e.Pool, e.PID, printable(e.Script))
	for i := range e.Stacks {
		s := &e.Stacks[i]
		if i > 0 || s.PID != 0 {
			b = append(appendHeading(b, s), '\n')
		}
		b = appendFrames(b, s, depth)
	}
	b = fmt.Appendf(b, "# request: %s %s, ", printable(e.Method), printable(e.URI))
	if e.RequestID != "" {
		b = fmt.Appendf(b, "id %s, ", printable(e.RequestID))
	}
	b = fmt.Appendf(b, "%s after %s, queued for %s\n", e.Event, seconds(e.Elapsed), seconds(e.Queued))
	b = fmt.Appendf(b, "# waits in: %s\n", e.Wait)
	for _, c := range e.Children {
		b = fmt.Appendf(b, "# process %d of %d, %s, waits in: %s\n", c.PID, c.Parent, c.Command, c.Wait)
	}
	for _, note := range e.Notes {
		b = fmt.Appendf(b, "# note: %s\n", note)
	}
	return b
}

func appendHeading(b []byte, s *slowlog.Stack) []byte {
	b = append(append(b, "# "...), s.Runtime...)
	if s.PID != 0 {
		b = fmt.Appendf(b, ", process %d", s.PID)
	}
	if s.TID != 0 {
		b = fmt.Appendf(b, ", thread %d", s.TID)
	}
	if s.Note != "" {
		b = fmt.Appendf(b, " (%s)", s.Note)
	}
	if s.Wait != nil {
		b = fmt.Appendf(b, ", waits in: %s", s.Wait)
	}
	return b
}

// appendFrames appends a line per frame. Of PHP's they are php-fpm's own,
// which name the function and the place it was called from, and leave out the
// outermost code. Of other languages they name the place where the function
// is: their builtin functions are no frames, so the innermost place would be
// missing.
func appendFrames(b []byte, s *slowlog.Stack, depth int) []byte {
	php := strings.HasPrefix(s.Runtime, "php")
	for i, f := range s.Frames {
		name, at := f.Func, f
		if php {
			if f.Kind == stack.Main && i > 0 {
				break
			}
			name = phpName(f)
			if i+1 < len(s.Frames) {
				at = s.Frames[i+1]
			}
		}
		if i == depth {
			break
		}
		if name == "" {
			name = "???"
		}
		b = fmt.Appendf(b, "[0x%016x] %s() ", f.Addr, name)
		switch {
		case at.File != "":
			b = fmt.Appendf(b, "%s:%d\n", at.File, at.Line)
		case at.Module != "":
			b = fmt.Appendf(b, "%s:0\n", at.Module)
		default:
			b = append(b, "unknown:0\n"...)
		}
	}
	return b
}

// phpName is php-fpm's name of a frame, which knows no classes.
func phpName(f slowlog.Frame) string {
	switch {
	case f.Kind == stack.Include, f.Kind == stack.Main:
		return "[INCLUDE_OR_EVAL]"
	case f.Bare != "":
		return f.Bare
	default:
		return f.Func
	}
}

func seconds(s float64) string { return time.Duration(s * 1e9).Round(time.Microsecond).String() }

// printable makes text of a client safe for a log: what cannot be printed is
// a dot, as in php-fpm's.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return '.'
		}
		return c
	}, s)
}
