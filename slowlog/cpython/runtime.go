package cpython

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

const name = "python"

// Runtime recognises CPython.
type Runtime struct{}

// Name implements [stack.Runtime].
func (Runtime) Name() string { return name }

// Markers implements [stack.Runtime].
func (Runtime) Markers() []string { return []string{"_PyRuntime"} }

// Open implements [stack.Runtime].
func (Runtime) Open(m *procmem.Memory, o stack.Object) (stack.Sampler, error) {
	runtime, err := o.Symbol(m, "_PyRuntime")
	if err != nil {
		return nil, err
	}
	r := procmem.NewReader(m)
	v, err := versionOf(r, o)
	if err != nil {
		return nil, err
	}
	s := &sampler{version: v, runtime: runtime}
	l, known := layouts[v.minor]
	if !known {
		if l, err = selfDescribed(r, runtime, v); err != nil {
			return nil, err
		}
	}
	s.dialect = dialectOf(v.minor, l)
	for _, t := range []struct {
		symbol string
		addr   *uint64
	}{
		{"PyCode_Type", &s.codeType},
		{"PyUnicode_Type", &s.strType},
		{"PyFrame_Type", &s.frameType},
	} {
		if *t.addr, err = o.Symbol(m, t.symbol); err != nil {
			return nil, err
		}
	}
	return s, r.Err()
}

// A version is 3.minor and, where the process states it, all of it.
type version struct {
	minor int
	hex   uint32 // PY_VERSION_HEX, 0 if unknown
}

// String is the version as python -V prints it, as far as it is known.
func (v version) String() string {
	if v.hex == 0 {
		return fmt.Sprintf("3.%d", v.minor)
	}
	return fmt.Sprintf("%d.%d.%d", v.hex>>24, v.hex>>16&0xff, v.hex>>8&0xff)
}

// inPath finds the version in the name of the program or library. Up to 3.10
// nothing in the process states it better.
var inPath = regexp.MustCompile(`python3\.(\d+)`)

func versionOf(r *procmem.Reader, o stack.Object) (version, error) {
	if s, ok := o.Lookup(r.Memory(), "Py_Version"); ok { // from 3.11
		hex := r.U32(s.Addr)
		v := version{minor: int(hex >> 16 & 0xff), hex: hex}
		if r.Err() == nil && hex>>24 != 3 {
			return v, &stack.UnsupportedError{Runtime: name, Version: v.String()}
		}
		return v, r.Err()
	}
	found := inPath.FindAllStringSubmatch(o.Path, -1)
	if found == nil {
		return version{}, &stack.UnsupportedError{Runtime: name, Reason: "the version cannot be told from " + strconv.Quote(o.Path)}
	}
	minor, err := strconv.Atoi(found[len(found)-1][1])
	if err != nil || minor > 10 {
		return version{}, &stack.UnsupportedError{Runtime: name, Reason: "the version cannot be told from " + strconv.Quote(o.Path)}
	}
	return version{minor: minor}, nil
}
