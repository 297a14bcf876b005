package accesslog

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// MaxLine is the length of a line, without its newline, that is cut.
	MaxLine = 1024
	// TruncatedNotice is what php-fpm says, as a notice, when it cuts a line.
	TruncatedNotice = "the log buffer is full (1024). The access log request has been truncated."
	// maxModifier is the length at which php-fpm cuts a modifier.
	maxModifier = 128
)

// A Format is a compiled access.format. It is not changed by use.
type Format struct {
	json bool
	ops  []op
	uses [256]bool // the tokens, by their letter
}

// Has says that lines show a token, %s for 's'; JSON shows all.
func (f *Format) Has(letter byte) bool { return f.json || f.uses[letter] }

// CPU says that lines tell the CPU time of requests.
func (f *Format) CPU() bool { return f.Has('C') }

// Usage says that lines tell what requests used, CPU time or memory.
func (f *Format) Usage() bool { return f.Has('C') || f.Has('M') }

// An op appends a piece of a line.
type op struct {
	write writer
	arg   string // the text of a literal, or a free modifier
}

// Compile reads an access.format, or makes the JSON format of the word json.
// Its error is, word for word, the warning of php-fpm.
func Compile(format string) (*Format, error) {
	if format == "json" {
		return &Format{json: true}, nil
	}
	f := new(Format)
	for rest := format; rest != ""; {
		literal, token, found := strings.Cut(rest, "%")
		if literal != "" {
			f.ops = append(f.ops, op{writeLiteral, literal})
		}
		if !found || token == "" { // php-fpm accepts a last % and drops it
			break
		}
		o, tail, err := compileToken(token)
		if err != nil {
			return nil, err
		}
		f.ops = append(f.ops, o)
		f.uses[token[len(token)-len(tail)-1]] = true
		rest = tail
	}
	return f, nil
}

// compileToken reads what follows a '%'. The last of several modifiers counts.
func compileToken(s string) (o op, rest string, err error) {
	modifier := ""
	for s[0] == '{' {
		end := strings.IndexByte(s, '}')
		if end < 0 || end == len(s)-1 {
			return op{}, "", errors.New("missing closing embrace in the access.format")
		}
		modifier, s = s[1:end], s[end+1:]
	}
	modifier = modifier[:min(len(modifier), maxModifier)]
	letter := s[:1]
	t, ok := tokens[letter[0]]
	if !ok {
		return op{}, "", fmt.Errorf("Invalid token in the access.format (%%%s)", letter) //nolint:staticcheck // php-fpm's text
	}
	o, err = t.compile(letter, modifier)
	return o, s[1:], err
}

// Append appends the line for r, with its newline, to dst. truncated tells
// that the line was cut; it is time for TruncatedNotice then. A format that
// gives nothing for r gives no line, as in php-fpm.
func (f *Format) Append(dst []byte, r *Record) (line []byte, truncated bool) {
	if f.json {
		return appendJSON(dst, r)
	}
	start := len(dst)
	for _, o := range f.ops {
		dst = o.write(dst, r, o.arg)
		if len(dst)-start > MaxLine {
			dst = cut(dst, start+MaxLine)
			truncated = true
			break
		}
	}
	if len(dst) == start {
		return dst, false
	}
	return append(dst, '\n'), truncated
}

// cut returns at most n bytes of line, without a part of a character or of an
// escape sequence at the end.
func cut(line []byte, n int) []byte {
	for n > 0 && !utf8.RuneStart(line[n]) {
		n--
	}
	for back := 1; back < len(`\xhh`) && back <= n; back++ {
		if line[n-back] == '\\' {
			return line[:n-back]
		}
	}
	return line[:n]
}
