package golang

import (
	"debug/buildinfo"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/slowlog/stack"
)

const name = "go"

// ErrNotGo is the error of a program that is not written in Go.
var ErrNotGo = errors.New("not a Go program")

// errStripped says what a program lacks.
var errStripped = errors.New("the program is stripped (it was linked with -s or -w)")

// maxSection bounds the size of each part of a program that is read.
const maxSection = 256 << 20

// A Program is what a Go program's file says of it. What is large in the file
// is read when a place is to be named for the first time, and not kept.
type Program struct {
	layout
	path        string
	bias        uint64
	version     string
	allgs       uint64                   // &runtime.allgs
	waitReasons uint64                   // &runtime.waitReasonStrings, or 0
	places      map[uint64][]stack.Frame // what was named, by address
	debug       *dwarf.Data              // from Open until places are named for the first time
}

// Open reads a program from its file, which must stay there. bias is what its
// loader added to the addresses in the file.
func Open(path string, bias uint64) (*Program, error) {
	file, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := buildinfo.Read(file)
	if err != nil {
		return nil, ErrNotGo
	}
	f, err := elf.NewFile(file)
	if err != nil {
		return nil, ErrNotGo
	}
	p := &Program{path: path, bias: bias, version: info.GoVersion[min(len(name), len(info.GoVersion)):], places: map[uint64][]stack.Frame{}}
	if err := p.read(f); err != nil {
		return nil, &stack.UnsupportedError{Runtime: name, Version: p.version, Reason: "goroutines cannot be found: " + err.Error()}
	}
	return p, nil
}

// Name is the language and the version the program was built with.
func (p *Program) Name() string { return name + " " + p.version }

// openRegular opens a file and waits for nothing: the path is another
// process's and may lead to anything.
func openRegular(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", path, err)
	}
	file := os.NewFile(uintptr(fd), path)
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, ErrNotGo
	}
	return file, nil
}

func (p *Program) read(f *elf.File) error {
	if err := checkSize(f); err != nil {
		return err
	}
	symbols, err := f.Symbols()
	if err != nil {
		return errStripped
	}
	for _, s := range symbols {
		switch s.Name {
		case "runtime.allgs":
			p.allgs = s.Value + p.bias
		case "runtime.waitReasonStrings":
			p.waitReasons = s.Value + p.bias
		}
	}
	p.debug, err = debugData(f)
	if p.allgs == 0 || err != nil {
		return errStripped
	}
	p.layout, err = readLayout(p.debug)
	return err
}

// debugData reads the debug information, but for the large parts that say
// where variables are and how to unwind, which take as long again.
func debugData(f *elf.File) (*dwarf.Data, error) {
	data := map[string][]byte{}
	for _, name := range []string{"abbrev", "info", "line", "ranges", "str", "line_str", "str_offsets", "addr", "rnglists"} {
		section := f.Section(".debug_" + name)
		if section == nil {
			continue
		}
		var err error
		if data[name], err = section.Data(); err != nil {
			return nil, err
		}
	}
	d, err := dwarf.New(data["abbrev"], nil, nil, data["info"], data["line"], nil, data["ranges"], data["str"])
	for _, name := range []string{"line_str", "str_offsets", "addr", "rnglists"} { // of DWARF 5
		if err == nil && data[name] != nil {
			err = d.AddSection(".debug_"+name, data[name])
		}
	}
	return d, err
}

// checkSize refuses a file whose parts do not fit into memory.
func checkSize(f *elf.File) error {
	for _, s := range f.Sections {
		if s.Type != elf.SHT_NOBITS && (s.FileSize > maxSection || s.Size > maxSection) {
			return fmt.Errorf("its section %s is too large", s.Name)
		}
	}
	return nil
}
