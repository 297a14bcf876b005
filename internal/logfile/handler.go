package logfile

import (
	"context"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// timeFormat and debugTimeFormat begin each line, in local time.
	timeFormat      = "[02-Jan-2006 15:04:05] "
	debugTimeFormat = "[02-Jan-2006 15:04:05.000000] "

	// maxLine is where php-fpm cuts a line whatever log_limit says.
	maxLine      = 2048
	defaultLimit = 1024

	// Attributes with a place of their own in the line.
	poolKey  = "pool"
	errorKey = "err"
)

// HandlerOptions say what a line of [NewHandler] looks like.
type HandlerOptions struct {
	// Level is the lowest level written.
	Level slog.Level
	// Limit is log_limit, the longest line in bytes with its newline; longer
	// ones end in "...". Zero is php-fpm's default, 1024.
	Limit int
	// Origin adds microseconds, pid, function and line, as php-fpm does at
	// log_level debug.
	Origin bool
	// Syslog leaves the time and the pid to syslog and brackets the level.
	Syslog bool
}

// NewHandler returns a handler that writes each record to out as one line of
// php-fpm's error log, in one Write:
//
//	[20-Nov-2026 17:33:39] WARNING: [pool www] message key=value: error text (2)
//
// The attribute "pool" becomes the prefix and "err" the end of the line, with
// the number of a system error after its text; the others follow the message.
// Control characters are escaped, so that no record can forge a second line.
// It is safe for concurrent use if out is.
func NewHandler(out io.Writer, opts HandlerOptions) slog.Handler {
	if opts.Limit <= 0 {
		opts.Limit = defaultLimit
	}
	wrap := opts.Limit
	opts.Limit = min(opts.Limit, maxLine)
	return &handler{out: out, opts: opts, wrap: wrap, buffers: &sync.Pool{New: func() any { return new([]byte) }}}
}

type handler struct {
	out     io.Writer
	opts    HandlerOptions
	wrap    int        // log_limit for the output of workers
	buffers *sync.Pool // of *[]byte

	// What WithAttrs and WithGroup have set.
	pool   string
	err    string
	attrs  string // already formatted: " key=value"
	groups string // "group.": before the keys to come
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.opts.Level }

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	buf := h.buffers.Get().(*[]byte)
	defer h.buffers.Put(buf)
	line := h.appendPrefix((*buf)[:0], r)

	// All attributes come first, because one may belong before the message.
	own := attributes{pool: h.pool, err: h.err}
	r.Attrs(func(a slog.Attr) bool {
		own.add(h.groups, a)
		return true
	})
	line = appendPool(line, own.pool)
	line = appendPrintable(line, r.Message)
	line = append(line, h.attrs...)
	line = append(line, own.text...)
	if own.err != "" {
		line = append(line, ": "...)
		line = appendPrintable(line, own.err)
	}
	line = cut(line, h.opts.Limit)
	*buf = line
	_, err := h.out.Write(line)
	return err
}

// WithAttrs returns a handler that adds attrs to every record.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	all := attributes{pool: h.pool, err: h.err}
	for _, a := range attrs {
		all.add(h.groups, a)
	}
	with := *h
	with.pool, with.err = all.pool, all.err
	with.attrs += string(all.text)
	return &with
}

// WithGroup returns a handler that puts "name." before the keys to come.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.groups += name + "."
	return &with
}

func (h *handler) appendPrefix(b []byte, r slog.Record) []byte {
	switch {
	case h.opts.Syslog:
		b = append(b, '[')
		b = append(b, LevelName(r.Level)...)
		b = append(b, "] "...)
	case h.opts.Origin:
		b = appendTime(b, r.Time, debugTimeFormat)
		b = append(b, LevelName(r.Level)...)
		b = append(b, ": pid "...)
		b = strconv.AppendInt(b, int64(os.Getpid()), 10)
		b = append(b, ", "...)
	default:
		b = appendTime(b, r.Time, timeFormat)
		b = append(b, LevelName(r.Level)...)
		b = append(b, ": "...)
	}
	if h.opts.Origin {
		function, line := origin(r.PC)
		b = append(b, function...)
		b = append(b, "(), line "...)
		b = strconv.AppendInt(b, int64(line), 10)
		b = append(b, ": "...)
	}
	return b
}

// appendTime leaves the time out if it is zero, as slog wants it.
func appendTime(b []byte, t time.Time, format string) []byte {
	if t.IsZero() {
		return b
	}
	return t.Local().AppendFormat(b, format)
}

func appendPool(b []byte, pool string) []byte {
	if pool == "" {
		return b
	}
	b = append(b, "[pool "...)
	b = appendPrintable(b, pool)
	return append(b, "] "...)
}

// origin returns the name and line of the function that logged; the name is
// that of the named function around a closure, without package and receiver.
func origin(pc uintptr) (function string, line int) {
	if pc == 0 {
		return "(null)", 0
	}
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	parts := strings.Split(frame.Function[strings.LastIndexByte(frame.Function, '/')+1:], ".")
	for _, part := range slices.Backward(parts) {
		closure := strings.HasPrefix(part, "func") && strings.Trim(part[len("func"):], "0123456789") == ""
		if !closure && part != "" && part[0] > '9' {
			return part, frame.Line
		}
	}
	return "(null)", frame.Line
}

// cut ends line with a newline and, if it would be longer than limit, with
// "..." before it.
func cut(line []byte, limit int) []byte {
	if len(line) < limit {
		return append(line, '\n')
	}
	return append(line[:limit-len("...\n")], "...\n"...)
}
