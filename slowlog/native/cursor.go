package native

import (
	"encoding/binary"
	"errors"
)

// errShort is the error of an entry that ends within a value.
var errShort = errors.New("call frame information ends early")

// A cursor decodes bytes and remembers where in the process they are. After
// an error it yields zeros.
type cursor struct {
	p    []byte
	addr uint64 // of p[0] in the process
	err  error
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.p) {
		c.err = errShort
		c.p = nil
		return make([]byte, min(max(n, 0), 8))
	}
	out := c.p[:n]
	c.p, c.addr = c.p[n:], c.addr+uint64(n)
	return out
}

func (c *cursor) u8() byte    { return c.take(1)[0] }
func (c *cursor) u16() uint16 { return binary.LittleEndian.Uint16(c.take(2)) }
func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }
func (c *cursor) u64() uint64 { return binary.LittleEndian.Uint64(c.take(8)) }

// uleb decodes an unsigned LEB128 number of at most 64 bits.
func (c *cursor) uleb() uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b := c.u8()
		if shift < 64 {
			v |= uint64(b&0x7f) << shift
		}
		if b&0x80 == 0 || c.err != nil {
			return v
		}
	}
}

// sleb decodes a signed LEB128 number of at most 64 bits.
func (c *cursor) sleb() int64 {
	var v int64
	for shift := uint(0); ; {
		b := c.u8()
		if shift < 64 {
			v |= int64(b&0x7f) << shift
		}
		shift += 7
		if b&0x80 == 0 || c.err != nil {
			if shift < 64 && b&0x40 != 0 {
				v |= -1 << shift
			}
			return v
		}
	}
}

// block decodes a length and so many bytes.
func (c *cursor) block() []byte {
	n := c.uleb()
	return c.take(int(min(n, 1<<20)))
}

// cstring decodes up to a NUL byte.
func (c *cursor) cstring() string {
	for i, b := range c.p {
		if b == 0 {
			return string(c.take(i + 1)[:i])
		}
	}
	c.err = errShort
	return ""
}

// The encodings of a pointer (DW_EH_PE_…): a format and what it counts from.
const (
	encOmit    = 0xff
	encFormat  = 0x0f
	encUdata2  = 0x02
	encUdata4  = 0x03
	encUdata8  = 0x04
	encSdata2  = 0x0a
	encSdata4  = 0x0b
	encSdata8  = 0x0c
	encBase    = 0x70
	encPCRel   = 0x10
	encDataRel = 0x30
)

var errEncoding = errors.New("call frame information has a pointer of an unknown encoding")

// pointer decodes a pointer that may count from its own place or from data.
func (c *cursor) pointer(encoding byte, data uint64) uint64 {
	here := c.addr
	v := c.value(encoding)
	switch encoding & encBase {
	case 0:
	case encPCRel:
		v += here
	case encDataRel:
		v += data
	default:
		c.err = errEncoding
	}
	return v
}

// value decodes the number of a pointer.
func (c *cursor) value(encoding byte) uint64 {
	switch encoding & encFormat {
	case 0, encUdata8, encSdata8:
		return c.u64()
	case encUdata2:
		return uint64(c.u16())
	case encSdata2:
		return uint64(int64(int16(c.u16())))
	case encUdata4:
		return uint64(c.u32())
	case encSdata4:
		return uint64(int64(int32(c.u32())))
	}
	c.err = errEncoding
	return 0
}
