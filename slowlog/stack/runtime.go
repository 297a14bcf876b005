package stack

import (
	"fmt"

	"github.com/anyfpm/anyfpm/internal/elfmem"
	"github.com/anyfpm/anyfpm/internal/procmem"
)

// A Runtime recognises an interpreter by a symbol that it exports.
type Runtime interface {
	// Name is the language, in lower case.
	Name() string
	// Markers are the symbols, any of which says that the object exporting it
	// is this interpreter.
	Markers() []string
	// Open finds out the interpreter's version and layout. It fails with an
	// [UnsupportedError] when it does not know them; it never guesses.
	Open(m *procmem.Memory, o Object) (Sampler, error)
}

// An Object is where a marker was found.
type Object struct {
	*elfmem.Object
	Path string // as the process sees it
}

// Symbol is the address of a symbol, or an error that names it.
func (o Object) Symbol(m *procmem.Memory, name string) (uint64, error) {
	s, ok := o.Lookup(m, name)
	if !ok {
		return 0, fmt.Errorf("%s does not export %s", o.Path, name)
	}
	return s.Addr, nil
}

// A Sampler walks the stacks of one process. It is a function of the memory
// and keeps no state of its own, so that a walk over recorded pages is the
// same as one over a process.
type Sampler interface {
	// Name is the language and its version.
	Name() string
	// Walk reads the stacks once. The process may run meanwhile: what a walk
	// returns is believed only when a second one agrees. An error says that
	// it met something that cannot be, and its stacks are worth nothing.
	Walk(m *procmem.Memory, limits Limits) ([]Stack, error)
}

// An UnsupportedError says why an interpreter that was recognised cannot be
// read.
type UnsupportedError struct {
	Runtime string
	Version string // as the interpreter states it, empty if it could not be found
	Reason  string // empty: the version is not known to this build
}

// Error implements error.
func (e *UnsupportedError) Error() string {
	name := e.Runtime
	if e.Version != "" {
		name += " " + e.Version
	}
	if e.Reason == "" {
		return name + " is not known to this build"
	}
	return name + ": " + e.Reason
}
