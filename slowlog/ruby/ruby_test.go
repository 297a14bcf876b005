package ruby

import (
	"debug/elf"
	"slices"
	"testing"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/internal/recorded"
)

func TestUnknownVersion(t *testing.T) {
	recorded.Refuse(t, Runtime{}, "ruby-3.1.2", "3.1.2\x00", "3.9.0\x00", "ruby 3.9.0 is not known to this build")
	recorded.Refuse(t, Runtime{}, "ruby-3.1.2", "3.1.2\x00", "nix\x00\x00\x00", "ruby nix is not known to this build")
}

// Of one version the list of threads was moved in the middle.
func TestLayoutOf(t *testing.T) {
	last, _ := layoutOf([]string{"2", "5", "9"})
	for patch, moved := range map[string]uint64{"0": 8, "3": 8, "4": 0} {
		l, known := layoutOf([]string{"2", "5", patch})
		if !known || l.threads != last.threads-moved || l.mainThread != last.mainThread {
			t.Errorf("2.5.%s: %v, %+v", patch, known, l)
		}
	}
}

func TestAddressesInCode(t *testing.T) {
	const pc = 0x2361b0
	// rb_thread_main of Debian's Ruby 3.3: endbr64; lea 0x235a25(%rip),%rax; …
	amd64 := []byte{0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x8d, 0x05, 0x25, 0x5a, 0x23, 0x00, 0x48, 0x8b, 0x00, 0xc3}
	if got := addressesIn(elf.EM_X86_64, amd64, pc); !slices.Equal(got, []uint64{0x46bbe0}) {
		t.Errorf("amd64: %#x", got)
	}
	// adrp x0, +0x235000; add x1, x0, #0xbe0; ldr x2, [x0, #0xbe8]; adrp x3, -0x1000; ldr x4, [x5]; ret
	arm64 := []byte{
		0xa0, 0x11, 0x00, 0xb0, 0x01, 0x80, 0x2f, 0x91, 0x02, 0xf4, 0x45, 0xf9,
		0xe3, 0xff, 0xff, 0xf0, 0xa4, 0x00, 0x40, 0xf9, 0xc0, 0x03, 0x5f, 0xd6,
	}
	if got := addressesIn(elf.EM_AARCH64, arm64, pc); !slices.Equal(got, []uint64{0x46bbe0, 0x46bbe8}) {
		t.Errorf("arm64: %#x", got)
	}
	if got := addressesIn(elf.EM_RISCV, amd64, pc); got != nil {
		t.Errorf("an architecture that is not known: %#x", got)
	}
	if got := addressesIn(elf.EM_X86_64, amd64[:9], pc); got != nil {
		t.Errorf("code that was cut off: %#x", got)
	}
}

// The index says how many line entries begin at or before a position: here
// every third one, over several blocks.
func TestRank(t *testing.T) {
	const positions, index = 54 + 3*512, 0x10000
	begins := func(p uint64) bool { return p%3 == 0 }
	count := func(upTo uint64) (n uint64) {
		for p := range upTo {
			if begins(p) {
				n++
			}
		}
		return n
	}
	pages := procmem.Pages{index: {}}
	put := func(at, v uint64) {
		var b [8]byte
		for i := range b {
			b[i] = byte(v >> (8 * i))
		}
		pages.Put(index+at, b[:])
	}
	for word := range uint64(6) {
		var v uint64
		for i := range uint64(9) {
			v |= count(word*9+i+1) << (i * 7)
		}
		put(word*8, v)
	}
	for block := range uint64(3) {
		at, first := 48+block*80, 54+block*512
		base := count(first)
		put(at, base)
		var small uint64
		for i := range uint64(7) {
			small |= (count(first+(i+1)*64) - base) << (i * 9)
		}
		put(at+8, small)
		for i := range uint64(8) {
			var bits uint64
			for bit := range uint64(64) {
				if begins(first + i*64 + bit) {
					bits |= 1 << bit
				}
			}
			put(at+16+i*8, bits)
		}
	}
	r := procmem.NewReader(procmem.NewMemory(pages, 0))
	for p := range uint64(positions) {
		if got, want := rank(r, index, p), count(p+1); got != want || r.Err() != nil {
			t.Fatalf("rank(%d) = %d, want %d (%v)", p, got, want, r.Err())
		}
	}
}
