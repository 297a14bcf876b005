package harness

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The record types, roles and statuses of FastCGI 1.0, section 8.
const (
	BeginRequest    = 1
	AbortRequest    = 2
	EndRequest      = 3
	Params          = 4
	Stdin           = 5
	Stdout          = 6
	Stderr          = 7
	Data            = 8
	GetValues       = 9
	GetValuesResult = 10
	UnknownType     = 11

	Responder  = 1
	Authorizer = 2
	Filter     = 3

	RequestComplete = 0
	CantMultiplex   = 1
	Overloaded      = 2
	UnknownRole     = 3

	KeepConn = 1
)

// A Record is one FastCGI record.
type Record struct {
	Type    byte
	ID      uint16
	Content []byte
	// Padding is how many bytes follow the content.
	Padding byte
	// Version is 1 when zero.
	Version byte
}

// Bytes returns the record as it goes over the wire. Content of more than
// 65535 bytes does not fit into a record; its length is then sent modulo
// 65536, which is one of the lies the tests tell.
func (r Record) Bytes() []byte {
	if r.Version == 0 {
		r.Version = 1
	}
	b := []byte{r.Version, r.Type, 0, 0, 0, 0, r.Padding, 0}
	binary.BigEndian.PutUint16(b[2:], r.ID)
	binary.BigEndian.PutUint16(b[4:], uint16(len(r.Content)))
	b = append(b, r.Content...)
	return append(b, make([]byte, r.Padding)...)
}

// readRecord reads one record.
func readRecord(r io.Reader) (Record, error) {
	var h [8]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return Record{}, err
	}
	rec := Record{Version: h[0], Type: h[1], ID: binary.BigEndian.Uint16(h[2:]), Padding: h[6]}
	if rec.Version != 1 {
		return rec, fmt.Errorf("record of version %d", rec.Version)
	}
	body := make([]byte, int(binary.BigEndian.Uint16(h[4:]))+int(h[6]))
	if _, err := io.ReadFull(r, body); err != nil {
		return rec, fmt.Errorf("record of type %d ends early: %w", rec.Type, err)
	}
	rec.Content = body[:len(body)-int(h[6])]
	return rec, nil
}

// Begin returns a BEGIN_REQUEST record.
func Begin(id uint16, role uint16, flags byte) []byte {
	content := make([]byte, 8)
	binary.BigEndian.PutUint16(content, role)
	content[2] = flags
	return Record{Type: BeginRequest, ID: id, Content: content}.Bytes()
}

// Stream returns the records of a whole stream, its end included.
func Stream(typ byte, id uint16, data []byte) []byte {
	return append(Chunks(typ, id, data), Record{Type: typ, ID: id}.Bytes()...)
}

// Chunks returns data as records of a stream without the stream's end.
func Chunks(typ byte, id uint16, data []byte) []byte {
	const most = 65528
	var b []byte
	for len(data) > 0 {
		n := min(len(data), most)
		b = append(b, Record{Type: typ, ID: id, Content: data[:n]}.Bytes()...)
		data = data[n:]
	}
	return b
}

// Pair returns a name-value pair as PARAMS carries it, with the short form of
// a length where that is possible.
func Pair(name, value string) []byte {
	b := appendLength(nil, len(name))
	b = appendLength(b, len(value))
	b = append(b, name...)
	return append(b, value...)
}

func appendLength(b []byte, n int) []byte {
	if n < 128 {
		return append(b, byte(n))
	}
	return binary.BigEndian.AppendUint32(b, uint32(n)|1<<31)
}

// pairs reads name-value pairs.
func pairs(b []byte) (map[string]string, error) {
	found := make(map[string]string)
	for len(b) > 0 {
		name, rest, err := length(b)
		if err != nil {
			return nil, err
		}
		value, rest, err := length(rest)
		if err != nil {
			return nil, err
		}
		if len(rest) < name+value {
			return nil, fmt.Errorf("pair of %d and %d bytes in %d", name, value, len(rest))
		}
		found[string(rest[:name])] = string(rest[name : name+value])
		b = rest[name+value:]
	}
	return found, nil
}

func length(b []byte) (n int, rest []byte, err error) {
	switch {
	case len(b) >= 1 && b[0] < 128:
		return int(b[0]), b[1:], nil
	case len(b) >= 4:
		return int(binary.BigEndian.Uint32(b) &^ (1 << 31)), b[4:], nil
	default:
		return 0, nil, io.ErrUnexpectedEOF
	}
}
