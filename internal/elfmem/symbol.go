package elfmem

import (
	"cmp"
	"debug/elf"
	"slices"

	"github.com/anyfpm/anyfpm/internal/procmem"
)

// Bounds of a look-up and of a listing.
const (
	maxChain   = 10_000
	maxSymbols = 1 << 16
	maxName    = 256
)

// A Symbol is a symbol an object defines for others to use.
type Symbol struct {
	Addr, Size uint64
	name       uint64 // its place in the string table
}

// Lookup finds the dynamic symbol of a name, functions and data alike.
func (o *Object) Lookup(m *procmem.Memory, name string) (Symbol, bool) {
	r := procmem.NewReader(m)
	switch {
	case o.symtab == 0 || o.strtab == 0:
		return Symbol{}, false
	case o.gnuHash != 0:
		return o.lookupGNU(r, name)
	case o.hash != 0:
		return o.lookupSysV(r, name)
	}
	return Symbol{}, false
}

// gnuHeader is the head of a DT_GNU_HASH section.
type gnuHeader struct {
	buckets, first  uint32 // number of buckets, first hashed symbol
	bucket0, chain0 uint64 // their addresses
}

func (o *Object) gnuHeader(r *procmem.Reader) gnuHeader {
	h := gnuHeader{buckets: r.U32(o.gnuHash), first: r.U32(o.gnuHash + 4)}
	h.bucket0 = o.gnuHash + 16 + uint64(r.U32(o.gnuHash+8))*8
	h.chain0 = h.bucket0 + uint64(h.buckets)*4
	return h
}

func (o *Object) lookupGNU(r *procmem.Reader, name string) (Symbol, bool) {
	h := o.gnuHeader(r)
	if r.Err() != nil || h.buckets == 0 {
		return Symbol{}, false
	}
	want := gnuHash(name)
	i := r.U32(h.bucket0 + uint64(want%h.buckets)*4)
	if i < h.first {
		return Symbol{}, false
	}
	for n := 0; n < maxChain && r.Err() == nil; n++ {
		hash := r.U32(h.chain0 + uint64(i-h.first)*4)
		if hash|1 == want|1 {
			if s, ok := o.match(r, uint64(i), name); ok {
				return s, true
			}
		}
		if hash&1 != 0 {
			break
		}
		i++
	}
	return Symbol{}, false
}

func (o *Object) lookupSysV(r *procmem.Reader, name string) (Symbol, bool) {
	buckets := r.U32(o.hash)
	if r.Err() != nil || buckets == 0 {
		return Symbol{}, false
	}
	bucket0 := o.hash + 8
	chain0 := bucket0 + uint64(buckets)*4
	i := r.U32(bucket0 + uint64(sysvHash(name)%buckets)*4)
	for n := 0; i != 0 && n < maxChain && r.Err() == nil; n++ {
		if s, ok := o.match(r, uint64(i), name); ok {
			return s, true
		}
		i = r.U32(chain0 + uint64(i)*4)
	}
	return Symbol{}, false
}

// match reads symbol i if it is defined under that name.
func (o *Object) match(r *procmem.Reader, i uint64, name string) (Symbol, bool) {
	s, _, ok := o.symbol(r, i)
	if !ok || r.CString(o.strtab+s.name, uint64(len(name))+1) != name || r.Err() != nil {
		return Symbol{}, false
	}
	return s, true
}

// symbol reads symbol i and reports whether it is defined and has an address
// (those of thread-local variables are offsets).
func (o *Object) symbol(r *procmem.Reader, i uint64) (Symbol, elf.SymType, bool) {
	at := o.symtab + i*symbolSize
	kind := elf.ST_TYPE(r.U8(at + 4))
	section := elf.SectionIndex(r.U16(at + 6))
	s := Symbol{name: uint64(r.U32(at)), Addr: r.U64(at+8) + o.Bias, Size: r.U64(at + 16)}
	ok := r.Err() == nil && section != elf.SHN_UNDEF && kind != elf.STT_TLS && (o.strsize == 0 || s.name < o.strsize)
	return s, kind, ok
}

// Functions lists the object's dynamic symbols that are code, by address. It
// is meant to be called once per object and kept.
func (o *Object) Functions(m *procmem.Memory) ([]Symbol, error) {
	r := procmem.NewReader(m)
	var out []Symbol
	for i := range o.count(r) {
		s, kind, ok := o.symbol(r, uint64(i))
		if ok && (kind == elf.STT_FUNC || kind == elf.STT_GNU_IFUNC) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Symbol) int { return cmp.Compare(a.Addr, b.Addr) })
	return out, r.Err()
}

// Name is the name of a symbol of this object, or empty if it cannot be read.
func (o *Object) Name(m *procmem.Memory, s Symbol) string {
	return procmem.NewReader(m).CString(o.strtab+s.name, maxName)
}

// count is the number of dynamic symbols, which no field states: it follows
// from the hash tables.
func (o *Object) count(r *procmem.Reader) uint32 {
	switch {
	case o.symtab == 0 || o.strtab == 0:
		return 0
	case o.hash != 0:
		return min(r.U32(o.hash+4), maxSymbols)
	case o.gnuHash == 0:
		return 0
	}
	h := o.gnuHeader(r)
	var last uint32
	for b := range min(h.buckets, maxSymbols) {
		last = max(last, r.U32(h.bucket0+uint64(b)*4))
	}
	if last < h.first {
		return min(h.first, maxSymbols)
	}
	for n := 0; n < maxChain && r.Err() == nil; n++ {
		if r.U32(h.chain0+uint64(last-h.first)*4)&1 != 0 {
			break
		}
		last++
	}
	return min(last+1, maxSymbols)
}

func gnuHash(name string) uint32 {
	h := uint32(5381)
	for i := range len(name) {
		h = h*33 + uint32(name[i])
	}
	return h
}

func sysvHash(name string) uint32 {
	var h uint32
	for i := range len(name) {
		h = h<<4 + uint32(name[i])
		h ^= h >> 24 & 0xf0
		h &= 0x0fffffff
	}
	return h
}
