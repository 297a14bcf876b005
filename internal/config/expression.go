package config

import (
	"strconv"
	"strings"
)

// value reads what stands behind '='.
func (p *parser) value() string {
	switch p.ahead.kind {
	case tokenTrue, tokenFalse, tokenNull:
		return p.take().text
	case tokenEndOfLine:
		p.advance()
		return ""
	default:
		return p.expression()
	}
}

// expression reads operands joined by | & ^, which bind alike, from left to
// right.
func (p *parser) expression() string {
	left := p.operand()
	for p.fault == nil {
		op := p.ahead.kind
		if op != '|' && op != '&' && op != '^' {
			break
		}
		p.advance()
		right := p.operand()
		a, b := atoi(left), atoi(right)
		switch op {
		case '|':
			a |= b
		case '&':
			a &= b
		default: // '^'
			a ^= b
		}
		left = strconv.Itoa(int(a))
	}
	return left
}

// operand reads a string, a parenthesised expression or one with ~ or ! in
// front.
func (p *parser) operand() string {
	if p.depth++; p.depth > maxNesting {
		p.fail("memory exhausted")
		return ""
	}
	defer func() { p.depth-- }()
	switch p.ahead.kind {
	case '~':
		p.advance()
		return strconv.Itoa(int(^atoi(p.operand())))
	case '!':
		p.advance()
		if atoi(p.operand()) == 0 {
			return "1"
		}
		return "0"
	case '(':
		p.advance()
		inner := p.expression()
		if p.fault == nil && p.ahead.kind != ')' {
			p.unexpected('^', '|', '&', ')')
			return ""
		}
		if p.fault == nil {
			p.advance()
		}
		return inner
	default:
	}
	if !startsString(p.ahead.kind) {
		p.unexpected()
		return ""
	}
	return p.strings(true)
}

func startsString(kind tokenKind) bool {
	switch kind {
	case tokenRaw, tokenConstant, tokenNumber, tokenString, tokenSpace, tokenDollarCurly, '"':
		return true
	default:
		return false
	}
}

// strings joins the adjacent pieces of a string; constants are looked up in
// values and keys, not in section names.
func (p *parser) strings(constants bool) string {
	var b strings.Builder
	for p.fault == nil && startsString(p.ahead.kind) {
		switch p.ahead.kind {
		case tokenDollarCurly:
			b.WriteString(p.variable())
		case '"':
			p.advance()
			b.WriteString(p.quoted())
		case tokenConstant:
			word := p.take().text
			if value, ok := p.names.constant(word); ok && constants {
				word = value
			}
			b.WriteString(word)
		default:
			b.WriteString(p.take().text)
		}
	}
	return b.String()
}

// quoted reads the rest of a double-quoted string.
func (p *parser) quoted() string {
	var b strings.Builder
	for p.fault == nil {
		switch p.ahead.kind {
		case '"':
			p.advance()
			return b.String()
		case tokenQuoted:
			b.WriteString(p.take().text)
		case tokenDollarCurly:
			b.WriteString(p.variable())
		default:
			p.unexpected(tokenDollarCurly, tokenQuoted, '"')
		}
	}
	return ""
}

// variable reads ${NAME}.
func (p *parser) variable() string {
	p.advance()
	name := p.require(tokenVarname)
	p.require('}')
	if p.fault != nil {
		return ""
	}
	return p.names.variable(name)
}
