package cgi

import (
	"bytes"
	"iter"
	"strings"
)

// A variable is one entry of an environment.
type variable struct{ name, value string }

// metaDefaults are the meta-variables that RFC 3875 §4.1 demands and that do
// not depend on the request. They stand in for what the web server left out.
var metaDefaults = [...]variable{ //nolint:gochecknoglobals // a table, never changed
	{"GATEWAY_INTERFACE", "CGI/1.1"},
	{"QUERY_STRING", ""},
	{"SERVER_PROTOCOL", "HTTP/1.0"},
	{"SERVER_SOFTWARE", "anyfpm"},
}

// AppendNUL appends the environment of a script for this request to dst, each
// variable as NAME=value and a NUL byte: the parameters in order, then the
// defaults of RFC 3875 that are missing (GATEWAY_INTERFACE, QUERY_STRING,
// SERVER_PROTOCOL, SERVER_SOFTWARE).
//
// What no environment can hold is left out: an empty name, a name with '=' or
// NUL, a value with NUL; and so is a CONTENT_LENGTH that is no number (Caddy
// sends -1 for a chunked body).
func (p *Params) AppendNUL(dst []byte) []byte {
	for name, value := range p.variables() {
		dst = append(dst, name...)
		dst = append(dst, '=')
		dst = append(dst, value...)
		dst = append(dst, 0)
	}
	for _, d := range metaDefaults {
		if !p.Has(d.name) {
			dst = append(dst, d.name...)
			dst = append(dst, '=')
			dst = append(dst, d.value...)
			dst = append(dst, 0)
		}
	}
	return dst
}

// Environ appends the same environment to dst as "NAME=value" strings. The
// entries of base, such as a pool's env[] directives, come first, without
// those that the request defines itself.
func (p *Params) Environ(dst, base []string) []string {
	for _, entry := range base {
		if name, _, ok := strings.Cut(entry, "="); ok && !p.Has(name) {
			dst = append(dst, entry)
		}
	}
	block := string(p.AppendNUL(nil))
	for len(block) > 0 {
		entry, rest, _ := strings.Cut(block, "\x00")
		dst = append(dst, entry)
		block = rest
	}
	return dst
}

// variables returns the parameters that an environment can hold.
func (p *Params) variables() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for name, value := range p.All() {
			switch {
			case len(name) == 0 || bytes.IndexByte(name, '=') >= 0 || bytes.IndexByte(name, 0) >= 0:
			case bytes.IndexByte(value, 0) >= 0:
			case string(name) == "CONTENT_LENGTH" && !allDigits(value):
			default:
				if !yield(name, value) {
					return
				}
			}
		}
	}
}

// allDigits reports whether b holds nothing but decimal digits; an empty b
// does.
func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
