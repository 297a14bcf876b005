package config

import (
	"fmt"
	"strings"
)

// checkAccessFormat returns php-fpm's complaint about an access.format, or "".
func checkAccessFormat(format string) string {
	for {
		_, rest, found := strings.Cut(format, "%")
		if !found || rest == "" {
			return "" // a lone % at the end is no fault
		}
		modifier := ""
		for rest[0] == '{' {
			inside, behind, closed := strings.Cut(rest[1:], "}")
			if !closed || behind == "" {
				return "missing closing embrace in the access.format"
			}
			modifier, rest = inside, behind
		}
		if fault := checkAccessToken(rest[0], modifier); fault != "" {
			return fault
		}
		format = rest[1:]
	}
}

// accessModifiers are the words allowed between the braces of a token.
var accessModifiers = map[byte]struct{ words, described string }{
	'C': {"total user system", "'total', 'user' or 'system'"},
	'd': {
		"seconds milli milliseconds mili miliseconds micro microseconds",
		"'seconds', 'milli', 'milliseconds', 'micro' or 'microseconds'",
	},
	'M': {"bytes kilo kilobytes mega megabytes", "'bytes', 'kilo', 'kilobytes', 'mega' or 'megabytes'"},
}

func checkAccessToken(token byte, modifier string) string {
	switch token {
	case 'C', 'd', 'M':
		allowed := accessModifiers[token]
		for _, word := range strings.Fields(allowed.words) {
			if modifier == "" || strings.EqualFold(modifier, word) {
				return ""
			}
		}
		return fmt.Sprintf("only %s are allowed as a modifier for %%%c ('%s')", allowed.described, token, modifier)
	case 'e':
		if modifier == "" {
			return "the name of the environment variable must be set between embraces for %e"
		}
		return ""
	case 'o':
		if modifier == "" {
			return "the name of the header must be set between embraces for %o"
		}
		return ""
	case 't', 'T':
		return ""
	}
	if strings.IndexByte("%flmnpPqQrRsu", token) < 0 {
		return fmt.Sprintf("Invalid token in the access.format (%%%c)", token)
	}
	if modifier != "" {
		return fmt.Sprintf("embrace is not allowed for modifier %%%c", token)
	}
	return ""
}
