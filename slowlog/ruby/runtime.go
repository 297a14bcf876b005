package ruby

import (
	"strconv"
	"strings"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

const name = "ruby"

// Runtime recognises Ruby.
type Runtime struct{}

// Name implements [stack.Runtime].
func (Runtime) Name() string { return name }

// Markers implements [stack.Runtime].
func (Runtime) Markers() []string { return []string{"ruby_version"} }

// Open implements [stack.Runtime].
func (Runtime) Open(m *procmem.Memory, o stack.Object) (stack.Sampler, error) {
	addr, err := o.Symbol(m, "ruby_version")
	if err != nil {
		return nil, err
	}
	r := procmem.NewReader(m)
	version := r.CString(addr, 16)
	if r.Err() != nil {
		return nil, r.Err()
	}
	part := strings.SplitN(version, ".", 3)
	if len(part) != 3 {
		return nil, &stack.UnsupportedError{Runtime: name, Version: version}
	}
	l, known := layoutOf(part)
	if !known {
		return nil, &stack.UnsupportedError{Runtime: name, Version: version}
	}
	s := &sampler{layout: l, version: version}
	major, err1 := strconv.Atoi(part[0])
	minor, err2 := strconv.Atoi(part[1])
	if err1 != nil || err2 != nil {
		return nil, &stack.UnsupportedError{Runtime: name, Version: version}
	}
	s.stringsHaveLength = major > 3 || major == 3 && minor >= 2
	if s.vm, err = s.findVM(m, o); err != nil {
		return nil, err
	}
	return s, nil
}
