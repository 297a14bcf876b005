package accesslog

import "unicode/utf8"

const hexDigits = "0123456789ABCDEF"

// appendEscaped appends text of a request or response as nginx does: control
// characters, '"' and '\' as \xHH; so are bytes that are no UTF-8.
func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == '"' || c == '\\' || c == 0x7f {
				dst = appendHex(dst, c)
			} else {
				dst = append(dst, c)
			}
			i++
			continue
		}
		r, size := decodeRune(s[i:])
		if r == utf8.RuneError && size <= 1 || r < 0xa0 {
			for range size {
				dst = appendHex(dst, s[i])
				i++
			}
			continue
		}
		dst = append(dst, s[i:i+size]...)
		i += size
	}
	return dst
}

func decodeRune[T string | []byte](s T) (rune, int) {
	var head [utf8.UTFMax]byte
	return utf8.DecodeRune(head[:copy(head[:], s)])
}

func appendHex(dst []byte, c byte) []byte {
	return append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&0xf])
}
