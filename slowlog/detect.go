package slowlog

import (
	"errors"

	"github.com/anyfpm/anyfpm/internal/elfmem"
	"github.com/anyfpm/anyfpm/internal/procfs"
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/cpython"
	"github.com/anyfpm/anyfpm/slowlog/perl"
	"github.com/anyfpm/anyfpm/slowlog/php"
	"github.com/anyfpm/anyfpm/slowlog/ruby"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// runtimes are the interpreters that are recognised.
var runtimes = []stack.Runtime{php.Runtime{}, cpython.Runtime{}, perl.Runtime{}, ruby.Runtime{}}

// detect finds the interpreter that a process is: the first object that
// exports one's marker and can be read. Without one it returns nil and, if
// there was one that cannot be read, the reason.
func detect(m *procmem.Memory, objects []procfs.Object) (stack.Sampler, error) {
	var reason error
	for _, mapped := range objects {
		m.Reset() // a process may map hundreds of objects
		o, err := elfmem.Open(m, mapped.Low)
		if err != nil {
			continue
		}
		s, err := open(m, stack.Object{Object: o, Path: mapped.Path})
		if s != nil {
			return s, nil
		}
		if reason == nil {
			reason = err
		}
	}
	return nil, reason
}

// open opens the interpreter an object is, if it is one.
func open(m *procmem.Memory, o stack.Object) (stack.Sampler, error) {
	for _, rt := range runtimes {
		for _, marker := range rt.Markers() {
			if _, ok := o.Lookup(m, marker); !ok {
				continue
			}
			s, err := rt.Open(m, o)
			var unsupported *stack.UnsupportedError
			if err != nil && !errors.As(err, &unsupported) {
				err = &stack.UnsupportedError{Runtime: rt.Name(), Reason: err.Error()}
			}
			if err != nil {
				return nil, err
			}
			return s, nil
		}
	}
	return nil, nil
}
