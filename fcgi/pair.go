package fcgi

import "encoding/binary"

// longLength marks a length of four bytes; one byte holds up to 127.
const longLength = 1 << 31

// NextPair splits the first name-value pair off p, the content of a PARAMS,
// GET_VALUES or GET_VALUES_RESULT stream. name, value and rest alias p. A
// pair may lie across records, so p must be put together first. The error is
// a *[ProtocolError]: p is empty, or a length lies about it.
func NextPair(p []byte) (name, value, rest []byte, err error) {
	nameLen, rest, ok := nextLength(p)
	if !ok {
		return nil, nil, nil, &ProtocolError{Reason: ReasonPair}
	}
	valueLen, rest, ok := nextLength(rest)
	if !ok || uint64(nameLen)+uint64(valueLen) > uint64(len(rest)) {
		return nil, nil, nil, &ProtocolError{Reason: ReasonPair}
	}
	end := nameLen + valueLen
	return rest[:nameLen:nameLen], rest[nameLen:end:end], rest[end:], nil
}

// AppendPair appends a name-value pair. Neither may be 2 GiB or longer.
func AppendPair[N, V string | []byte](dst []byte, name N, value V) []byte {
	dst = appendLength(dst, len(name))
	dst = appendLength(dst, len(value))
	dst = append(dst, name...)
	return append(dst, value...)
}

func nextLength(p []byte) (n uint32, rest []byte, ok bool) {
	if len(p) == 0 {
		return 0, nil, false
	}
	if p[0] < 128 {
		return uint32(p[0]), p[1:], true
	}
	if len(p) < 4 {
		return 0, nil, false
	}
	return binary.BigEndian.Uint32(p) &^ longLength, p[4:], true
}

func appendLength(dst []byte, n int) []byte {
	if n < 128 {
		return append(dst, byte(n))
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n)|longLength)
}
