package status

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// appendPlain appends s for a text page: what would end or hide a line, or is a
// command for a terminal, and what is no UTF-8, becomes U+FFFD.
func appendPlain(dst []byte, s string) []byte {
	for _, r := range s {
		if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
			r = utf8.RuneError
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// appendMarkup appends s for HTML and XML as PHP's htmlspecialchars does,
// with ' left alone and U+FFFD for characters that XML 1.0 does not allow, and
// for what is no UTF-8.
func appendMarkup(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '"':
			dst = append(dst, "&quot;"...)
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0xfffe, r == 0xffff:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s as a JSON string, without what is no UTF-8. With
// all set it escapes everything that PHP's json_encode does, the slash and all
// that is not ASCII included.
func appendJSONString(dst []byte, s string, all bool) []byte {
	dst = append(dst, '"')
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd") {
			continue
		}
		switch {
		case r == '"' || r == '\\' || r == '/' && all:
			dst = append(dst, '\\', byte(r))
		case r == '\b':
			dst = append(dst, `\b`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < ' ' || r > 0x7f && r <= 0xffff && all:
			dst = appendUnicodeEscape(dst, r)
		case r > 0xffff && all:
			high, low := utf16.EncodeRune(r)
			dst = appendUnicodeEscape(appendUnicodeEscape(dst, high), low)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

func appendUnicodeEscape(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&0xf], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf], hexDigits[r&0xf])
}
