package golden

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Language writes and understands programs of one language.
type Language struct {
	Name string
	Ext  string // of its files
	// write puts a program of n functions that call each other into b.
	write func(b *builder, n int)
	// expect turns what a program said of itself, innermost frame first, into
	// the frames a sampler finds.
	expect func(said []Call) []Call
	// find picks those a sampler is to be compared on, given what it found.
	find func(found, want []Call) []Call
}

// A Call is a frame: a function and the line it is at.
type Call struct {
	Func string
	Line int
}

// Languages are all there are.
var Languages = []Language{python, php, perl, ruby}

// Program writes the program of a seed.
func (l Language) Program(seed uint64) string {
	b := &builder{Rand: rand.New(rand.NewPCG(seed, 0))}
	l.write(b, 3+b.IntN(23))
	return b.text.String()
}

// End is what a program prints after it has said where it is.
const End = "END"

// builder is a program being written.
type builder struct {
	*rand.Rand
	text strings.Builder
}

// line adds a line.
func (b *builder) line(format string, args ...any) {
	fmt.Fprintf(&b.text, format, args...)
	b.text.WriteByte('\n')
}

// raw adds a line as it is.
func (b *builder) raw(text string) { b.line("%s", text) }

// junk adds some number of statements, and empty lines between them, so that
// line tables grow long.
func (b *builder) junk(format string) {
	for range pick(b, 0, 1, 3, 20, 60, 200, 700) {
		if b.Float64() < 0.2 {
			b.line("")
		}
		b.line(format, b.IntN(10_000))
	}
}

// chance is true with a probability.
func (b *builder) chance(p float64) bool { return b.Float64() < p }

// pick chooses one of several.
func pick[T any](b *builder, from ...T) T { return from[b.IntN(len(from))] }
