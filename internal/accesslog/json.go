package accesslog

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// maxString is the length at which strings in JSON are cut, so that a line
// stays whole and of a bounded length.
const maxString = 1024

// A jsonWriter appends the members of an object.
type jsonWriter struct {
	dst       []byte
	truncated bool
}

// appendJSON appends r as one line of JSON. The names of the members are a
// fixed part of the format; what is not known is left out, numbers are always
// there.
func appendJSON(dst []byte, r *Record) (line []byte, truncated bool) {
	w := jsonWriter{dst: append(dst, '{')}
	w.dst = append(w.dst, `"time":"`...)
	w.dst = r.Start.AppendFormat(w.dst, "2006-01-02T15:04:05.000000Z07:00")
	w.dst = append(w.dst, '"')
	w.text("pool", r.Pool)
	if r.WorkerPID != 0 {
		w.number("pid", uint64(r.WorkerPID))
		w.number("slot", uint64(r.Slot))
	}
	w.text("request_id", r.RequestID)
	w.text("remote", r.Remote)
	w.text("user", r.User)
	w.text("method", r.Method)
	w.text("uri", r.URI)
	w.text("query", r.Query)
	w.text("script", r.Script)
	w.number("content_length", r.ContentLength)
	w.number("status", uint64(max(r.Status, 0)))
	w.number("bytes", r.Bytes)
	w.text("outcome", r.Outcome)
	w.seconds("duration", r.Took)
	w.seconds("queue", r.Queue)
	w.seconds("cpu_user", r.UserCPU)
	w.seconds("cpu_system", r.SysCPU)
	w.number("memory", r.Memory)
	if w.truncated {
		w.name("truncated")
		w.dst = append(w.dst, "true"...)
	}
	return append(w.dst, "}\n"...), w.truncated
}

func (w *jsonWriter) name(name string) {
	w.dst = append(w.dst, ',', '"')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, '"', ':')
}

func (w *jsonWriter) number(name string, n uint64) {
	w.name(name)
	w.dst = strconv.AppendUint(w.dst, n, 10)
}

func (w *jsonWriter) seconds(name string, d time.Duration) {
	w.name(name)
	w.dst = strconv.AppendFloat(w.dst, d.Seconds(), 'f', 6, 64)
}

// text appends a string, U+FFFD for each byte in it that is no UTF-8.
func (w *jsonWriter) text(name, s string) {
	if s == "" {
		return
	}
	if len(s) > maxString {
		n := maxString
		for n > maxString-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
		w.truncated = true
	}
	w.name(name)
	w.dst = append(w.dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.dst = append(w.dst, '\\', byte(r))
		case r < ' ' || r >= 0x7f && r < 0xa0:
			w.dst = append(w.dst, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&0xf])
		default:
			w.dst = utf8.AppendRune(w.dst, r)
		}
	}
	w.dst = append(w.dst, '"')
}
