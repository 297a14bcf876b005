package config

import "strings"

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

// require moves past a token of the given kind and returns its text, or
// records a syntax error that names it, unless there is one already.
func (p *parser) require(kind tokenKind) string {
	if p.fault != nil {
		return ""
	}
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
	switch p.ahead.kind {
	case tokenEndOfLine:
		p.advance()
		return statement{}, false
	case tokenSection:
		return p.section()
	case tokenLabel:
		s := statement{kind: entryStatement, name: p.take().text}
		if p.ahead.kind != '=' {
			s.kind = bareStatement
			return s, true
		}
		return p.assignment(s)
	case tokenOffset:
		s := statement{kind: listStatement, name: p.take().text}
		s.key = p.strings(true)
		p.require(']')
		return p.assignment(s)
	default:
		p.unexpected()
		return statement{}, false
	}
}

// section reads the rest of [name].
func (p *parser) section() (statement, bool) {
	p.advance()
	s := statement{kind: sectionStatement, name: p.strings(false)}
	p.require(']')
	return s, p.fault == nil
}

// assignment reads the '=' and the value of s.
func (p *parser) assignment(s statement) (statement, bool) {
	p.require('=')
	if p.fault == nil {
		s.value = p.value()
	}
	return s, p.fault == nil
}
