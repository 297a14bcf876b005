package native

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"sort"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/elfmem"
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// A Symbol is a function.
type Symbol struct {
	Addr, Size uint64
	Name       string
}

// exported lists the functions an object exports, from the process's memory.
func exported(m *procmem.Memory, o *elfmem.Object) []Symbol {
	list, err := o.Functions(m)
	if err != nil {
		return nil
	}
	out := make([]Symbol, 0, len(list))
	for _, s := range list {
		out = append(out, Symbol{Addr: s.Addr, Size: s.Size, Name: o.Name(m, s)})
	}
	return out
}

// maxNested is how many symbols are passed over to find the one around a place.
const maxNested = 16

// frame names a place. A function without a name is its place in the object.
func (o *object) frame(at uint64) stack.Frame {
	f := stack.Frame{Module: o.Path, Addr: at}
	// A symbol within another, such as a label, may come between.
	i := sort.Search(len(o.functions), func(i int) bool { return o.functions[i].Addr > at }) - 1
	for n := 0; i >= 0 && n < maxNested; i, n = i-1, n+1 {
		if s := o.functions[i]; at-s.Addr < s.Size {
			f.Func = plain(s.Name)
			return f
		}
	}
	bias := o.Low
	if o.elf != nil {
		bias = o.elf.Bias
	}
	f.Func = fmt.Sprintf("%#x", at-bias)
	return f
}

// maxSymbolTable bounds the size of a file's symbol table and of its strings.
const maxSymbolTable = 64 << 20

// FileSymbols lists the functions of an object from its file, with addresses
// as in the file. It returns nothing when there is no file, or it is another
// one than is mapped, or it is stripped.
func FileSymbols(path string, m *procmem.Memory, base uint64) []Symbol {
	// A path of another process may lead to anything: nothing is waited for.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	if !sameFile(file, m, base) {
		return nil
	}
	f, err := elf.NewFile(file)
	if err != nil {
		return nil
	}
	for _, s := range f.Sections {
		if (s.Type == elf.SHT_SYMTAB || s.Type == elf.SHT_STRTAB) && s.FileSize > maxSymbolTable {
			return nil
		}
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil
	}
	var out []Symbol
	for _, s := range symbols {
		if kind := elf.ST_TYPE(s.Info); (kind == elf.STT_FUNC || kind == elf.STT_GNU_IFUNC) && s.Section != elf.SHN_UNDEF {
			out = append(out, Symbol{Addr: s.Value, Size: s.Size, Name: s.Name})
		}
	}
	return out
}

// sameFile reports whether a regular file begins with what is mapped.
func sameFile(file *os.File, m *procmem.Memory, base uint64) bool {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	want, got := make([]byte, 1024), make([]byte, 1024)
	if _, err := file.ReadAt(want, 0); err != nil {
		return false
	}
	return m.Read(base, got) == nil && bytes.Equal(got, want)
}
