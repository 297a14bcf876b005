package golang

import (
	"debug/buildinfo"
	"debug/elf"
	"debug/gosym"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/slowlog/stack"
)

const name = "go"

// ErrNotGo is the error of a program that is not written in Go.
var ErrNotGo = errors.New("not a Go program")

// maxSection bounds the size of each part of a program that is read.
const maxSection = 256 << 20

// A Program is what a Go program's file says of it.
type Program struct {
	layout
	version     string
	bias        uint64
	allgs       uint64 // &runtime.allgs
	waitReasons uint64 // &runtime.waitReasonStrings, or 0
	table       *gosym.Table
}

// Open reads a program from its file. bias is what its loader added to the
// addresses in the file.
func Open(path string, bias uint64) (*Program, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", path, err)
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, ErrNotGo
	}
	info, err := buildinfo.Read(file)
	if err != nil {
		return nil, ErrNotGo
	}
	f, err := elf.NewFile(file)
	if err != nil {
		return nil, ErrNotGo
	}
	p := &Program{bias: bias, version: info.GoVersion[min(len(name), len(info.GoVersion)):]}
	if err := p.read(f, bias); err != nil {
		return nil, &stack.UnsupportedError{Runtime: name, Version: p.version, Reason: "goroutines cannot be found: " + err.Error()}
	}
	return p, nil
}

// errStripped says what a program lacks.
var errStripped = errors.New("the program is stripped (it was linked with -s or -w)")

func (p *Program) read(f *elf.File, bias uint64) error {
	for _, s := range f.Sections {
		if s.Type != elf.SHT_NOBITS && s.FileSize > maxSection {
			return fmt.Errorf("its section %s is too large", s.Name)
		}
	}
	symbols, err := f.Symbols()
	if err != nil {
		return errStripped
	}
	var text uint64
	for _, s := range symbols {
		switch s.Name {
		case "runtime.allgs":
			p.allgs = s.Value + bias
		case "runtime.waitReasonStrings":
			p.waitReasons = s.Value + bias
		case "runtime.text":
			text = s.Value
		}
	}
	if p.allgs == 0 || text == 0 {
		return errStripped
	}
	d, err := f.DWARF()
	if err != nil {
		return errStripped
	}
	if p.layout, err = readLayout(d); err != nil {
		return err
	}
	section := f.Section(".gopclntab")
	if section == nil {
		section = f.Section(".data.rel.ro.gopclntab")
	}
	if section == nil {
		return errStripped
	}
	lines, err := section.Data()
	if err != nil {
		return err
	}
	p.table, err = gosym.NewTable(nil, gosym.NewLineTable(lines, text))
	return err
}
