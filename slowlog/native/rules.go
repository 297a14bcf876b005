package native

import (
	"errors"
	"fmt"
)

// A ruleKind says how a caller's register is found.
type ruleKind uint8

const (
	sameValue  ruleKind = iota // it was not changed
	undefined                  // it is lost; of the return address: there is no caller
	saved                      // at an offset from the frame address
	offsetOf                   // it is the frame address and an offset
	savedAt                    // where an expression says
	expression                 // what an expression says
)

type rule struct {
	kind       ruleKind
	offset     int64
	expression []byte
}

// rules hold for one place of a function.
type rules struct {
	// The frame address (CFA) is a register and an offset, or an expression.
	frameReg    uint64
	frameOffset int64
	frameExpr   []byte
	fp, ra      rule
}

// The instructions of call frame information (DW_CFA_…).
const (
	opAdvance        = 0x40 // with an operand in the lower bits
	opOffset         = 0x80
	opRestore        = 0xc0
	opNop            = 0x00
	opSetLoc         = 0x01
	opAdvance1       = 0x02
	opAdvance2       = 0x03
	opAdvance4       = 0x04
	opOffsetExt      = 0x05
	opRestoreExt     = 0x06
	opUndefined      = 0x07
	opSameValue      = 0x08
	opRegister       = 0x09
	opRemember       = 0x0a
	opRestoreState   = 0x0b
	opFrame          = 0x0c
	opFrameReg       = 0x0d
	opFrameOffset    = 0x0e
	opFrameExpr      = 0x0f
	opExpression     = 0x10
	opOffsetExtSF    = 0x11
	opFrameSF        = 0x12
	opFrameOffsetSF  = 0x13
	opValOffset      = 0x14
	opValOffsetSF    = 0x15
	opValExpression  = 0x16
	opNegateRA       = 0x2d // of arm64: the return address is signed
	opArgsSize       = 0x2e
	opNegOffsetExt   = 0x2f
	maxRemembered    = 16
	operandMask      = 0x3f
	instructionsMask = 0xc0
)

var errRemember = errors.New("call frame information remembers too much")

// at runs the instructions of an entry up to a place and returns its rules.
func (e entry) at(pc uint64) (rules, error) {
	p := machine{entry: e, here: e.begin, until: pc}
	if err := p.run(e.initial); err != nil {
		return rules{}, err
	}
	p.start = p.rules
	p.here = e.begin
	err := p.run(e.program)
	return p.rules, err
}

// A machine runs call frame instructions.
type machine struct {
	entry
	rules
	start      rules // after the shared instructions
	here       uint64
	until      uint64
	remembered []rules
}

// run runs instructions until they are about a place after the wanted one.
func (p *machine) run(program []byte) error {
	c := cursor{p: program}
	for len(c.p) > 0 && c.err == nil && p.here <= p.until {
		op := c.u8()
		operand := uint64(op & operandMask)
		switch op & instructionsMask {
		case opAdvance:
			p.here += operand * p.codeAlign
		case opOffset:
			p.set(operand, rule{kind: saved, offset: int64(c.uleb()) * p.dataAlign})
		case opRestore:
			p.restore(operand)
		default:
			if err := p.extended(op, &c); err != nil {
				return err
			}
		}
	}
	return c.err
}

// extended runs an instruction whose operands are apart.
func (p *machine) extended(op byte, c *cursor) error {
	switch op {
	case opNop, opNegateRA:
	case opSetLoc:
		return errEncoding // no compiler writes it into .eh_frame
	case opAdvance1:
		p.here += uint64(c.u8()) * p.codeAlign
	case opAdvance2:
		p.here += uint64(c.u16()) * p.codeAlign
	case opAdvance4:
		p.here += uint64(c.u32()) * p.codeAlign
	case opArgsSize:
		c.uleb()
	case opRemember:
		if len(p.remembered) == maxRemembered {
			return errRemember
		}
		p.remembered = append(p.remembered, p.rules)
	case opRestoreState:
		if len(p.remembered) == 0 {
			return errEntry
		}
		p.rules = p.remembered[len(p.remembered)-1]
		p.remembered = p.remembered[:len(p.remembered)-1]
	case opFrame, opFrameSF, opFrameReg, opFrameOffset, opFrameOffsetSF, opFrameExpr:
		p.frame(op, c)
	default:
		return p.register(op, c)
	}
	return nil
}

// frame runs an instruction about the frame address.
func (p *machine) frame(op byte, c *cursor) {
	switch op {
	case opFrame:
		p.frameReg, p.frameOffset, p.frameExpr = c.uleb(), int64(c.uleb()), nil
	case opFrameSF:
		p.frameReg, p.frameOffset, p.frameExpr = c.uleb(), c.sleb()*p.dataAlign, nil
	case opFrameReg:
		p.frameReg = c.uleb()
	case opFrameOffset:
		p.frameOffset = int64(c.uleb())
	case opFrameOffsetSF:
		p.frameOffset = c.sleb() * p.dataAlign
	case opFrameExpr:
		p.frameExpr = c.block()
	}
}

// register runs an instruction about a register.
func (p *machine) register(op byte, c *cursor) error {
	reg := c.uleb()
	switch op {
	case opOffsetExt:
		p.set(reg, rule{kind: saved, offset: int64(c.uleb()) * p.dataAlign})
	case opOffsetExtSF:
		p.set(reg, rule{kind: saved, offset: c.sleb() * p.dataAlign})
	case opNegOffsetExt:
		p.set(reg, rule{kind: saved, offset: -int64(c.uleb()) * p.dataAlign})
	case opValOffset:
		p.set(reg, rule{kind: offsetOf, offset: int64(c.uleb()) * p.dataAlign})
	case opValOffsetSF:
		p.set(reg, rule{kind: offsetOf, offset: c.sleb() * p.dataAlign})
	case opExpression:
		p.set(reg, rule{kind: savedAt, expression: c.block()})
	case opValExpression:
		p.set(reg, rule{kind: expression, expression: c.block()})
	case opRestoreExt:
		p.restore(reg)
	case opUndefined:
		p.set(reg, rule{kind: undefined})
	case opSameValue:
		p.set(reg, rule{kind: sameValue})
	case opRegister:
		c.uleb()
		p.set(reg, rule{kind: undefined}) // in a register that is not followed
	default:
		return fmt.Errorf("call frame information has the unknown instruction %#x", op)
	}
	return nil
}

// set makes a rule for a register, if it is one of those that are followed.
func (p *machine) set(reg uint64, r rule) {
	switch reg {
	case regFP:
		p.fp = r
	case p.returnReg:
		p.ra = r
	}
}

func (p *machine) restore(reg uint64) {
	switch reg {
	case regFP:
		p.fp = p.start.fp
	case p.returnReg:
		p.ra = p.start.ra
	}
}
