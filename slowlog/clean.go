package slowlog

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes text of a process safe to write to a log and to show on a
// terminal: each byte of what is not a printable character becomes a dot.
func clean(s string) string {
	printable := true
	for _, c := range s {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			printable = false
			break
		}
	}
	if printable {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		c, size := utf8.DecodeRuneInString(s)
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			b.WriteString(strings.Repeat(".", size))
		} else {
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// cleanBounded is clean for text of any length: what is over limit bytes is
// cut off.
func cleanBounded(s string, limit int) string {
	if len(s) <= limit {
		return clean(s)
	}
	return clean(s[:limit]) + "…"
}
