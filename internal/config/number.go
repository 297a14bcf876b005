package config

import "math"

// atoi converts like C's atoi on Linux: leading blanks, a sign, digits; what
// follows is ignored, no digits are 0, and what is too large is cut to 32 bits
// after saturating at 64.
func atoi(s string) int32 { return int32(atol(s)) }

// atol converts like C's atol.
func atol(s string) int64 {
	s = s[span(s, func(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }):]
	negative := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	var n int64
	for _, c := range []byte(s[:span(s, isDigit)]) {
		digit := int64(c - '0')
		if n > (math.MaxInt64-digit)/10 {
			if negative {
				return math.MinInt64
			}
			return math.MaxInt64
		}
		n = 10*n + digit
	}
	if negative {
		n = -n
	}
	return n
}

// isInteger reports whether php-fpm takes s for an integer: digits with an
// optional minus, none at all being 0.
func isInteger(s string) bool {
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	return span(s, isDigit) == len(s)
}

// isDigits reports whether s is made of decimal digits alone, as an empty
// string is.
func isDigits(s string) bool { return span(s, isDigit) == len(s) }
