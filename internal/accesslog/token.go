package accesslog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A writer appends one piece of a line.
type writer func(dst []byte, r *Record, arg string) []byte

// A token is what a letter after '%' stands for.
type token struct {
	plain  writer            // without a modifier; nil when there must be one
	named  map[string]writer // with one of these modifiers
	free   writer            // with any modifier, its argument
	only   string            // how php-fpm lists the modifiers
	needed string            // what php-fpm calls the modifier there must be
}

// compile returns the op for a token with this modifier, empty for none.
func (t *token) compile(letter, modifier string) (op, error) {
	switch {
	case modifier == "" && t.plain != nil:
		return op{write: t.plain}, nil
	case modifier == "" && t.named != nil:
		return op{}, fmt.Errorf("only %s are allowed as a modifier for %%%s ('')", t.only, letter)
	case modifier == "":
		return op{}, fmt.Errorf("the name of the %s must be set between embraces for %%%s", t.needed, letter)
	case t.free != nil:
		return op{write: t.free, arg: modifier}, nil
	case t.named == nil:
		return op{}, fmt.Errorf("embrace is not allowed for modifier %%%s", letter)
	}
	if write, ok := t.named[strings.ToLower(modifier)]; ok {
		return op{write: write}, nil
	}
	return op{}, fmt.Errorf("only %s are allowed as a modifier for %%%s ('%s')", t.only, letter, modifier)
}

// tokens are php-fpm's, and ours, %{…}x.
var tokens = map[byte]*token{ //nolint:gochecknoglobals // a table, never changed
	'%': {plain: func(dst []byte, _ *Record, _ string) []byte { return append(dst, '%') }},
	'C': {
		plain: writeCPU,
		named: map[string]writer{
			"total":  writeCPU,
			"user":   func(dst []byte, r *Record, _ string) []byte { return appendShare(dst, r.UserCPU, r.Took) },
			"system": func(dst []byte, r *Record, _ string) []byte { return appendShare(dst, r.SysCPU, r.Took) },
		},
		only: "'total', 'user' or 'system'",
	},
	'd': {
		plain: writeSeconds,
		named: map[string]writer{
			"seconds":      writeSeconds,
			"milli":        writeMilliseconds,
			"milliseconds": writeMilliseconds,
			"mili":         writeMilliseconds, // as php-fpm spelt it first
			"miliseconds":  writeMilliseconds,
			"micro":        writeMicroseconds,
			"microseconds": writeMicroseconds,
		},
		only: "'seconds', 'milli', 'milliseconds', 'micro' or 'microseconds'",
	},
	'e': {
		free: func(dst []byte, r *Record, name string) []byte {
			if r.Params == nil {
				return append(dst, '-')
			}
			return appendBytes(dst, r.Params.Get(name))
		},
		needed: "environment variable",
	},
	'f': {plain: func(dst []byte, r *Record, _ string) []byte { return appendOrDash(dst, r.Script) }},
	'l': {plain: func(dst []byte, r *Record, _ string) []byte { return strconv.AppendUint(dst, r.ContentLength, 10) }},
	'm': {plain: func(dst []byte, r *Record, _ string) []byte { return appendOrDash(dst, r.Method) }},
	'M': {
		plain: writeBytes,
		named: map[string]writer{
			"bytes":     writeBytes,
			"kilo":      writeKilobytes,
			"kilobytes": writeKilobytes,
			"mega":      writeMegabytes,
			"megabytes": writeMegabytes,
		},
		only: "'bytes', 'kilo', 'kilobytes', 'mega' or 'megabytes'",
	},
	'n': {plain: func(dst []byte, r *Record, _ string) []byte { return appendOrDash(dst, r.Pool) }},
	'o': {
		free: func(dst []byte, r *Record, name string) []byte {
			var value []byte
			if r.Header != nil {
				value = r.Header.Lookup(name)
			}
			if len(value) == 0 {
				return append(dst, '-')
			}
			return appendEscaped(dst, value)
		},
		needed: "header",
	},
	'p': {plain: func(dst []byte, r *Record, _ string) []byte { return appendPID(dst, r.WorkerPID) }},
	'P': {plain: func(dst []byte, r *Record, _ string) []byte { return appendPID(dst, r.MasterPID) }},
	'q': {plain: func(dst []byte, r *Record, _ string) []byte { return appendEscaped(dst, r.Query) }},
	'Q': {plain: func(dst []byte, r *Record, _ string) []byte {
		if r.Query == "" {
			return dst
		}
		return append(dst, '?')
	}},
	'r': {plain: func(dst []byte, r *Record, _ string) []byte { return appendEscaped(dst, r.URI) }},
	'R': {plain: func(dst []byte, r *Record, _ string) []byte { return appendOrDash(dst, r.Remote) }},
	's': {plain: func(dst []byte, r *Record, _ string) []byte { return strconv.AppendInt(dst, int64(r.Status), 10) }},
	't': {
		plain: func(dst []byte, r *Record, _ string) []byte { return r.appendStamp(dst, r.Start) },
		free:  func(dst []byte, r *Record, format string) []byte { return appendTime(dst, r.Start, format) },
	},
	'T': {
		plain: func(dst []byte, r *Record, _ string) []byte { return r.appendStamp(dst, r.End) },
		free:  func(dst []byte, r *Record, format string) []byte { return appendTime(dst, r.End, format) },
	},
	'u': {plain: func(dst []byte, r *Record, _ string) []byte { return appendEscaped(dst, r.User) }},
	'x': {
		named: map[string]writer{
			"queue": func(dst []byte, r *Record, _ string) []byte {
				return strconv.AppendFloat(dst, r.Queue.Seconds(), 'f', 6, 64)
			},
			"outcome":    func(dst []byte, r *Record, _ string) []byte { return appendOrDash(dst, r.Outcome) },
			"request_id": func(dst []byte, r *Record, _ string) []byte { return appendOrDash(dst, r.RequestID) },
			"bytes":      func(dst []byte, r *Record, _ string) []byte { return strconv.AppendUint(dst, r.Bytes, 10) },
			"slot": func(dst []byte, r *Record, _ string) []byte {
				if r.WorkerPID == 0 {
					return append(dst, '-')
				}
				return strconv.AppendInt(dst, int64(r.Slot), 10)
			},
		},
		only: "'queue', 'outcome', 'request_id', 'bytes' or 'slot'",
	},
}

// timeLayout is php-fpm's default time, %d/%b/%Y:%H:%M:%S %z.
const timeLayout = "02/Jan/2006:15:04:05 -0700"

func writeLiteral(dst []byte, _ *Record, text string) []byte { return append(dst, text...) }

func writeCPU(dst []byte, r *Record, _ string) []byte {
	return appendShare(dst, r.UserCPU+r.SysCPU, r.Took)
}

func writeSeconds(dst []byte, r *Record, _ string) []byte {
	return strconv.AppendFloat(dst, r.Took.Seconds(), 'f', 3, 64)
}

func writeMilliseconds(dst []byte, r *Record, _ string) []byte {
	return strconv.AppendFloat(dst, r.Took.Seconds()*1000, 'f', 3, 64)
}

func writeMicroseconds(dst []byte, r *Record, _ string) []byte {
	return strconv.AppendInt(dst, r.Took.Microseconds(), 10)
}

func writeBytes(dst []byte, r *Record, _ string) []byte {
	return strconv.AppendUint(dst, r.Memory, 10)
}

func writeKilobytes(dst []byte, r *Record, _ string) []byte {
	return strconv.AppendUint(dst, r.Memory>>10, 10)
}

func writeMegabytes(dst []byte, r *Record, _ string) []byte {
	return strconv.AppendUint(dst, r.Memory>>20, 10)
}

// appendShare appends a part of a duration in percent.
func appendShare(dst []byte, part, whole time.Duration) []byte {
	if whole <= 0 {
		return append(dst, "0.00"...)
	}
	return strconv.AppendFloat(dst, 100*float64(part)/float64(whole), 'f', 2, 64)
}

func appendPID(dst []byte, pid int) []byte {
	if pid == 0 {
		return append(dst, '-')
	}
	return strconv.AppendInt(dst, int64(pid), 10)
}

func appendOrDash(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, '-')
	}
	return appendEscaped(dst, s)
}

// appendBytes appends a value, or a dash for nil.
func appendBytes(dst, value []byte) []byte {
	if value == nil {
		return append(dst, '-')
	}
	return appendEscaped(dst, value)
}
