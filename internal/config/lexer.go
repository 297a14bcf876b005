package config

import (
	"slices"
	"strings"
)

// A lexState is a start condition of the lexer: what may come next depends on
// where in a statement it is.
type lexState int

const (
	lexInitial lexState = iota // before and in a name
	lexValue                   // after '='
	lexSection                 // between '[' and ']' of a section
	lexOffset                  // between '[' and ']' of a list's key
	lexVarname                 // between '${' and '}'
	lexQuotes                  // between double quotes
)

// A lexer cuts one line into the tokens of PHP's INI scanner (mode NORMAL).
// Among the rules of its state the longest match wins, then the first rule;
// much of what looks odd in php-fpm's files follows from that.
type lexer struct {
	text  string
	pos   int
	state lexState
	outer []lexState // states to return to, innermost last
}

const byteOrderMark = "\xef\xbb\xbf"

// newLexer starts at the beginning of text, which usually ends in a newline.
// A byte order mark is skipped, as on every line php-fpm reads.
func newLexer(text string) *lexer {
	lx := &lexer{text: text}
	if len(text) > len(byteOrderMark) && strings.HasPrefix(text, byteOrderMark) {
		lx.pos = len(byteOrderMark)
	}
	return lx
}

// next returns the next token; at the end of the text it is tokenEnd, again
// and again.
func (lx *lexer) next() token {
	for {
		if lx.pos >= len(lx.text) {
			return lx.atEnd()
		}
		rest := lx.text[lx.pos:]
		best, length := -1, 0
		rules := lexRules[lx.state]
		for i := range rules {
			switch n := rules[i].match(rest); {
			case n == beyond:
				return lx.cut()
			case n > length:
				best, length = i, n
			}
		}
		if best < 0 {
			return lx.unmatched()
		}
		lx.pos += length
		if tok, ok := rules[best].action(lx, rest[:length]); ok {
			return tok
		}
	}
}

func (lx *lexer) atEnd() token {
	if lx.state == lexValue {
		lx.state = lexInitial
		return token{kind: tokenEndOfLine}
	}
	return token{kind: tokenEnd}
}

// unmatched handles a byte no rule knows: a value ends there, anything else
// ends the line.
func (lx *lexer) unmatched() token {
	if lx.state == lexValue {
		lx.pos++
		lx.state = lexInitial
		return token{kind: tokenEndOfLine}
	}
	return lx.cut()
}

// cut ends the line here.
func (lx *lexer) cut() token {
	lx.pos = len(lx.text)
	lx.state = lexInitial
	return token{kind: tokenEnd}
}

func (lx *lexer) push(s lexState) {
	lx.outer = append(lx.outer, lx.state)
	lx.state = s
}

func (lx *lexer) pop() {
	last := len(lx.outer) - 1
	lx.state = lx.outer[last]
	lx.outer = slices.Delete(lx.outer, last, last+1)
}

// unescape removes the backslashes that mean something between double quotes:
// those before a double quote, a backslash and a dollar.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if s[i] != '"' && s[i] != '\\' && s[i] != '$' {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
