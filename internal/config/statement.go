package config

import (
	"strconv"
	"strings"
)

// A statementKind tells the four things a line may say.
type statementKind int

const (
	sectionStatement statementKind = iota // [name]
	entryStatement                        // name = value
	bareStatement                         // name
	listStatement                         // name[key] = value
)

// A statement is what a line says, with quotes, variables, constants and
// operators already resolved.
type statement struct {
	kind             statementKind
	name, key, value string
}

// A syntaxError is PHP's complaint about a line that its grammar does not know.
type syntaxError struct {
	text string
	at   tokenKind // the unexpected token
}

func (e *syntaxError) Error() string { return e.text }

// hint says what is usually wrong.
func (e *syntaxError) hint() string {
	switch e.at {
	case tokenEnd, tokenEndOfLine:
		return "; a quote, a bracket or ${ is not closed on this line, or an operand is missing"
	case '=', '&', '|', '^', '~', '!', '(', ')':
		return "; a value with any of = & | ^ ~ ! ( ) needs double quotes"
	case tokenTrue, tokenFalse, tokenNull:
		return "; yes, no, on, off, true, false, none and null are words of their own: put the text in double quotes"
	default:
		return "; put the value in double quotes"
	}
}

// names resolves the words of a value that stand for something else.
type names struct {
	variable func(name string) string         // ${name}; empty when unknown
	constant func(name string) (string, bool) // an unquoted word
}

// maxNesting bounds the parentheses and operators of a value, as the stack of
// PHP's parser does.
const maxNesting = 10000

// A parser reads the statements of one line by PHP's INI grammar. php-fpm
// hands every line alone to it, so nothing continues on the next line; yet one
// line can hold several statements, such as "[www] listen = 9000".
type parser struct {
	lx    *lexer
	ahead token
	names names
	depth int
	fault *syntaxError
}

// parseLine calls emit for every statement of text in order. A syntax error
// may follow statements that were already emitted, as in PHP.
func parseLine(text string, names names, emit func(statement)) *syntaxError {
	if end := strings.IndexByte(text, 0); end >= 0 {
		text = text[:end] // the line is a C string
	}
	p := &parser{lx: newLexer(text), names: names}
	p.advance()
	for p.fault == nil && p.ahead.kind != tokenEnd {
		if s, ok := p.statement(); ok {
			emit(s)
		}
	}
	return p.fault
}

func (p *parser) advance() { p.ahead = p.lx.next() }

// take returns the token ahead and moves past it.
func (p *parser) take() token {
	t := p.ahead
	p.advance()
	return t
}

// expect moves past a token of the given kind or records a syntax error that
// names it.
func (p *parser) expect(kind tokenKind) string {
	if p.ahead.kind != kind {
		p.unexpected(kind)
		return ""
	}
	return p.take().text
}

// unexpected records the first syntax error; expecting are the kinds PHP's
// parser would name.
func (p *parser) unexpected(expecting ...tokenKind) {
	text := "syntax error, unexpected " + p.ahead.kind.String()
	joint := ", expecting "
	for _, kind := range expecting {
		text += joint + kind.String()
		joint = " or "
	}
	p.fail(text)
}

func (p *parser) fail(text string) {
	if p.fault == nil {
		p.fault = &syntaxError{text: text, at: p.ahead.kind}
	}
}

// statement reads one statement; false means that there was none to emit: an
// empty line or a syntax error before its end.
func (p *parser) statement() (statement, bool) {
	var s statement
	switch p.ahead.kind {
	case tokenEndOfLine:
		p.advance()
		return s, false
	case tokenSection:
		p.advance()
		s.kind = sectionStatement
		s.name = p.strings(false)
		if p.fault == nil && p.ahead.kind != ']' {
			p.unexpected(']')
		}
		if p.fault != nil {
			return s, false
		}
		p.advance()
		return s, true
	case tokenLabel:
		s.name = p.take().text
		if p.ahead.kind != '=' {
			s.kind = bareStatement
			return s, true
		}
		s.kind = entryStatement
	case tokenOffset:
		s.kind = listStatement
		s.name = p.take().text
		s.key = p.strings(true)
		if p.fault == nil {
			p.expect(']')
		}
		if p.fault == nil && p.ahead.kind != '=' {
			p.unexpected('=')
		}
	default:
		p.unexpected()
	}
	if p.fault != nil {
		return s, false
	}
	p.advance() // the '='
	s.value = p.value()
	return s, p.fault == nil
}

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
		case '^':
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
	name := p.expect(tokenVarname)
	if p.fault == nil {
		p.expect('}')
	}
	if p.fault != nil {
		return ""
	}
	return p.names.variable(name)
}
