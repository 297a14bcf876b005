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
		previous := r.U64(execute + executePrev)
		if previous == 0 && r.U32(execute+executeInfo)&callTop == 0 {
			r.Fail("the outermost frame was called by PHP")
		}
		execute = previous
	}
	if len(st.Frames) == 0 || r.Err() != nil {
		return nil, r.Err()
	}
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
		f.Line = s.line(r, execute, function)
	default:
		r.Fail("no function at %#x: kind %d", function, kind)
	}
	s.name(r, execute, function, &f)
	return f
}

// line is the line a frame is at. The interpreter keeps the instruction in a
// register and stores it when it calls something or may fail; up to its first
// store a frame has what the frame before at this address left there. That is
// told by the line, and is the function's first then.
func (s *sampler) line(r *procmem.Reader, execute, function uint64) int {
	first, last := int(r.U32(function+s.lineStart)), int(r.U32(function+s.lineStart+4))
	opline := r.U64(execute + executeOpline)
	if opline == 0 {
		return first
	}
	line := int(r.U32(opline + oplineLine))
	if first <= last && (line < first || line > last) {
		return first
	}
	return line
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
