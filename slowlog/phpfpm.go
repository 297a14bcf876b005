package slowlog

import (
	"fmt"
	"strings"
	"time"

	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// entryTime is php-fpm's form of a time.
const entryTime = "02-Jan-2006 15:04:05"

// AppendPHPFPM appends an event as php-fpm writes it to its slow log, with at
// most depth frames of each stack:
//
//	[20-Nov-2026 17:36:37]  [pool www] pid 12006
//	script_filename = /srv/www/slow.php
//	[0x00007fbdd1e15340] sleep() /srv/www/slow.php:2
//	[0x00007fbdd1e152d0] inner() /srv/www/slow.php:3
//
// What php-fpm has no words for follows in lines that begin with a #, so that
// who reads such files finds the frames where they always were. Without these
// lines an entry on PHP is php-fpm's own, byte by byte.
func AppendPHPFPM(dst []byte, e *Event, depth int) []byte {
	r := &e.Report
	dst = r.At.Local().AppendFormat(append(dst, '\n'), "["+entryTime+"]")
	dst = fmt.Appendf(dst, "  [pool %s] pid %d\n", cleanBounded(e.Pool, maxName), r.PID)
	dst = fmt.Appendf(dst, "script_filename = %s\n", cleanBounded(e.Script, maxText))
	others := r.Stacks
	own := len(others) > 0 && others[0].PID == 0
	if own {
		dst = appendFrames(dst, others[0], depth)
	} else if len(others) == 0 {
		dst = append(dst, "+++ dump failed\n"...)
	}
	dst = appendRequest(dst, e)
	if own {
		dst = appendTitle(dst, others[0])
		others = others[1:]
	}
	dst = fmt.Appendf(dst, "# waits in: %s\n", r.Wait)
	for _, c := range r.Children {
		dst = fmt.Appendf(dst, "# process %d of %d, %s, waits in: %s\n", c.PID, c.Parent, c.Command, c.Wait)
	}
	for _, note := range r.Notes {
		dst = fmt.Appendf(dst, "# note: %s\n", note)
	}
	for _, s := range others {
		dst = appendTitle(dst, s)
		dst = appendFrames(dst, s, depth)
	}
	return dst
}

// appendRequest appends the line about the request.
func appendRequest(dst []byte, e *Event) []byte {
	dst = fmt.Appendf(dst, "# request: %s %s, ", cleanBounded(e.Method, maxText), cleanBounded(e.URI, maxText))
	if e.RequestID != "" {
		dst = fmt.Appendf(dst, "id %s, ", cleanBounded(e.RequestID, maxText))
	}
	dst = fmt.Appendf(dst, "%s after %v, queued for %v", e.Reason, e.Elapsed.Round(time.Microsecond), e.Queue.Round(time.Microsecond))
	if e.Sample > 1 {
		dst = fmt.Appendf(dst, ", sample %d", e.Sample)
	}
	return append(dst, '\n')
}

// appendTitle appends the line that says whose stack it is. php-fpm's frames
// have no room for the place where PHP is; it is in this line, unless it is a
// function of PHP's own.
func appendTitle(dst []byte, s Stack) []byte {
	dst = append(append(dst, "# stack: "...), title(s)...)
	if isPHP(s) && len(s.Frames) > 0 && s.Frames[0].Kind != stack.Builtin {
		dst = fmt.Appendf(dst, ", at %s:%d", s.Frames[0].File, s.Frames[0].Line)
	}
	return append(dst, '\n')
}

// title says whose stack it is.
func title(s Stack) string {
	text := s.Runtime
	if s.PID != 0 {
		text += fmt.Sprintf(", process %d", s.PID)
	}
	if s.TID != 0 {
		text += fmt.Sprintf(", thread %d", s.TID)
	}
	if s.Note != "" {
		text += " (" + s.Note + ")"
	}
	if s.Wait != nil {
		text += ", waits in: " + s.Wait.String()
	}
	return text
}

// appendFrames appends a line per frame. Of PHP's they are php-fpm's own,
// which name a function and the place it was called from, and leave out the
// outermost code. Of other languages they name the place where the function
// is: their builtin functions are no frames, so the innermost place would be
// missing.
func appendFrames(dst []byte, s Stack, depth int) []byte {
	php := isPHP(s)
	for i, f := range s.Frames[:min(len(s.Frames), depth)] {
		name, at := f.Func, f
		if php {
			if f.Kind == stack.Main {
				break
			}
			name = phpName(f)
			if i+1 < len(s.Frames) {
				at = s.Frames[i+1]
			}
		}
		if name == "" {
			name = "???"
		}
		dst = fmt.Appendf(dst, "[0x%016x] %s() ", f.Addr, name)
		switch {
		case at.File != "":
			dst = fmt.Appendf(dst, "%s:%d\n", at.File, at.Line)
		case at.Module != "":
			dst = fmt.Appendf(dst, "%s:0\n", at.Module)
		default:
			dst = append(dst, "unknown:0\n"...)
		}
	}
	return dst
}

func isPHP(s Stack) bool { return strings.HasPrefix(s.Runtime, "php ") }

// phpName is php-fpm's name of a frame, which knows no classes.
func phpName(f Frame) string {
	switch {
	case f.Kind == stack.Include:
		return "[INCLUDE_OR_EVAL]"
	case f.Bare != "":
		return f.Bare
	default:
		return f.Func
	}
}
