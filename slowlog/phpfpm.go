package slowlog

import (
	"fmt"
	"strings"

	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// AppendPHPFPM appends an event as php-fpm writes it to its slow log, with at
// most depth frames of each stack.
//
// php-fpm's lines name a function and where it was called from, innermost
// first, and end above the script's outermost code:
//
//	[20-Nov-2026 17:36:37]  [pool www] pid 12006
//	script_filename = /srv/www/slow.php
//	[0x00007fbdd1e15340] sleep() /srv/www/slow.php:2
//	[0x00007fbdd1e152d0] inner() /srv/www/slow.php:3
//
// An entry about PHP holds nothing else. For others what php-fpm has no words
// for is added as further lines of the form "name = value": whose stack
// follows, what the process waits for, its children, what is missing.
func AppendPHPFPM(dst []byte, e *Event, depth int) []byte {
	r := &e.Report
	dst = append(dst, '\n')
	dst = r.At.Local().AppendFormat(dst, "[02-Jan-2006 15:04:05]")
	dst = fmt.Appendf(dst, "  [pool %s] pid %d\n", cleanBounded(e.Pool, maxName), r.PID)
	dst = fmt.Appendf(dst, "script_filename = %s\n", cleanBounded(e.Script, maxText))
	plain := len(r.Stacks) == 1 && r.Stacks[0].PID == 0 && isPHP(r.Stacks[0])
	if !plain {
		dst = fmt.Appendf(dst, "waits_in = %s\n", r.Wait)
		for _, c := range r.Children {
			dst = fmt.Appendf(dst, "child %d of %d = %s: %s\n", c.PID, c.Parent, c.Command, c.Wait)
		}
	}
	for _, s := range r.Stacks {
		if !plain {
			dst = fmt.Appendf(dst, "stack = %s\n", title(s))
		}
		dst = appendFrames(dst, s, depth)
	}
	if len(r.Stacks) == 0 {
		dst = append(dst, "+++ dump failed\n"...)
	}
	for _, note := range r.Notes {
		dst = fmt.Appendf(dst, "note = %s\n", note)
	}
	return dst
}

func isPHP(s Stack) bool { return strings.HasPrefix(s.Runtime, "php ") }

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
		text += ", waits in " + s.Wait.String()
	}
	return text
}

// appendFrames appends the lines of a stack. Each has the place where the
// next frame outwards is, for that is where the function was called. Where
// the innermost frame is would be lost so, except in PHP, whose own functions
// are frames: it becomes a line of its own, of a function without a name.
func appendFrames(dst []byte, s Stack, depth int) []byte {
	frames := s.Frames
	if len(frames) == 0 {
		return dst
	}
	if s.Frames[0].Module != "" {
		return appendNative(dst, frames, depth)
	}
	if frames[0].Kind != stack.Builtin && !isPHP(s) {
		frames = append([]Frame{{Addr: frames[0].Addr, Kind: stack.Builtin}}, frames...)
	}
	for i, f := range frames[:min(len(frames), depth)] {
		if f.Kind == stack.Main {
			break
		}
		file, line := caller(frames[i+1:])
		dst = fmt.Appendf(dst, "[0x%016x] %s() %s:%d\n", f.Addr, functionName(f), file, line)
	}
	return dst
}

// caller is the place of the first frame that has one of its own.
func caller(outer []Frame) (file string, line int) {
	for _, f := range outer {
		if f.Kind != stack.Builtin && f.File != "" {
			return f.File, f.Line
		}
	}
	return "unknown", 0
}

// functionName is what php-fpm would call a frame.
func functionName(f Frame) string {
	switch {
	case f.Kind == stack.Include:
		return "[INCLUDE_OR_EVAL]"
	case f.Bare != "":
		return f.Bare
	case f.Func == "" || strings.HasPrefix(f.Func, "<") && f.Kind == stack.Builtin:
		return "???"
	}
	return f.Func
}

// appendNative appends native frames, which have an object for a file and no
// lines.
func appendNative(dst []byte, frames []Frame, depth int) []byte {
	for _, f := range frames[:min(len(frames), depth)] {
		dst = fmt.Appendf(dst, "[0x%016x] %s() %s:0\n", f.Addr, f.Func, f.Module)
	}
	return dst
}
