package procmem

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// MaxBytes is the longest run of bytes a Reader yields at once.
const MaxBytes = 1 << 20

// A Reader decodes little-endian values from a [Memory]. After the first
// error every method returns a zero value and reads nothing, so a walk may
// test Err once per step.
type Reader struct {
	m   *Memory
	err error
	buf [8]byte
}

// NewReader returns a Reader without an error.
func NewReader(m *Memory) *Reader { return &Reader{m: m} }

// Memory is what the Reader reads.
func (r *Reader) Memory() *Memory { return r.m }

// Err is the first error, or nil.
func (r *Reader) Err() error { return r.err }

// Fail records an error of the caller's own, such as a value that cannot be,
// unless there is one already.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// Read fills p, or zeroes it after an error.
func (r *Reader) Read(addr uint64, p []byte) {
	if r.err == nil {
		r.err = r.m.Read(addr, p)
	}
	if r.err != nil {
		clear(p)
	}
}

// U64 reads eight bytes.
func (r *Reader) U64(addr uint64) uint64 {
	r.Read(addr, r.buf[:8])
	return binary.LittleEndian.Uint64(r.buf[:8])
}

// U32 reads four bytes.
func (r *Reader) U32(addr uint64) uint32 {
	r.Read(addr, r.buf[:4])
	return binary.LittleEndian.Uint32(r.buf[:4])
}

// U16 reads two bytes.
func (r *Reader) U16(addr uint64) uint16 {
	r.Read(addr, r.buf[:2])
	return binary.LittleEndian.Uint16(r.buf[:2])
}

// U8 reads one byte.
func (r *Reader) U8(addr uint64) byte {
	r.Read(addr, r.buf[:1])
	return r.buf[0]
}

// Bytes reads n bytes, or fails if n is over [MaxBytes].
func (r *Reader) Bytes(addr, n uint64) []byte {
	if n > MaxBytes {
		r.Fail("length %d at %#x is out of bounds", n, addr)
	}
	if r.err != nil {
		return nil
	}
	p := make([]byte, n)
	r.Read(addr, p)
	if r.err != nil {
		return nil
	}
	return p
}

// String reads a string of n bytes, of which it returns at most limit.
func (r *Reader) String(addr, n, limit uint64) string {
	return string(r.Bytes(addr, min(n, limit)))
}

// CString reads up to a NUL byte, at most limit bytes. A null pointer is the
// empty string.
func (r *Reader) CString(addr, limit uint64) string {
	if addr == 0 || r.err != nil {
		return ""
	}
	var out []byte
	for uint64(len(out)) < limit {
		room := limit - uint64(len(out))
		chunk := r.Bytes(addr, min(PageSize-addr%PageSize, room))
		if r.err != nil {
			return ""
		}
		if i := bytes.IndexByte(chunk, 0); i >= 0 {
			return string(append(out, chunk[:i]...))
		}
		out = append(out, chunk...)
		addr += uint64(len(chunk))
	}
	return string(out)
}
