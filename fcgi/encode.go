package fcgi

import "encoding/binary"

// AppendStream appends data as records of the stream typ, cut and padded so
// that every record is a multiple of eight bytes long. No data appends
// nothing: an empty record would end the stream, and that is what
// [AppendStreamEnd] is for.
func AppendStream(dst []byte, typ RecordType, id uint16, data []byte) []byte {
	for len(data) > maxAligned {
		dst = appendPadded(dst, typ, id, data[:maxAligned])
		data = data[maxAligned:]
	}
	if len(data) > 0 {
		dst = appendPadded(dst, typ, id, data)
	}
	return dst
}

// AppendStreamEnd appends the empty record that ends the stream typ.
func AppendStreamEnd(dst []byte, typ RecordType, id uint16) []byte {
	return AppendHeader(dst, typ, id, 0, 0)
}

// AppendRecord appends one record, also when content is empty. Content beyond
// what one record can hold goes into further records of the same type.
func AppendRecord(dst []byte, typ RecordType, id uint16, content []byte) []byte {
	if len(content) == 0 {
		return AppendHeader(dst, typ, id, 0, 0)
	}
	return AppendStream(dst, typ, id, content)
}

// AppendBegin appends BEGIN_REQUEST.
func AppendBegin(dst []byte, id uint16, role Role, flags uint8) []byte {
	dst = AppendHeader(dst, TypeBeginRequest, id, HeaderLen, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(role))
	return append(dst, flags, 0, 0, 0, 0, 0)
}

// AppendAbort appends ABORT_REQUEST.
func AppendAbort(dst []byte, id uint16) []byte {
	return AppendHeader(dst, TypeAbortRequest, id, 0, 0)
}

// AppendEnd appends END_REQUEST. It does not end the request's streams.
func AppendEnd(dst []byte, id uint16, appStatus uint32, status ProtocolStatus) []byte {
	dst = AppendHeader(dst, TypeEndRequest, id, HeaderLen, 0)
	dst = binary.BigEndian.AppendUint32(dst, appStatus)
	return append(dst, byte(status), 0, 0, 0)
}

// AppendUnknownType appends UNKNOWN_TYPE, the answer to a record whose type
// the receiver does not know.
func AppendUnknownType(dst []byte, typ RecordType) []byte {
	dst = AppendHeader(dst, TypeUnknownType, 0, HeaderLen, 0)
	return append(dst, byte(typ), 0, 0, 0, 0, 0, 0, 0)
}

// AppendBreak appends what no peer accepts, the header of a record of version
// 0. It says that what has begun will not be completed, for which FastCGI has
// no word; the connection is of no use after it.
func AppendBreak(dst []byte) []byte {
	return append(dst, versionBreak, 0, 0, 0, 0, 0, 0, 0)
}

// appendPadded appends one record, padded to a multiple of eight bytes.
func appendPadded(dst []byte, typ RecordType, id uint16, content []byte) []byte {
	var zeros [7]byte
	padding := -len(content) & 7
	dst = AppendHeader(dst, typ, id, len(content), padding)
	dst = append(dst, content...)
	return append(dst, zeros[:padding]...)
}
