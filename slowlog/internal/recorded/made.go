package recorded

import (
	"encoding/binary"

	"github.com/anyfpm/anyfpm/internal/procmem"
)

// Made is memory that a test makes up from a table of offsets, for versions of
// which no process could be recorded. It shows that a sampler follows the
// table, not that the table is right: that is for the table's source to say.
type Made struct {
	Pages procmem.Pages
	next  uint64
}

// madeBase is where made memory begins.
const madeBase = 0x7f00_0000_0000

// NewMade returns memory with nothing in it.
func NewMade() *Made { return &Made{Pages: procmem.Pages{}, next: madeBase} }

// Room returns the address of n bytes, all zero.
func (m *Made) Room(n uint64) uint64 {
	const align = 16
	addr := m.next
	m.next += (n + align - 1) / align * align
	for base := addr &^ (procmem.PageSize - 1); base < m.next; base += procmem.PageSize {
		if m.Pages[base] == nil {
			m.Pages[base] = new(procmem.Page)
		}
	}
	return addr
}

// U64 writes eight bytes.
func (m *Made) U64(addr, v uint64) { m.Pages.Put(addr, binary.LittleEndian.AppendUint64(nil, v)) }

// U32 writes four bytes.
func (m *Made) U32(addr uint64, v uint32) {
	m.Pages.Put(addr, binary.LittleEndian.AppendUint32(nil, v))
}

// U8 writes a byte.
func (m *Made) U8(addr uint64, v byte) { m.Pages.Put(addr, []byte{v}) }

// Text writes a string after head bytes of room, with a NUL byte after it, and
// returns where the room is.
func (m *Made) Text(head uint64, s string) uint64 {
	addr := m.Room(head + uint64(len(s)) + 1)
	m.Pages.Put(addr+head, []byte(s))
	return addr
}
