package native

import (
	"errors"
	"slices"
	"testing"

	"github.com/anyfpm/anyfpm/internal/procmem"
)

func TestNumbers(t *testing.T) {
	c := cursor{p: []byte{0xe5, 0x8e, 0x26, 0x7f, 0x80, 0x7f, 0x02, 3, 'a', 0, 9}}
	if got := c.uleb(); got != 624485 {
		t.Errorf("uleb = %d", got)
	}
	if got := c.sleb(); got != -1 {
		t.Errorf("sleb of one byte = %d", got)
	}
	if got := c.sleb(); got != -128 {
		t.Errorf("sleb of two bytes = %d", got)
	}
	if got := c.block(); len(got) != 2 || c.err != nil {
		t.Errorf("block = %v, %v", got, c.err)
	}
	if got := c.u16(); got != 'a'<<8|3 && c.err != nil {
		t.Errorf("u16 = %#x, %v", got, c.err)
	}
	for name, read := range map[string]func(*cursor){
		"uleb without end": func(c *cursor) { c.uleb() },
		"sleb without end": func(c *cursor) { c.sleb() },
		"u64":              func(c *cursor) { c.u64() },
		"block":            func(c *cursor) { c.block() },
		"string":           func(c *cursor) { c.cstring() },
	} {
		c := cursor{p: []byte{0xff, 0xff, 0xff}}
		if read(&c); !errors.Is(c.err, errShort) {
			t.Errorf("%s: %v, want errShort", name, c.err)
		}
	}
}

func TestPointers(t *testing.T) {
	for _, c := range []struct {
		encoding byte
		bytes    []byte
		want     uint64
	}{
		{0x00, []byte{1, 2, 0, 0, 0, 0, 0, 0}, 0x201},
		{encPCRel | encSdata4, []byte{0xf0, 0xff, 0xff, 0xff}, 0x1000 - 16},
		{encDataRel | encUdata2, []byte{4, 0}, 0x9004},
		{encSdata2, []byte{0xfe, 0xff}, ^uint64(1)},
	} {
		got := (&cursor{p: c.bytes, addr: 0x1000}).pointer(c.encoding, 0x9000)
		if got != c.want {
			t.Errorf("encoding %#x of %v = %#x, want %#x", c.encoding, c.bytes, got, c.want)
		}
	}
	c := cursor{p: make([]byte, 8)}
	if c.pointer(0x50, 0); !errors.Is(c.err, errEncoding) {
		t.Errorf("an aligned pointer: %v, want errEncoding", c.err)
	}
}

// common is a CIE as gcc writes it for amd64: data alignment -8, the return
// address below the frame address.
var common = entry{
	begin: 0x1000, end: 0x1100, codeAlign: 1, dataAlign: -8, returnReg: regRA,
	initial: []byte{opFrame, regSP, 8, opOffset | regRA&operandMask, 1},
}

func TestRules(t *testing.T) {
	e := common
	e.program = []byte{
		opAdvance | 1, opFrameOffset, 16, // push rbp
		opOffsetExt, regFP, 2,
		opAdvance | 3, opFrameReg, regFP, // mov rbp, rsp
		opRemember,
		opAdvance | 40, opFrame, regSP, 8, opSameValue, regFP, // leave
		opAdvance | 1, opRestoreState,
	}
	saved16 := rule{kind: saved, offset: -16}
	ra := rule{kind: saved, offset: -8}
	for _, c := range []struct {
		pc   uint64
		want rules
	}{
		{0x1000, rules{frameReg: regSP, frameOffset: 8, ra: ra}},
		{0x1001, rules{frameReg: regSP, frameOffset: 16, fp: saved16, ra: ra}},
		{0x1004, rules{frameReg: regFP, frameOffset: 16, fp: saved16, ra: ra}},
		{0x102c, rules{frameReg: regSP, frameOffset: 8, ra: ra}},
		{0x102d, rules{frameReg: regFP, frameOffset: 16, fp: saved16, ra: ra}},
	} {
		got, err := e.at(c.pc)
		if err != nil {
			t.Fatal(err)
		}
		if !sameRules(got, c.want) {
			t.Errorf("at %#x: got %+v, want %+v", c.pc, got, c.want)
		}
	}
}

func sameRules(a, b rules) bool {
	same := func(x, y rule) bool {
		return x.kind == y.kind && x.offset == y.offset && slices.Equal(x.expression, y.expression)
	}
	return a.frameReg == b.frameReg && a.frameOffset == b.frameOffset && same(a.fp, b.fp) && same(a.ra, b.ra)
}

func TestHostilePrograms(t *testing.T) {
	many := slices.Repeat([]byte{opRemember}, maxRemembered+1)
	for name, program := range map[string][]byte{
		"remembers too much":    many,
		"restores nothing":      {opRestoreState},
		"unknown instruction":   {0x3f, 1},
		"ends in an operand":    {opAdvance4, 1},
		"expression cut off":    {opFrameExpr, 200, 1},
		"sets the location":     {opSetLoc, 0, 0, 0, 0, 0, 0, 0, 0},
		"number without an end": {opFrameOffset, 0x80, 0x80, 0x80},
	} {
		e := common
		e.program = program
		if r, err := e.at(0x1050); err == nil {
			t.Errorf("%s: rules %+v", name, r)
		}
	}
}

func TestExpressions(t *testing.T) {
	page := new(procmem.Page)
	page[8] = 77
	m := procmem.NewMemory(procmem.Pages{0x5000: page}, 0)
	reg := func(n uint64) (uint64, bool) {
		return map[uint64]uint64{7: 0x5000, 16: 0x401b}[n], n == 7 || n == 16
	}
	for name, c := range map[string]struct {
		program []byte
		want    uint64
	}{
		// The rule of every procedure linkage table.
		"plt":      {[]byte{exBreg0 + 7, 8, exBreg0 + 16, 0, exLit0 + 15, exAnd, exLit0 + 11, exGe, exLit0 + 3, exShl, exPlus}, 0x5010},
		"deref":    {[]byte{exBreg0 + 7, 8, exDeref}, 77},
		"constant": {[]byte{exConst2u, 1, 2, exConst1s, 0xff, exPlus}, 0x200},
		"minus":    {[]byte{exLit0 + 9, exLit0 + 4, exMinus}, 5},
		"swap":     {[]byte{exLit0 + 9, exLit0 + 4, exSwap, exMinus}, ^uint64(4)},
	} {
		if got, err := evaluate(m, c.program, reg); err != nil || got != c.want {
			t.Errorf("%s: got %#x, %v; want %#x", name, got, err, c.want)
		}
	}
	for name, program := range map[string][]byte{
		"empty":            {},
		"nothing to pop":   {exPlus},
		"lost register":    {exBreg0 + 3, 0},
		"unknown":          {0xff},
		"cut off":          {exConst8u, 1},
		"wild pointer":     {exLit0, exDeref},
		"grows for ever":   slices.Repeat([]byte{exLit0}, 10_000),
		"works for ever":   slices.Repeat([]byte{exNop}, 10_000),
		"jumps":            {0x28, 0, 0},
		"reads not mapped": {exConst4u, 0, 0, 0, 0x40, exDeref},
	} {
		if got, err := evaluate(m, program, reg); err == nil {
			t.Errorf("%s: got %#x", name, got)
		}
	}
}

// FuzzRules runs arbitrary programs.
func FuzzRules(f *testing.F) {
	f.Add([]byte{opAdvance | 1, opFrameOffset, 16, opOffsetExt, regFP, 2}, uint64(0x1002))
	f.Add([]byte{opFrameExpr, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22}, uint64(0x1000))
	f.Add([]byte{opRemember, opRemember, opRestoreState, opExpression, 6, 2, 0x77, 0}, uint64(0))
	m := procmem.NewMemory(procmem.Pages{0x5000: {}}, 0)
	f.Fuzz(func(_ *testing.T, program []byte, pc uint64) {
		e := common
		e.program = program
		rs, err := e.at(pc)
		if err != nil {
			return
		}
		rs.apply(m, registers{pc: pc, sp: 0x5000, fp: 0x5800, fpKnown: true})
	})
}
