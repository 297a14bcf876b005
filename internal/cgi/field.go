package cgi

import (
	"bytes"
	"strings"
)

// A field is the place of one field line in a normalized header block. A line
// without a colon is the name of a field without a value.
type field struct {
	start, colon, end int // end is behind the CR LF
}

// next returns the field after f; the zero field is before the first.
func (h *HeaderParser) next(f field) (next field, ok bool) {
	rest := h.buf[f.end:]
	end := bytes.IndexByte(rest, '\n')
	if end < len("\r\n") { // the blank line, or none
		return field{}, false
	}
	colon := bytes.IndexByte(rest[:end], ':')
	if colon < 0 {
		colon = end - len("\r")
	}
	return field{start: f.end, colon: f.end + colon, end: f.end + end + 1}, true
}

func (f field) name(block []byte) []byte { return block[f.start:f.colon] }

// value returns the value without the blanks around it; never nil, which
// bytes.Trim can be.
func (f field) value(block []byte) []byte {
	end := f.end - len("\r\n")
	start := min(f.colon+1, end)
	for start < end && isBlank(block[start]) {
		start++
	}
	for start < end && isBlank(block[end-1]) {
		end--
	}
	return block[start:end]
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// moved returns f after its block moved by n bytes.
func (f field) moved(n int) field { return field{f.start + n, f.colon + n, f.end + n} }

// Lookup returns the value of the first field with exactly this name, or nil.
// Upper and lower case differ, as they do in php-fpm's access.format.
func (h *HeaderParser) Lookup(name string) []byte {
	for f, ok := h.next(field{}); ok; f, ok = h.next(f) {
		if string(f.name(h.buf)) == name {
			return f.value(h.buf)
		}
	}
	return nil
}

// Get returns the value of the first field of this name, whatever its case, or
// nil.
func (h *HeaderParser) Get(name string) []byte {
	for f, ok := h.next(field{}); ok; f, ok = h.next(f) {
		if isName(f.name(h.buf), name) {
			return f.value(h.buf)
		}
	}
	return nil
}

// isName compares field names, which have no case.
func isName(b []byte, name string) bool {
	return len(b) == len(name) && strings.EqualFold(string(b), name)
}

// isField reports whether line is a field: a token and a colon (RFC 9110 §5.1).
func isField(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return false
	}
	for _, c := range line[:colon] {
		if !isTokenByte(c) {
			return false
		}
	}
	return true
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// isStatusLine reports whether line is the status line of an HTTP response:
// "HTTP/1.1 404 Not Found".
func isStatusLine(line []byte) bool {
	const prefix = len("HTTP/1.1 ")
	return len(line) > prefix && bytes.HasPrefix(line, []byte("HTTP/")) && isDigit(line[5]) &&
		line[6] == '.' && isDigit(line[7]) && line[8] == ' ' && parseStatus(line[prefix:]) != 0
}

// parseStatus returns the code at the beginning of the value of a Status
// field, or 0 if it is none.
func parseStatus(value []byte) int {
	if len(value) < 3 || !allDigits(value[:3]) || value[0] == '0' || len(value) > 3 && value[3] != ' ' {
		return 0
	}
	return int(value[0]-'0')*100 + int(value[1]-'0')*10 + int(value[2]-'0')
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
