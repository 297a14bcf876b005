package cpython

import (
	"slices"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// Bounds of a walk.
const (
	maxInterpreters = 16
	maxThreads      = 256
	maxSteps        = 10_000 // frames passed over
	maxString       = 4096   // characters
)

// moduleName is what the code of a module is called: of the program, or of one
// that is being imported.
const moduleName = "<module>"

// The owners of a frame that are the C stack and no Python code.
const firstForeignOwner = 3

type sampler struct {
	dialect
	version version
	runtime uint64 // &_PyRuntime

	codeType, strType, frameType uint64
}

// Name implements [stack.Sampler].
func (s *sampler) Name() string { return name + " " + s.version.String() }

// Walk implements [stack.Sampler]. The main thread comes first; one that runs
// no Python code is left out.
func (s *sampler) Walk(m *procmem.Memory, limits stack.Limits) ([]stack.Stack, error) {
	r := procmem.NewReader(m)
	threads, holder := s.threads(r)
	var out []stack.Stack
	for _, t := range threads[:min(len(threads), limits.Threads)] {
		st := stack.Stack{Runtime: s.Name()}
		if s.threadNative != 0 {
			st.TID = int(uint32(r.U64(t + s.threadNative)))
		}
		if t == holder {
			st.Note = "holds the GIL"
		}
		if s.frames(r, t, limits.Frames, &st); len(st.Frames) > 0 {
			out = append(out, st)
		}
	}
	return out, r.Err()
}

// threads returns the threads of all interpreters, oldest first, and the one
// that holds the GIL, 0 if none does or it is not known.
func (s *sampler) threads(r *procmem.Reader) (threads []uint64, holder uint64) {
	if s.gilCurrent != 0 {
		holder = r.U64(s.runtime + s.gilCurrent)
	}
	interp := r.U64(s.runtime + s.interpretersHead)
	for n := 0; interp != 0 && r.Err() == nil; n++ {
		if n == maxInterpreters {
			r.Fail("more than %d interpreters", maxInterpreters)
		}
		if s.gilHolder != 0 && r.U32(interp+s.gilLocked) == 1 {
			holder = r.U64(interp + s.gilHolder)
		}
		thread := r.U64(interp + s.threadsHead)
		for n := 0; thread != 0 && n < maxThreads && r.Err() == nil; n++ {
			threads = append(threads, thread) // the list is newest first
			thread = r.U64(thread + s.threadNext)
		}
		interp = r.U64(interp + s.interpNext)
	}
	slices.Reverse(threads)
	return threads, holder
}

// frames appends the frames of a thread to st, at most limit.
func (s *sampler) frames(r *procmem.Reader, thread uint64, limit int, st *stack.Stack) {
	frame := r.U64(thread + s.threadFrame)
	if s.indirectFrame {
		frame = r.U64(frame + s.cframe)
	}
	for n := 0; frame != 0 && r.Err() == nil; n++ {
		if len(st.Frames) == limit {
			st.Truncated = true
			return
		}
		if n == maxSteps {
			r.Fail("more than %d frames", maxSteps)
		}
		if s.frameOwner == 0 || r.U8(frame+s.frameOwner) < firstForeignOwner {
			st.Frames = append(st.Frames, s.frame(r, frame))
		}
		frame = r.U64(frame + s.framePrevious)
	}
	if last := len(st.Frames) - 1; last >= 0 && st.Frames[last].Kind == stack.Include {
		st.Frames[last].Kind = stack.Main
	}
}

func (s *sampler) frame(r *procmem.Reader, frame uint64) stack.Frame {
	if s.frameOwner == 0 { // up to 3.10 a frame is an object
		s.check(r, frame, s.frameType, "frame")
	}
	code := r.U64(frame+s.frameCode) & s.pointerMask
	s.check(r, code, s.codeType, "code")
	function := s.codeName
	if s.codeQualname != 0 {
		function = s.codeQualname
	}
	f := stack.Frame{
		Func: s.str(r, r.U64(code+function)),
		File: s.str(r, r.U64(code+s.codeFile)),
		Addr: frame,
	}
	if f.Func == moduleName {
		f.Kind = stack.Include
	}
	first := int(int32(r.U32(code + s.codeFirstLine)))
	table := r.U64(code + s.codeLines)
	lines := r.Bytes(table+s.bytesData, r.U64(table+varSize))
	offset := s.offset(r, frame, code)
	if r.Err() == nil {
		f.Line = first
		if offset >= 0 { // before the first instruction it is negative
			f.Line = s.line(lines, first, offset)
		}
	}
	return f
}

// offset is how far into its code a frame is, in bytes.
func (s *sampler) offset(r *procmem.Reader, frame, code uint64) int {
	if s.codeStart == 0 {
		return int(int32(r.U32(frame+s.frameInstr))) * s.instrScale
	}
	offset := int64(r.U64(frame+s.frameInstr) - (code + s.codeStart))
	if size := int64(r.U64(code+varSize)) * 2; offset < -2 || offset > size {
		r.Fail("instruction %d of a code of %d bytes", offset, size)
	}
	return int(offset)
}

// check fails the walk unless an object is of a type.
func (s *sampler) check(r *procmem.Reader, object, want uint64, kind string) {
	if got := r.U64(object + objectType); got != want {
		r.Fail("no %s object at %#x", kind, object)
	}
}
