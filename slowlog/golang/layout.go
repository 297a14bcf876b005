package golang

import (
	"debug/dwarf"
	"fmt"
)

// A layout is where the runtime keeps what is needed of a goroutine, in bytes
// from the start of its runtime.g.
type layout struct {
	id, status, waitReason uint64
	pc, sp, fp             uint64 // where it was when it gave up the processor
	callPC, callSP, callFP uint64 // where it entered a system call
}

// readLayout finds the layout in a program's debug information.
func readLayout(d *dwarf.Data) (layout, error) {
	g, buf, err := structs(d)
	if err != nil {
		return layout{}, err
	}
	var l layout
	for _, f := range []struct {
		from  map[string]uint64
		name  string
		to    *uint64
		start uint64
	}{
		{g, "goid", &l.id, 0},
		{g, "atomicstatus", &l.status, 0},
		{g, "waitreason", &l.waitReason, 0},
		{buf, "pc", &l.pc, g["sched"]},
		{buf, "sp", &l.sp, g["sched"]},
		{buf, "bp", &l.fp, g["sched"]},
		{g, "syscallpc", &l.callPC, 0},
		{g, "syscallsp", &l.callSP, 0},
		{g, "syscallbp", &l.callFP, 0}, // from 1.23
	} {
		offset, ok := f.from[f.name]
		if !ok && f.name != "syscallbp" {
			return layout{}, fmt.Errorf("debug information does not know the field %s", f.name)
		}
		*f.to = f.start + offset
	}
	return l, nil
}

// structs returns the offsets of the fields of runtime.g and runtime.gobuf.
func structs(d *dwarf.Data) (g, buf map[string]uint64, err error) {
	r := d.Reader()
	for g == nil || buf == nil {
		e, err := r.Next()
		if err != nil {
			return nil, nil, err
		}
		if e == nil {
			return nil, nil, fmt.Errorf("debug information does not know runtime.g")
		}
		name, _ := e.Val(dwarf.AttrName).(string)
		switch {
		case e.Tag == dwarf.TagCompileUnit && name == "runtime":
			continue // look into this unit, and pass over all others
		case e.Tag == dwarf.TagStructType && name == "runtime.g":
			g, err = offsets(d, e)
		case e.Tag == dwarf.TagStructType && name == "runtime.gobuf":
			buf, err = offsets(d, e)
		}
		if err != nil {
			return nil, nil, err
		}
		r.SkipChildren()
	}
	return g, buf, nil
}

func offsets(d *dwarf.Data, e *dwarf.Entry) (map[string]uint64, error) {
	t, err := d.Type(e.Offset)
	if err != nil {
		return nil, err
	}
	s, ok := t.(*dwarf.StructType)
	if !ok {
		return nil, fmt.Errorf("debug information: %s is no structure", e.Val(dwarf.AttrName))
	}
	out := map[string]uint64{}
	for _, f := range s.Field {
		out[f.Name] = uint64(f.ByteOffset)
	}
	return out, nil
}
