package native

import (
	"errors"
	"strings"

	"github.com/anyfpm/anyfpm/internal/procmem"
)

// maxEntry bounds the length of an entry of .eh_frame.
const maxEntry = 1 << 16

var errEntry = errors.New("call frame information is malformed")

// An entry says how to find the caller's frame anywhere in a function (an
// FDE), with what it shares with others (its CIE).
type entry struct {
	begin, end uint64 // the function
	signal     bool   // the frame of a signal handler's caller
	codeAlign  uint64
	dataAlign  int64
	returnReg  uint64
	initial    []byte // instructions before those of the function
	program    []byte
}

// readEntry decodes the entry at an address.
func readEntry(m *procmem.Memory, addr uint64) (entry, error) {
	fde, err := record(m, addr)
	if err != nil {
		return entry{}, err
	}
	back := fde.addr
	distance := fde.u32()
	if distance == 0 {
		return entry{}, errEntry // a CIE
	}
	e, encoding, augmented, err := readCommon(m, back-uint64(distance))
	if err != nil {
		return entry{}, err
	}
	e.begin = fde.pointer(encoding, 0)
	e.end = e.begin + fde.value(encoding)
	if augmented {
		fde.block()
	}
	e.program = fde.p
	return e, fde.err
}

// record reads the length of an entry and what it says it has.
func record(m *procmem.Memory, addr uint64) (cursor, error) {
	r := procmem.NewReader(m)
	length := r.U32(addr)
	if r.Err() == nil && (length < 4 || length > maxEntry) {
		return cursor{}, errEntry
	}
	c := cursor{p: r.Bytes(addr+4, uint64(length)), addr: addr + 4}
	return c, r.Err()
}

// readCommon decodes a CIE, of which the pointers' encoding is one result.
func readCommon(m *procmem.Memory, addr uint64) (e entry, encoding byte, augmented bool, err error) {
	c, err := record(m, addr)
	if err != nil {
		return e, 0, false, err
	}
	id, version := c.u32(), c.u8()
	if c.err == nil && (id != 0 || version != 1 && version != 3) {
		return e, 0, false, errEntry
	}
	augmentation := c.cstring()
	e.codeAlign, e.dataAlign = c.uleb(), c.sleb()
	if version == 1 {
		e.returnReg = uint64(c.u8())
	} else {
		e.returnReg = c.uleb()
	}
	letters, augmented := strings.CutPrefix(augmentation, "z")
	if augmented {
		data := cursor{p: c.block(), addr: 0}
		for _, letter := range letters {
			switch letter {
			case 'R':
				encoding = data.u8()
			case 'P':
				data.value(data.u8())
			case 'L':
				data.u8()
			case 'S':
				e.signal = true
			}
		}
		if data.err != nil {
			return e, 0, false, data.err
		}
	} else if augmentation != "" {
		return e, 0, false, errEntry
	}
	e.initial = c.p
	return e, encoding, augmented, c.err
}
