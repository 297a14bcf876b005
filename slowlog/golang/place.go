package golang

import (
	"debug/dwarf"
	"debug/elf"
	"debug/gosym"
	"slices"

	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// name names the places that are not named yet, reading the program's tables
// once for all of them.
func (p *Program) name(places []uint64) error {
	places = slices.DeleteFunc(places, func(pc uint64) bool { _, known := p.places[pc]; return known })
	if len(places) == 0 {
		return nil
	}
	file, err := openRegular(p.path)
	if err != nil {
		return err
	}
	defer file.Close()
	f, err := elf.NewFile(file)
	if err != nil {
		return err
	}
	s, err := newSymbolizer(f, p.debug)
	p.debug = nil
	if err != nil {
		return err
	}
	for _, pc := range places {
		p.places[pc] = s.frames(pc - p.bias)
	}
	return nil
}

// A symbolizer names places of a program.
type symbolizer struct {
	table *gosym.Table
	dwarf *dwarf.Data
	units []unit
}

// A unit is a range of a compilation unit.
type unit struct {
	low, high uint64
	entry     *dwarf.Entry
}

// newSymbolizer reads the tables of a program, and its debug information if
// that is not at hand.
func newSymbolizer(f *elf.File, debug *dwarf.Data) (*symbolizer, error) {
	section := f.Section(".gopclntab")
	if section == nil {
		section = f.Section(".data.rel.ro.gopclntab") // position-independent
	}
	text, err := textStart(f)
	if section == nil || err != nil {
		return nil, errStripped
	}
	lines, err := section.Data()
	if err != nil {
		return nil, err
	}
	s := &symbolizer{dwarf: debug}
	if s.table, err = gosym.NewTable(nil, gosym.NewLineTable(lines, text)); err != nil {
		return nil, err
	}
	if s.dwarf == nil {
		if s.dwarf, err = debugData(f); err != nil {
			return nil, err
		}
	}
	r := s.dwarf.Reader()
	for {
		e, err := r.Next()
		if err != nil || e == nil {
			return s, err
		}
		if e.Tag == dwarf.TagCompileUnit {
			ranges, err := s.dwarf.Ranges(e)
			if err != nil {
				return nil, err
			}
			for _, rg := range ranges {
				s.units = append(s.units, unit{rg[0], rg[1], e})
			}
		}
		r.SkipChildren()
	}
}

// textStart is the address that the line table counts from.
func textStart(f *elf.File) (uint64, error) {
	symbols, err := f.Symbols()
	if err != nil {
		return 0, err
	}
	for _, s := range symbols {
		if s.Name == "runtime.text" {
			return s.Value, nil
		}
	}
	return 0, errStripped
}

// frames names a place: the function it is in and those that were inlined
// there, innermost first. It is nil if there is no function.
func (s *symbolizer) frames(pc uint64) []stack.Frame {
	file, line, fn := s.table.PCToLine(pc)
	if fn == nil {
		return nil
	}
	out := []stack.Frame{{Func: fn.Name, File: file, Line: line}}
	for _, call := range s.inlined(pc) { // outermost first
		inner := stack.Frame{Func: call.function, File: out[0].File, Line: out[0].Line}
		out[0].File, out[0].Line = call.file, call.line
		out = append([]stack.Frame{inner}, out...)
	}
	return out
}

// An inlinedCall is a call that was replaced by the function's code.
type inlinedCall struct {
	function string
	file     string // of the call
	line     int
}

// inlined lists the calls inlined at a place, outermost first.
func (s *symbolizer) inlined(pc uint64) []inlinedCall {
	i := slices.IndexFunc(s.units, func(u unit) bool { return pc >= u.low && pc < u.high })
	if i < 0 {
		return nil
	}
	var files []*dwarf.LineFile
	if lines, err := s.dwarf.LineReader(s.units[i].entry); err == nil && lines != nil {
		files = lines.Files()
	}
	r := s.dwarf.Reader()
	r.Seek(s.units[i].entry.Offset)
	if _, err := r.Next(); err != nil {
		return nil
	}
	var out []inlinedCall
	for {
		e, err := r.Next()
		if err != nil || e == nil || e.Tag == dwarf.TagCompileUnit {
			return out
		}
		here := s.contains(e, pc)
		if here && e.Tag == dwarf.TagInlinedSubroutine {
			out = append(out, s.call(e, files))
		}
		if e.Tag == dwarf.TagSubprogram && here || e.Tag == dwarf.TagInlinedSubroutine && here || e.Tag == dwarf.TagLexDwarfBlock && here {
			continue // what is inlined is inside
		}
		r.SkipChildren()
	}
}

// contains reports whether code of an entry is at a place.
func (s *symbolizer) contains(e *dwarf.Entry, pc uint64) bool {
	ranges, err := s.dwarf.Ranges(e)
	return err == nil && slices.ContainsFunc(ranges, func(r [2]uint64) bool { return pc >= r[0] && pc < r[1] })
}

// call reads an inlined call.
func (s *symbolizer) call(e *dwarf.Entry, files []*dwarf.LineFile) inlinedCall {
	var c inlinedCall
	if origin, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset); ok {
		r := s.dwarf.Reader()
		r.Seek(origin)
		if f, err := r.Next(); err == nil && f != nil {
			c.function, _ = f.Val(dwarf.AttrName).(string)
		}
	}
	if i, ok := e.Val(dwarf.AttrCallFile).(int64); ok && i >= 0 && int(i) < len(files) && files[i] != nil {
		c.file = files[i].Name
	}
	line, _ := e.Val(dwarf.AttrCallLine).(int64)
	c.line = int(line)
	return c
}
