package config

import "strings"

// The functions of this file are the patterns of the lexer: each returns how
// many leading bytes of s it matches, 0 for none.

// beyond is returned by a pattern that would go on past the end of s. PHP's
// scanner then drops what it has and ends the line. It takes an open single
// quote, or a line that ends in a NUL instead of a newline.
const beyond = -1

func isBlank(c byte) bool  { return c == ' ' || c == '\t' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }

// span counts the leading bytes for which in holds.
func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func matchByte(c byte) func(string) int {
	return func(s string) int {
		if s[0] == c {
			return 1
		}
		return 0
	}
}

func matchOneOf(set string) func(string) int {
	return func(s string) int {
		if strings.IndexByte(set, s[0]) >= 0 {
			return 1
		}
		return 0
	}
}

// matchWords matches one of the words in any case and the blanks behind it.
func matchWords(words ...string) func(string) int {
	return func(s string) int {
		longest := 0
		for _, w := range words {
			if len(s) >= len(w) && strings.EqualFold(s[:len(w)], w) {
				longest = max(longest, len(w)+span(s[len(w):], isBlank))
			}
		}
		return longest
	}
}

func matchBlanks(s string) int { return span(s, isBlank) }

// matchLabel matches a directive's or a variable's name; blanks belong to it,
// tabs do not.
func matchLabel(s string) int {
	n := span(s, func(c byte) bool { return strings.IndexByte("=\n\r\t;&|^$~(){}!\"[", c) < 0 })
	if n == len(s) {
		return beyond
	}
	return n
}

// matchOffset matches a name with the '[' of its key.
func matchOffset(s string) int {
	n := matchLabel(s)
	if n <= 0 || s[n] != '[' {
		return min(n, 0)
	}
	return n + 1 + span(s[n+1:], isBlank)
}

func matchEquals(s string) int {
	n := span(s, isBlank)
	if n == len(s) || s[n] != '=' {
		return 0
	}
	return n + 1 + span(s[n+1:], isBlank)
}

// newline matches one line end.
func newline(s string) int {
	switch {
	case strings.HasPrefix(s, "\r\n"):
		return 2
	case s != "" && (s[0] == '\n' || s[0] == '\r'):
		return 1
	default:
		return 0
	}
}

// afterBlanks matches blanks and what next matches behind them, if it does.
func afterBlanks(s string, next func(string) int) int {
	n := span(s, isBlank)
	m := next(s[n:])
	if m > 0 {
		return n + m
	}
	return m
}

func matchNewline(s string) int { return afterBlanks(s, newline) }

func matchComment(s string) int {
	return afterBlanks(s, func(s string) int {
		if s == "" || s[0] != ';' {
			return 0
		}
		n := span(s, func(c byte) bool { return c != '\r' && c != '\n' })
		if n == len(s) {
			return beyond
		}
		return n + newline(s[n:])
	})
}

// matchRaw matches a single-quoted string that is not empty.
func matchRaw(s string) int {
	if s[0] != '\'' {
		return 0
	}
	switch end := strings.IndexByte(s[1:], '\''); end {
	case -1:
		return beyond
	case 0:
		return 0
	default:
		return end + 2
	}
}

func matchDollarCurly(s string) int {
	if strings.HasPrefix(s, "${") {
		return 2
	}
	return 0
}

func matchConstant(s string) int {
	if !isLetter(s[0]) {
		return 0
	}
	return span(s, func(c byte) bool { return isLetter(c) || isDigit(c) })
}

// matchNumber matches -?digits or digits with a point.
func matchNumber(s string) int {
	if s[0] == '-' {
		if n := span(s[1:], isDigit); n > 0 {
			return n + 1
		}
		return 0
	}
	n := span(s, isDigit)
	if n == len(s) || s[n] != '.' {
		return n
	}
	fraction := span(s[n+1:], isDigit)
	if n+fraction == 0 {
		return 0
	}
	return n + 1 + fraction
}

func matchOperator(s string) int {
	if strings.IndexByte("&|^~()!", s[0]) < 0 {
		return 0
	}
	return 1 + span(s[1:], isBlank)
}

func matchQuote(s string) int    { return afterBlanks(s, closing('"')) }
func matchQuoteEnd(s string) int { return closingBlanks(s, '"') }

func matchOffsetEnd(s string) int { return afterBlanks(s, closing(']')) }

func matchSectionEnd(s string) int {
	n := closingBlanks(s, ']')
	if n == 0 {
		return 0
	}
	return n + newline(s[n:])
}

func closing(c byte) func(string) int {
	return func(s string) int {
		if s != "" && s[0] == c {
			return 1
		}
		return 0
	}
}

func closingBlanks(s string, c byte) int {
	if s[0] != c {
		return 0
	}
	return 1 + span(s[1:], isBlank)
}

// matchValue matches a stretch of unquoted value.
func matchValue(s string) int { return matchText(s, "$= \t\n\r;&|^~()!\"'\x00", false) }

// matchSection matches a stretch of a section's name or a list's key.
func matchSection(s string) int { return matchText(s, "$\n\r;\"']\\", true) }

// matchText matches the longest run of ordinary bytes (not in special), of
// dollars that open no variable with the byte after them, of a dollar,
// backslash and any byte, and, if escapes holds, of a backslash and any byte.
// These overlap, so all the ways to go on are followed at once: bit i of reach
// says that a match may end i bytes ahead.
func matchText(s string, special string, escapes bool) int {
	longest := 0
	for i, reach := 0, uint(1); reach != 0; i, reach = i+1, reach>>1 {
		if reach&1 == 0 {
			continue
		}
		if i > len(s) {
			return beyond
		}
		longest = i
		if i == len(s) {
			if escapes {
				return beyond
			}
			break
		}
		switch {
		case s[i] == '$':
			if i+1 < len(s) && s[i+1] != '{' && s[i+1] != 0 {
				reach |= 1 << 2
				if s[i+1] == '\\' {
					reach |= 1 << 3
				}
			}
		case escapes && s[i] == '\\':
			reach |= 1 << 2
		case strings.IndexByte(special, s[i]) < 0:
			reach |= 1 << 1
		}
	}
	return longest
}

// matchQuoted matches the inside of double quotes up to the closing quote or a
// variable. A backslash protects the next byte, except that \" at the end of
// the line closes, for Windows paths.
func matchQuoted(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i
		case '$':
			if i+1 < len(s) && s[i+1] == '{' {
				return i
			}
		case '\\':
			i++
			if i < len(s) && s[i] == '"' && (i+1 == len(s) || s[i+1] == '\n' || s[i+1] == '\r') {
				return i
			}
		}
	}
	return len(s)
}
