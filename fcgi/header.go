package fcgi

import "encoding/binary"

// A header is the decoded form of the eight bytes that start a record.
type header struct {
	version    uint8
	typ        RecordType
	requestID  uint16
	contentLen int
	padding    int
}

// parseHeader reads the first HeaderLen bytes of p, which must be there.
func parseHeader(p []byte) header {
	_ = p[HeaderLen-1]
	return header{
		version:    p[0],
		typ:        RecordType(p[1]),
		requestID:  binary.BigEndian.Uint16(p[2:]),
		contentLen: int(binary.BigEndian.Uint16(p[4:])),
		padding:    int(p[6]),
	}
}

// AppendHeader appends the header of a record whose content and padding the
// caller appends next. contentLen is at most [MaxContent], padding at most 255.
func AppendHeader(dst []byte, typ RecordType, id uint16, contentLen, padding int) []byte {
	return append(dst,
		Version1, byte(typ),
		byte(id>>8), byte(id),
		byte(contentLen>>8), byte(contentLen),
		byte(padding), 0)
}
