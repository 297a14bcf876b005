package php

import (
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// Bounds of a walk.
const (
	maxSteps  = 10_000 // frames passed over
	maxString = 4096
)

type sampler struct {
	layout
	version  string
	executor uint64 // &executor_globals
	sapi     uint64 // &sapi_globals, or 0
}

// Name implements [stack.Sampler].
func (s *sampler) Name() string { return name + " " + s.version }

// Walk implements [stack.Sampler]. There is no stack while no script runs.
func (s *sampler) Walk(m *procmem.Memory, limits stack.Limits) ([]stack.Stack, error) {
	r := procmem.NewReader(m)
	st := stack.Stack{Runtime: s.Name()}
	execute := r.U64(s.executor + s.currentExecuteData)
	for n := 0; execute != 0 && r.Err() == nil; n++ {
		if len(st.Frames) == limits.Frames {
			st.Truncated = true
			break
		}
		if n == maxSteps {
			r.Fail("more than %d frames", maxSteps)
		}
		if function := r.U64(execute + executeFunc); function != 0 {
			st.Frames = append(st.Frames, s.frame(r, execute, function))
		}
		execute = r.U64(execute + executePrev)
	}
	if len(st.Frames) == 0 || r.Err() != nil {
		return nil, r.Err()
	}
	s.justEntered(r, &st.Frames[0])
	if st.Truncated {
		s.place(r, execute, st.Frames)
	}
	callersLines(st.Frames)
	st.Note = s.request(m)
	return []stack.Stack{st}, r.Err()
}

func (s *sampler) frame(r *procmem.Reader, execute, function uint64) stack.Frame {
	f := stack.Frame{Addr: execute}
	switch kind := r.U8(function + funcType); kind {
	case internalFunction:
		f.Kind = stack.Builtin
	case userFunction, evalCode:
		f.File = s.str(r, r.U64(function+s.fileName))
		if opline := r.U64(execute + executeOpline); opline != 0 {
			f.Line = int(r.U32(opline + oplineLine))
		}
	default:
		r.Fail("no function at %#x: kind %d", function, kind)
	}
	s.name(r, execute, function, &f)
	return f
}

// justEntered gives the innermost frame a line of its function if it has none.
// The interpreter keeps the instruction in a register and stores it when it
// calls something or may fail; up to its first store a frame has what the
// frame before at this address left there.
func (s *sampler) justEntered(r *procmem.Reader, f *stack.Frame) {
	if f.Kind == stack.Builtin {
		return
	}
	function := r.U64(f.Addr + executeFunc)
	first, last := int(r.U32(function+s.lineStart)), int(r.U32(function+s.lineStart+4))
	if first <= last && (f.Line < first || f.Line > last) {
		f.Line = first
	}
}

// name gives a frame the name its function has, or what a frame without a
// function is.
func (s *sampler) name(r *procmem.Reader, execute, function uint64, f *stack.Frame) {
	switch name := r.U64(function + funcName); {
	case name != 0:
		f.Func = s.str(r, name)
		if class := r.U64(function + funcScope); class != 0 {
			f.Bare = f.Func
			f.Func = s.str(r, r.U64(class+className)) + "::" + f.Func
		}
	case r.U32(execute+executeInfo)&callTop != 0:
		f.Func, f.Kind = "{main}", stack.Main
	default:
		f.Func, f.Kind = "[include/eval]", stack.Include
	}
}

// callersLines gives the interpreter's own functions the line that called
// them, as php-fpm does.
func callersLines(frames []stack.Frame) {
	for i := len(frames) - 2; i >= 0; i-- {
		if frames[i].File == "" {
			frames[i].File, frames[i].Line = frames[i+1].File, frames[i+1].Line
		}
	}
}

// place finds the line of the functions at the end of a stack that was cut
// off between them and their caller.
func (s *sampler) place(r *procmem.Reader, execute uint64, frames []stack.Frame) {
	last := &frames[len(frames)-1]
	for n := 0; last.File == "" && execute != 0 && n < maxSteps && r.Err() == nil; n++ {
		if function := r.U64(execute + executeFunc); function != 0 {
			caller := s.frame(r, execute, function)
			last.File, last.Line = caller.File, caller.Line
		}
		execute = r.U64(execute + executePrev)
	}
}

// str reads a zend_string up to a NUL byte, which the names of anonymous
// classes contain.
func (s *sampler) str(r *procmem.Reader, addr uint64) string {
	if r.U32(addr+stringType)&typeMask != typeString {
		r.Fail("no string at %#x", addr)
	}
	length := r.U64(addr + stringLen)
	if length > maxString {
		r.Fail("a string of %d bytes at %#x", length, addr)
	}
	return r.CString(addr+stringVal, length)
}

// request says which request is served, as far as PHP was told; it is worth
// having but no reason to fail.
func (s *sampler) request(m *procmem.Memory) string {
	if s.sapi == 0 {
		return ""
	}
	text := func(field uint64) string {
		r := procmem.NewReader(m)
		return r.CString(r.U64(s.sapi+field), maxString)
	}
	note := ""
	if method, uri := text(requestMethod), text(requestURI); uri != "" {
		note = method + " " + uri + ", "
	}
	if script := text(requestTranslated); script != "" {
		note += "script_filename = " + script
	}
	return note
}
