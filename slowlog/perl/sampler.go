package perl

import (
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// Bounds of a walk.
const (
	maxStacks = 64
	maxSteps  = 10_000 // contexts looked at
	maxString = 4096
)

type sampler struct {
	layout      // without threads curcop and curstackinfo are addresses
	version     string
	threads     bool
	interpreter uint64 // &PL_curinterp, with threads
}

// Name implements [stack.Sampler].
func (s *sampler) Name() string { return name + " " + s.version }

// Walk implements [stack.Sampler].
func (s *sampler) Walk(m *procmem.Memory, limits stack.Limits) ([]stack.Stack, error) {
	r := procmem.NewReader(m)
	var interpreter uint64
	if s.threads {
		if interpreter = r.U64(s.interpreter); interpreter == 0 {
			r.Fail("there is no interpreter")
		}
	}
	w := walk{sampler: s, r: r, limit: limits.Frames, cop: r.U64(interpreter + s.curcop)}
	w.st.Runtime = s.Name()
	w.stacks(r.U64(interpreter + s.curstackinfo))
	if r.Err() != nil {
		return nil, r.Err()
	}
	if w.subs = append(w.subs, 0, 0); w.entering && w.subs[0] != w.subs[1] {
		w.st.Frames = w.st.Frames[1:]
	}
	return []stack.Stack{w.st}, nil
}

// A walk is one walk in progress.
type walk struct {
	*sampler
	r     *procmem.Reader
	st    stack.Stack
	limit int
	steps int
	// cop is the statement of the frame that comes next.
	cop uint64
	// subs are the two innermost subroutines, 0 where there is none.
	subs []uint64
	// entering says that the innermost frame is a subroutine that has not
	// begun its first statement: the current one is still that of its call.
	// So it is left out, unless it was called by itself, which may be from
	// that very statement.
	entering bool
}

// stacks walks a stack and those below it, to the bottom of the main one.
func (w *walk) stacks(info uint64) {
	r := w.r
	for n := 0; r.Err() == nil; n++ {
		if n == maxStacks {
			r.Fail("more than %d stacks", maxStacks)
		}
		if w.contexts(info) {
			w.st.Truncated = true
			return
		}
		if below := r.U64(info + stackPrev); below != 0 {
			info = below
			continue
		}
		if kind := r.U32(info + w.stackType); kind != stackMain {
			r.Fail("the lowest stack is of kind %d", kind)
		}
		w.add(stack.Frame{Func: "{main}", Kind: stack.Main, Addr: info})
		return
	}
}

// contexts walks the contexts of one stack, newest first. It returns early
// with true when there are more frames than wanted.
func (w *walk) contexts(info uint64) (truncated bool) {
	r := w.r
	base := r.U64(info + stackContexts)
	index, top := int32(r.U32(info+stackIndex)), int32(r.U32(info+stackMax))
	if index < -1 || index > top || top > maxContextSize {
		r.Fail("context %d of %d", index, top)
	}
	for ; index >= 0 && r.Err() == nil; index-- {
		if w.steps++; w.steps > maxSteps {
			r.Fail("more than %d contexts", maxSteps)
		}
		context := base + uint64(index)*w.contextSize
		f := stack.Frame{Addr: context}
		switch kind := r.U8(context); kind & contextMask {
		case contextSub, contextFormat:
			cv := r.U64(context + w.subCV)
			f.Func = w.code(r, cv)
			w.subs = append(w.subs, cv)
		case contextEval:
			f.Func, f.Kind = w.eval(context, kind), stack.Include
		default:
			continue
		}
		if len(w.st.Frames) == w.limit {
			return true
		}
		caller := r.U64(context + contextOldCop)
		w.entering = w.entering || len(w.st.Frames) == 0 && len(w.subs) == 1 && caller == w.cop
		w.add(f)
		w.cop = caller
	}
	return false
}

// add appends a frame at the current statement.
func (w *walk) add(f stack.Frame) {
	if w.cop != 0 {
		f.File, f.Line = w.file(w.r, w.cop), int(int32(w.r.U32(w.cop+w.copLine)))
	}
	w.st.Frames = append(w.st.Frames, f)
}

// eval names a context that evaluates: a block, a string or a file.
func (w *walk) eval(context uint64, kind byte) string {
	if kind&contextBlock == 0 {
		if name := w.r.U64(context + w.evalName); name != 0 {
			return "require " + w.r.CString(w.r.U64(name+svValue), maxString)
		}
	}
	return "(eval)"
}
