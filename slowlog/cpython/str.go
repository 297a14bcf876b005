package cpython

import (
	"encoding/binary"

	"github.com/anyfpm/anyfpm/internal/procmem"
)

// kindShift is where the kind begins in the state of a str; compact and ascii
// follow it.
const kindShift = 2

// str reads a str object. Names and file names are always compact, that is in
// one piece with their characters.
func (s *sampler) str(r *procmem.Reader, addr uint64) string {
	s.check(r, addr, s.strType, "str")
	length := r.U64(addr + strLength)
	state := r.U32(addr+s.strState) >> kindShift
	kind, compact, ascii := uint64(state&7), state>>3&1 == 1, state>>4&1 == 1
	if !compact || length > maxString || kind != 1 && kind != 2 && kind != 4 {
		r.Fail("no str object at %#x: length %d, kind %d", addr, length, kind)
	}
	if r.Err() != nil {
		return ""
	}
	if ascii {
		return string(r.Bytes(addr+s.strASCII, length))
	}
	return decode(r.Bytes(addr+s.strWide, length*kind), int(kind))
}

// decode turns characters of one, two or four bytes into a string.
func decode(p []byte, kind int) string {
	out := make([]rune, 0, len(p)/kind)
	for i := 0; i+kind <= len(p); i += kind {
		switch kind {
		case 1:
			out = append(out, rune(p[i]))
		case 2:
			out = append(out, rune(binary.LittleEndian.Uint16(p[i:])))
		case 4:
			out = append(out, rune(binary.LittleEndian.Uint32(p[i:])))
		}
	}
	return string(out)
}
