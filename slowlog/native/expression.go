package native

import (
	"errors"

	"github.com/anyfpm/anyfpm/internal/procmem"
)

// Bounds of an expression.
const (
	maxSteps = 256
	maxStack = 64
)

var errExpression = errors.New("call frame information has an expression that cannot be evaluated")

// The operations of an expression (DW_OP_…) that compilers and the C library
// use in call frame information.
const (
	exAddr       = 0x03
	exDeref      = 0x06
	exConst1u    = 0x08
	exConst1s    = 0x09
	exConst2u    = 0x0a
	exConst2s    = 0x0b
	exConst4u    = 0x0c
	exConst4s    = 0x0d
	exConst8u    = 0x0e
	exConst8s    = 0x0f
	exConstu     = 0x10
	exConsts     = 0x11
	exDup        = 0x12
	exDrop       = 0x13
	exOver       = 0x14
	exSwap       = 0x16
	exAnd        = 0x1a
	exMinus      = 0x1c
	exMul        = 0x1e
	exNeg        = 0x1f
	exNot        = 0x20
	exOr         = 0x21
	exPlus       = 0x22
	exPlusUconst = 0x23
	exShl        = 0x24
	exShr        = 0x25
	exXor        = 0x27
	exEq         = 0x29
	exGe         = 0x2a
	exGt         = 0x2b
	exLe         = 0x2c
	exLt         = 0x2d
	exNe         = 0x2e
	exLit0       = 0x30
	exLit31      = 0x4f
	exBreg0      = 0x70
	exBreg31     = 0x8f
	exNop        = 0x96
)

// An evaluation runs one expression. There are no jumps, so it ends.
type evaluation struct {
	cursor
	reg   func(n uint64) (uint64, bool)
	mem   *procmem.Reader
	stack []uint64
}

// evaluate runs an expression with some values already on its stack.
func evaluate(m *procmem.Memory, program []byte, reg func(uint64) (uint64, bool), initial ...uint64) (uint64, error) {
	e := evaluation{cursor: cursor{p: program}, reg: reg, mem: procmem.NewReader(m), stack: initial}
	for step := 0; len(e.p) > 0; step++ {
		if step == maxSteps || len(e.stack) > maxStack || !e.step(e.u8()) {
			return 0, errExpression
		}
	}
	if e.err != nil || e.mem.Err() != nil || len(e.stack) == 0 {
		return 0, errors.Join(errExpression, e.err, e.mem.Err())
	}
	return e.pop(), nil
}

func (e *evaluation) push(v uint64) { e.stack = append(e.stack, v) }

// pop takes the top of the stack; of an empty one it is 0, and an error.
func (e *evaluation) pop() uint64 {
	if len(e.stack) == 0 {
		e.err = errExpression
		return 0
	}
	v := e.stack[len(e.stack)-1]
	e.stack = e.stack[:len(e.stack)-1]
	return v
}

// step does one operation and reports whether it is known.
func (e *evaluation) step(op byte) bool {
	switch {
	case op >= exLit0 && op <= exLit31:
		e.push(uint64(op - exLit0))
		return true
	case op >= exBreg0 && op <= exBreg31:
		offset := e.sleb()
		v, ok := e.reg(uint64(op - exBreg0))
		e.push(v + uint64(offset))
		return ok
	}
	return e.constant(op) || e.shuffle(op) || e.calculate(op)
}

func (e *evaluation) constant(op byte) bool {
	switch op {
	case exAddr, exConst8u, exConst8s:
		e.push(e.u64())
	case exConst1u:
		e.push(uint64(e.u8()))
	case exConst1s:
		e.push(uint64(int64(int8(e.u8()))))
	case exConst2u:
		e.push(uint64(e.u16()))
	case exConst2s:
		e.push(uint64(int64(int16(e.u16()))))
	case exConst4u:
		e.push(uint64(e.u32()))
	case exConst4s:
		e.push(signed32(e.u32()))
	case exConstu:
		e.push(e.uleb())
	case exConsts:
		e.push(uint64(e.sleb()))
	default:
		return false
	}
	return true
}

func (e *evaluation) shuffle(op byte) bool {
	switch op {
	case exNop:
	case exDup:
		v := e.pop()
		e.push(v)
		e.push(v)
	case exDrop:
		e.pop()
	case exOver:
		b, a := e.pop(), e.pop()
		e.stack = append(e.stack, a, b, a)
	case exSwap:
		b, a := e.pop(), e.pop()
		e.stack = append(e.stack, b, a)
	case exDeref:
		e.push(e.mem.U64(e.pop()))
	case exNeg:
		e.push(-e.pop())
	case exNot:
		e.push(^e.pop())
	case exPlusUconst:
		e.push(e.pop() + e.uleb())
	default:
		return false
	}
	return true
}

func (e *evaluation) calculate(op byte) bool {
	truth := map[bool]uint64{true: 1}
	b, a := e.pop(), e.pop()
	switch op {
	case exAnd:
		e.push(a & b)
	case exMinus:
		e.push(a - b)
	case exMul:
		e.push(a * b)
	case exOr:
		e.push(a | b)
	case exPlus:
		e.push(a + b)
	case exShl:
		e.push(a << min(b, 64))
	case exShr:
		e.push(a >> min(b, 64))
	case exXor:
		e.push(a ^ b)
	case exEq:
		e.push(truth[a == b])
	case exGe:
		e.push(truth[int64(a) >= int64(b)])
	case exGt:
		e.push(truth[int64(a) > int64(b)])
	case exLe:
		e.push(truth[int64(a) <= int64(b)])
	case exLt:
		e.push(truth[int64(a) < int64(b)])
	case exNe:
		e.push(truth[a != b])
	default:
		return false
	}
	return true
}
