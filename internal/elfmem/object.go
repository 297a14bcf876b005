package elfmem

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/anyfpm/anyfpm/internal/procmem"
)

// Bounds of what an object may claim of itself.
const (
	maxHeaders = 64
	maxDynamic = 256
)

// Sizes of the structures of a 64-bit object.
const (
	headerSize  = 64
	progSize    = 56
	dynamicSize = 16
	symbolSize  = 24
)

// ErrNotELF is the error of a mapping that is no ELF object of ours.
var ErrNotELF = errors.New("not a 64-bit little-endian ELF object")

// An Object is an ELF object as it is mapped in a process. Addresses are
// those of the process.
type Object struct {
	// Bias is what the loader added to the object's own addresses.
	Bias uint64
	// EHFrameHeader is the address of the table of call frame information
	// (PT_GNU_EH_FRAME), or 0 if there is none.
	EHFrameHeader uint64
	// Machine is the architecture.
	Machine elf.Machine

	symtab, strtab, strsize uint64
	gnuHash, hash           uint64
}

// Open reads the headers of the object whose first byte is mapped at base. An
// object without dynamic section (a static program) has no symbols, which is
// no error.
func Open(m *procmem.Memory, base uint64) (*Object, error) {
	r := procmem.NewReader(m)
	var h [headerSize]byte
	r.Read(base, h[:])
	if r.Err() != nil {
		return nil, r.Err()
	}
	if string(h[:4]) != elf.ELFMAG || h[elf.EI_CLASS] != byte(elf.ELFCLASS64) || h[elf.EI_DATA] != byte(elf.ELFDATA2LSB) {
		return nil, ErrNotELF
	}
	le := binary.LittleEndian
	o := &Object{Machine: elf.Machine(le.Uint16(h[18:]))}
	table, size, count := le.Uint64(h[32:]), uint64(le.Uint16(h[54:])), uint64(le.Uint16(h[56:]))
	if size != progSize || count == 0 || count > maxHeaders {
		return nil, fmt.Errorf("%w: %d program headers of %d bytes", ErrNotELF, count, size)
	}
	dynamic := o.readSegments(r, base, base+table, count)
	if dynamic != 0 {
		o.readDynamic(r, dynamic)
	}
	return o, r.Err()
}

// readSegments finds the bias, the unwind table and, as its result, the
// dynamic section.
func (o *Object) readSegments(r *procmem.Reader, base, table, count uint64) (dynamic uint64) {
	biased := false
	var unwind uint64
	for i := range count {
		p := table + i*progSize
		kind, offset, addr := elf.ProgType(r.U32(p)), r.U64(p+8), r.U64(p+16)
		switch kind {
		case elf.PT_LOAD:
			if !biased {
				o.Bias, biased = base-(addr-offset), true
			}
		case elf.PT_DYNAMIC:
			dynamic = addr
		case elf.PT_GNU_EH_FRAME:
			unwind = addr
		}
	}
	if unwind != 0 {
		o.EHFrameHeader = unwind + o.Bias
	}
	if dynamic != 0 {
		dynamic += o.Bias
	}
	return dynamic
}

func (o *Object) readDynamic(r *procmem.Reader, addr uint64) {
	for range maxDynamic {
		tag, value := elf.DynTag(r.U64(addr)), r.U64(addr+8)
		if r.Err() != nil || tag == elf.DT_NULL {
			return
		}
		switch tag {
		case elf.DT_STRTAB:
			o.strtab = o.relocated(value)
		case elf.DT_STRSZ:
			o.strsize = value
		case elf.DT_SYMTAB:
			o.symtab = o.relocated(value)
		case elf.DT_GNU_HASH:
			o.gnuHash = o.relocated(value)
		case elf.DT_HASH:
			o.hash = o.relocated(value)
		}
		addr += dynamicSize
	}
}

// relocated is the address behind a pointer of the dynamic section: glibc's
// loader relocates them in place, musl's and the vdso's stay as linked.
func (o *Object) relocated(v uint64) uint64 {
	if v < o.Bias {
		return v + o.Bias
	}
	return v
}
