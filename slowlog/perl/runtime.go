package perl

import (
	"fmt"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

const name = "perl"

// Runtime recognises perl.
type Runtime struct{}

// Name implements [stack.Runtime].
func (Runtime) Name() string { return name }

// Markers implements [stack.Runtime].
func (Runtime) Markers() []string { return []string{"PL_subversion"} }

// Open implements [stack.Runtime].
func (Runtime) Open(m *procmem.Memory, o stack.Object) (stack.Sampler, error) {
	r := procmem.NewReader(m)
	var part [3]byte
	for i, symbol := range []string{"PL_revision", "PL_version", "PL_subversion"} {
		addr, err := o.Symbol(m, symbol)
		if err != nil {
			return nil, err
		}
		part[i] = r.U8(addr)
	}
	if r.Err() != nil {
		return nil, r.Err()
	}
	version := fmt.Sprintf("%d.%d.%d", part[0], part[1], part[2])
	l, known := layouts[int(part[1])]
	if !known || part[0] != 5 {
		return nil, &stack.UnsupportedError{Runtime: name, Version: version}
	}
	s := &sampler{layout: l, version: version}
	if _, s.threads = o.Lookup(m, "PL_thr_key"); s.threads {
		var err error
		s.interpreter, err = o.Symbol(m, "PL_curinterp")
		return s, err
	}
	for symbol, addr := range map[string]*uint64{"PL_curcop": &s.curcop, "PL_curstackinfo": &s.curstackinfo} {
		var err error
		if *addr, err = o.Symbol(m, symbol); err != nil {
			return nil, err
		}
	}
	return s, nil
}
