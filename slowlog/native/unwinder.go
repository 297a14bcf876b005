package native

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/anyfpm/anyfpm/internal/elfmem"
	"github.com/anyfpm/anyfpm/internal/procfs"
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// An Unwinder finds the callers of a place in one process. It keeps what it
// learns of the process's objects.
type Unwinder struct {
	objects []*object // by address
	symbols func(procfs.Object) []Symbol
}

// New returns an unwinder for a process with some objects. symbols, which may
// be nil, returns an object's functions from its file (see [FileSymbols]).
func New(objects []procfs.Object, symbols func(procfs.Object) []Symbol) *Unwinder {
	u := &Unwinder{symbols: symbols}
	for _, o := range objects {
		u.objects = append(u.objects, &object{Object: o})
	}
	sort.Slice(u.objects, func(i, j int) bool { return u.objects[i].Low < u.objects[j].Low })
	return u
}

// registers are those of one frame.
type registers struct {
	pc, sp, fp uint64
	fpKnown    bool
}

// Unwind returns the frames from a place outwards, at most limit. why says
// what ended the stack before its outermost frame, empty if nothing did.
func (u *Unwinder) Unwind(m *procmem.Memory, pc, sp uint64, limit int) (frames []stack.Frame, why string) {
	regs := registers{pc: pc, sp: sp}
	exact := true // pc is the instruction itself, not one after a call
	for {
		o := u.object(m, regs.pc)
		if o == nil {
			return frames, fmt.Sprintf("%#x is in no file", regs.pc)
		}
		at := regs.pc
		if !exact {
			at--
		}
		if len(frames) == limit {
			return frames, limitReached
		}
		frames = append(frames, o.frame(at))
		next, signal, err := o.caller(m, regs, at)
		switch {
		case errors.Is(err, errOutermost):
			return frames, ""
		case err != nil:
			return frames, err.Error()
		case next.sp <= regs.sp:
			return frames, "the stack does not grow"
		}
		regs, exact = next, signal
	}
}

// limitReached is why a stack ends that has more frames than wanted.
const limitReached = "more frames than wanted"

// errOutermost says that a frame has no caller.
var errOutermost = errors.New("outermost frame")

// object is the object an address is in, or nil.
func (u *Unwinder) object(m *procmem.Memory, pc uint64) *object {
	i := sort.Search(len(u.objects), func(i int) bool { return u.objects[i].Low > pc }) - 1
	if i < 0 || pc >= u.objects[i].End {
		return nil
	}
	o := u.objects[i]
	if !o.opened {
		o.open(m, u.symbols)
	}
	return o
}

// An object is a mapped object and what is known of it.
type object struct {
	procfs.Object
	opened    bool
	elf       *elfmem.Object // nil: not an ELF object
	functions []Symbol
}

func (o *object) open(m *procmem.Memory, symbols func(procfs.Object) []Symbol) {
	o.opened = true
	elf, err := elfmem.Open(m, o.Low)
	if err != nil {
		return
	}
	o.elf = elf
	o.functions = append(o.functions, exported(m, elf)...)
	if symbols != nil {
		for _, s := range symbols(o.Object) {
			s.Addr += elf.Bias
			o.functions = append(o.functions, s)
		}
	}
	// Of the names of one function the last is shown: read, not __read.
	sort.SliceStable(o.functions, func(i, j int) bool {
		a, b := o.functions[i], o.functions[j]
		return a.Addr < b.Addr || a.Addr == b.Addr && underscores(a.Name) > underscores(b.Name)
	})
}

// caller finds the frame that called the one with regs, which is at a place.
func (o *object) caller(m *procmem.Memory, regs registers, at uint64) (next registers, signal bool, err error) {
	e, err := o.entry(m, at)
	if errors.Is(err, errNoEntry) && regs.fpKnown {
		next, err = byFramePointer(m, regs)
		return next, false, err
	}
	if err != nil {
		return next, false, err
	}
	rules, err := e.at(at)
	if err != nil {
		return next, false, err
	}
	next, err = rules.apply(m, regs)
	return next, e.signal, err
}

// entry finds the call frame information for a place.
func (o *object) entry(m *procmem.Memory, at uint64) (entry, error) {
	if o.elf == nil || o.elf.EHFrameHeader == 0 {
		return entry{}, errNoEntry
	}
	addr, err := find(m, o.elf.EHFrameHeader, at)
	if err != nil {
		return entry{}, err
	}
	e, err := readEntry(m, addr)
	if err == nil && (at < e.begin || at >= e.end) {
		return entry{}, errNoEntry
	}
	return e, err
}

// byFramePointer follows the chain of frame pointers.
func byFramePointer(m *procmem.Memory, regs registers) (registers, error) {
	if regs.fp < regs.sp {
		return registers{}, errNoEntry
	}
	r := procmem.NewReader(m)
	next := registers{
		fp: r.U64(regs.fp), fpKnown: true,
		pc: plainAddress(r.U64(regs.fp + 8)),
		sp: regs.fp + 16,
	}
	if r.Err() != nil {
		return registers{}, errNoEntry
	}
	if next.pc == 0 {
		return registers{}, errOutermost
	}
	return next, nil
}

// errLost says that a rule needs a register whose value nobody saved.
var errLost = errors.New("the frame is found by a register that is not known")

// apply finds the caller's registers.
func (rs rules) apply(m *procmem.Memory, regs registers) (registers, error) {
	reg := func(n uint64) (uint64, bool) {
		switch n {
		case regSP:
			return regs.sp, true
		case regFP:
			return regs.fp, regs.fpKnown
		case regRA:
			return regs.pc, regRA == 16 // where it is no register of its own
		}
		return 0, false
	}
	var frame uint64
	if rs.frameExpr != nil {
		v, err := evaluate(m, rs.frameExpr, reg)
		if err != nil {
			return registers{}, err
		}
		frame = v
	} else {
		base, ok := reg(rs.frameReg)
		if !ok || rs.frameReg == 16 {
			return registers{}, errLost
		}
		frame = base + uint64(rs.frameOffset)
	}
	next := registers{sp: frame}
	if rs.ra.kind == undefined {
		return registers{}, errOutermost
	}
	pc, known, err := rs.ra.value(m, frame, 0, false, reg)
	switch {
	case err != nil:
		return registers{}, err
	case !known:
		return registers{}, errLost
	case pc == 0:
		return registers{}, errOutermost
	}
	next.pc = plainAddress(pc)
	next.fp, next.fpKnown, err = rs.fp.value(m, frame, regs.fp, regs.fpKnown, reg)
	if err != nil {
		next.fpKnown = false
	}
	return next, nil
}

// value is the caller's value of a register, given its value in the frame.
func (r rule) value(m *procmem.Memory, frame, here uint64, hereKnown bool, reg func(uint64) (uint64, bool)) (v uint64, known bool, err error) {
	mem := procmem.NewReader(m)
	switch r.kind {
	case sameValue:
		return here, hereKnown, nil
	case saved:
		v = mem.U64(frame + uint64(r.offset))
	case offsetOf:
		v = frame + uint64(r.offset)
	case savedAt:
		if v, err = evaluate(m, r.expression, reg, frame); err == nil {
			v = mem.U64(v)
		}
	case expression:
		v, err = evaluate(m, r.expression, reg, frame)
	default:
		return 0, false, nil
	}
	return v, err == nil && mem.Err() == nil, errors.Join(err, mem.Err())
}

// underscores is how many a name begins with.
func underscores(name string) int { return len(name) - len(strings.TrimLeft(name, "_")) }
