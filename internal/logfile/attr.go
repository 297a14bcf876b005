package logfile

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"
)

// attributes collects the attributes of a record into the parts of its line.
type attributes struct {
	pool string
	err  string
	text []byte // " key=value" for the rest
}

// add takes one attribute into its place. The keys with a place of their own
// have it only outside of groups.
func (as *attributes) add(groups string, a slog.Attr) {
	value := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
	case value.Kind() == slog.KindGroup:
		if a.Key != "" {
			groups += a.Key + "."
		}
		for _, member := range value.Group() {
			as.add(groups, member)
		}
	case groups == "" && a.Key == poolKey:
		as.pool = value.String()
	case groups == "" && a.Key == errorKey:
		as.err = errorText(value)
	default:
		as.text = append(as.text, ' ')
		as.text = append(as.text, groups...)
		as.text = append(as.text, a.Key...)
		as.text = append(as.text, '=')
		as.text = appendValue(as.text, value)
	}
}

func appendValue(b []byte, v slog.Value) []byte {
	text := v.String()
	if text == "" || strings.ContainsFunc(text, needsQuotes) {
		return strconv.AppendQuote(b, text)
	}
	return append(b, text...)
}

func needsQuotes(r rune) bool {
	return r <= ' ' || r == '"' || r == '=' || isHighControl(r) || r == utf8.RuneError
}

func errorText(v slog.Value) string {
	if err, ok := v.Any().(error); ok && err != nil {
		return ErrorText(err)
	}
	return v.String()
}

// ErrorText is the text of an error with php-fpm's ending for system errors;
// see [Strerror].
func ErrorText(err error) string {
	text := err.Error()
	var errno syscall.Errno
	if errors.As(err, &errno) && strings.HasSuffix(text, errno.Error()) {
		return strings.TrimSuffix(text, errno.Error()) + Strerror(errno)
	}
	return text
}

// Strerror returns the text of a system error as php-fpm logs it, the C
// library's spelling and the number: "No such file or directory (2)".
func Strerror(errno syscall.Errno) string {
	text := errno.Error()
	return strings.ToUpper(text[:1]) + text[1:] + " (" + strconv.Itoa(int(errno)) + ")"
}

// isHighControl tells the control characters that are not below the blank. The
// second half of them, in one character each, are what follows an ESC: terminals
// obey U+009B as they do ESC [.
func isHighControl(r rune) bool { return r >= 0x7f && r < 0xa0 }

// Printable returns s with control characters other than tab escaped, as in a
// line of a log: what others have made gives no commands to a terminal then.
func Printable(s string) string { return string(appendPrintable(nil, s)) }

// appendPrintable appends s with control characters other than tab escaped.
func appendPrintable(b []byte, s string) []byte {
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			r = rune(s[0]) // as in Latin-1
		}
		switch {
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r < ' ' && r != '\t' || isHighControl(r):
			b = appendHex(b, s[:size])
		default:
			b = append(b, s[:size]...)
		}
		s = s[size:]
	}
	return b
}

func appendHex(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for i := range len(s) {
		b = append(b, '\\', 'x', hex[s[i]>>4], hex[s[i]&15])
	}
	return b
}
