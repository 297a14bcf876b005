package cgi

import (
	"bytes"
	"path"
	"strings"
)

// QueryArgs returns the command-line arguments of a script for an indexed
// query (RFC 3875 §4.4): a GET or HEAD request whose query string has no
// unencoded '='. It is split at '+' and each word is percent-decoded; what is
// active in a shell is escaped with a backslash, as §7.2 says and Apache does.
// There are no arguments at all when one word could not be passed on exactly:
// it is empty, has a broken escape or a NUL.
func QueryArgs(method, query []byte) []string {
	if string(method) != "GET" && string(method) != "HEAD" {
		return nil
	}
	if len(query) == 0 || bytes.IndexByte(query, '=') >= 0 {
		return nil
	}
	args := make([]string, 0, 1+bytes.Count(query, []byte{'+'}))
	for word := range bytes.SplitSeq(query, []byte{'+'}) {
		word, valid := decodePercent(nil, word)
		if !valid || len(word) == 0 || bytes.IndexByte(word, 0) >= 0 {
			return nil
		}
		args = append(args, escapeShell(word))
	}
	return args
}

// shellActive are the characters that the Bourne shell acts on within a word.
const shellActive = "&;`'\"|*?~<>^()[]{}$\\\n"

func escapeShell(word []byte) string {
	var b strings.Builder
	for _, c := range word {
		if strings.IndexByte(shellActive, c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// IsNPH reports whether a script answers with a whole HTTP response ("non
// parsed header", RFC 3875 §5): its name begins with nph-.
func IsNPH(script string) bool {
	return strings.HasPrefix(path.Base(script), "nph-")
}

// decodePercent appends s with its percent escapes decoded to dst. A broken
// escape is kept as it is and makes valid false.
func decodePercent(dst, s []byte) (out []byte, valid bool) {
	valid = true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
				c = unhex(s[i+1])<<4 | unhex(s[i+2])
				i += 2
			} else {
				valid = false
			}
		}
		dst = append(dst, c)
	}
	return dst, valid
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
