package php

import (
	"strings"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

const name = "php"

// Runtime recognises PHP.
type Runtime struct{}

// Name implements [stack.Runtime].
func (Runtime) Name() string { return name }

// Markers implements [stack.Runtime]. A thread-safe build has the second.
func (Runtime) Markers() []string { return []string{"executor_globals", "executor_globals_offset"} }

// Open implements [stack.Runtime].
func (Runtime) Open(m *procmem.Memory, o stack.Object) (stack.Sampler, error) {
	registry, err := o.Symbol(m, "module_registry")
	if err != nil {
		return nil, err
	}
	r := procmem.NewReader(m)
	b, ok := findBuild(r, registry)
	if r.Err() != nil {
		return nil, r.Err()
	}
	switch {
	case !ok:
		return nil, &stack.UnsupportedError{Runtime: name, Reason: "its version cannot be found; it may be starting"}
	case b.zts:
		return nil, &stack.UnsupportedError{Runtime: name, Version: b.version, Reason: "thread-safe (ZTS) builds cannot be read"}
	case b.debug:
		return nil, &stack.UnsupportedError{Runtime: name, Version: b.version, Reason: "debug builds cannot be read"}
	}
	l, known := layouts[branch(b.version)]
	if !known {
		return nil, &stack.UnsupportedError{Runtime: name, Version: b.version}
	}
	s := &sampler{layout: l, version: b.version}
	if s.executor, err = o.Symbol(m, "executor_globals"); err != nil {
		return nil, err
	}
	if sapi, ok := o.Lookup(m, "sapi_globals"); ok {
		s.sapi = sapi.Addr
	}
	return s, nil
}

// A build is what PHP's standard module says of the build it is part of.
type build struct {
	version    string
	zts, debug bool
}

// maxModules bounds the walk over the modules.
const maxModules = 512

// findBuild finds the module "standard" in the table of modules.
func findBuild(r *procmem.Reader, registry uint64) (build, bool) {
	data, used := r.U64(registry+tableData), r.U32(registry+tableUsed)
	for i := range uint64(min(used, maxModules)) {
		module := r.U64(data + i*bucketSize)
		if r.Err() != nil {
			break
		}
		if module == 0 || !strings.EqualFold(r.CString(r.U64(module+moduleName), 16), "standard") {
			continue
		}
		return build{
			version: r.CString(r.U64(module+moduleVersion), 32),
			debug:   r.U8(module+moduleDebug) != 0,
			zts:     r.U8(module+moduleZTS) != 0,
		}, r.Err() == nil
	}
	return build{}, false
}

// branch is 8.2 for 8.2.35.
func branch(version string) string {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	return major + "." + minor
}
