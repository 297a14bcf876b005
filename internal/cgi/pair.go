package cgi

import "encoding/binary"

// A pair is one parameter. A nil value marks a name that was deleted.
type pair struct {
	name, value []byte
}

// nextPair splits the first name-value pair off p. ok is false when p is too
// short for the lengths it states.
func nextPair(p []byte) (name, value, rest []byte, ok bool) {
	nameLen, p, ok := nextLength(p)
	if !ok {
		return nil, nil, nil, false
	}
	valueLen, p, ok := nextLength(p)
	if !ok || nameLen > len(p) || valueLen > len(p)-nameLen {
		return nil, nil, nil, false
	}
	return p[:nameLen:nameLen], p[nameLen : nameLen+valueLen : nameLen+valueLen], p[nameLen+valueLen:], true
}

// nextLength decodes a length of one byte, or of four with the top bit set.
func nextLength(p []byte) (n int, rest []byte, ok bool) {
	switch {
	case len(p) == 0:
		return 0, nil, false
	case p[0]&0x80 == 0:
		return int(p[0]), p[1:], true
	case len(p) < 4:
		return 0, nil, false
	}
	return int(binary.BigEndian.Uint32(p) &^ (1 << 31)), p[4:], true
}

// appendPair appends a parameter as a FastCGI name-value pair.
func appendPair(dst []byte, name, value []byte) []byte {
	dst = appendLength(dst, len(name))
	dst = appendLength(dst, len(value))
	dst = append(dst, name...)
	return append(dst, value...)
}

func appendLength(dst []byte, n int) []byte {
	if n < 0x80 {
		return append(dst, byte(n))
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n)|1<<31)
}
