package ruby

import (
	"debug/elf"
	"encoding/binary"
)

// addressesIn lists the addresses that code at pc mentions relative to itself.
// It knows the few instructions compilers use to reach a global variable.
func addressesIn(machine elf.Machine, code []byte, pc uint64) []uint64 {
	switch machine {
	case elf.EM_X86_64:
		return addressesAMD64(code, pc)
	case elf.EM_AARCH64:
		return addressesARM64(code, pc)
	}
	return nil
}

// addressesAMD64 finds mov and lea with a RIP-relative operand: REX.W, the
// opcode, a ModRM byte with mode 0 and base 5, and 32 bits of displacement.
// Instructions are of any length, so every byte is tried as a beginning.
func addressesAMD64(code []byte, pc uint64) []uint64 {
	const size = 7
	var out []uint64
	for i := 0; i+size <= len(code); i++ {
		rex, opcode, modrm := code[i], code[i+1], code[i+2]
		if rex&0xf8 != 0x48 || opcode != 0x8b && opcode != 0x8d || modrm&0xc7 != 0x05 {
			continue
		}
		displacement := int32(binary.LittleEndian.Uint32(code[i+3:]))
		out = append(out, pc+uint64(i+size)+uint64(int64(displacement)))
	}
	return out
}

// addressesARM64 finds adrp and the add or ldr that completes its address.
func addressesARM64(code []byte, pc uint64) []uint64 {
	var out []uint64
	pages := map[uint32]uint64{} // by register
	for i := 0; i+4 <= len(code); i += 4 {
		in := binary.LittleEndian.Uint32(code[i:])
		to, from, immediate := in&31, in>>5&31, uint64(in>>10&0xfff)
		switch {
		case in&0x9f000000 == 0x90000000: // adrp
			distance := int64(in>>5&0x7ffff)<<2 | int64(in>>29&3)
			distance = distance << 43 >> 43 // 21 bits, signed
			pages[to] = (pc+uint64(i))&^0xfff + uint64(distance<<12)
		case in&0xffc00000 == 0x91000000: // add, 64 bits
			if page, ok := pages[from]; ok {
				out = append(out, page+immediate)
			}
		case in&0xffc00000 == 0xf9400000: // ldr, 64 bits, offset in words
			if page, ok := pages[from]; ok {
				out = append(out, page+immediate*8)
			}
		}
	}
	return out
}
