package golang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// Bounds of a walk.
const (
	maxGoroutines = 1000
	maxReason     = 64
)

// Pages is the page budget a walk needs.
const Pages = 4 * maxGoroutines

// The states of a goroutine (runtime2.go); a bit above them says that it is
// being scanned.
const (
	stateMask = 0xfff
	idle      = 0
	runnable  = 1
	running   = 2
	inSyscall = 3
	waiting   = 4
	dead      = 6
)

// Goroutines returns the stacks of the program's goroutines in a process that
// runs it, at most so many as limits allow. It looks twice: a goroutine counts
// that was at the same place both times. Those that are the runtime's own are
// left out, and those in code of the program come first.
func (p *Program) Goroutines(m *procmem.Memory, limits stack.Limits) ([]stack.Stack, error) {
	m.Reset()
	first, err := p.walk(m, limits.Frames)
	if err != nil {
		return nil, err
	}
	if _, err := m.Refresh(); err != nil {
		return nil, err
	}
	second, err := p.walk(m, limits.Frames)
	if err != nil {
		return nil, err
	}
	at := map[uint64][]stack.Frame{}
	for _, g := range first {
		at[g.id] = g.Frames
	}
	rested := slices.DeleteFunc(second, func(g goroutine) bool {
		frames, ok := at[g.id]
		return !ok || !slices.Equal(frames, g.Frames)
	})
	out := group(rested)
	return out[:min(len(out), limits.Threads)], nil
}

// Name is the language and the version the program was built with.
func (p *Program) Name() string { return name + " " + p.version }

// A goroutine is one that counts.
type goroutine struct {
	id uint64
	stack.Stack
}

// walk reads all goroutines once.
func (p *Program) walk(m *procmem.Memory, limit int) ([]goroutine, error) {
	r := procmem.NewReader(m)
	array, count := r.U64(p.allgs), r.U64(p.allgs+8)
	var out []goroutine
	for i := range min(count, maxGoroutines) {
		g, ok := p.goroutine(m, r.U64(array+i*8), limit)
		if r.Err() != nil {
			break
		}
		if ok {
			out = append(out, g)
		}
	}
	return out, r.Err()
}

// group makes one stack of goroutines that are at the same place.
func group(all []goroutine) []stack.Stack {
	var out []stack.Stack
	index, count := map[string]int{}, map[int]int{}
	for _, g := range all {
		key := fmt.Sprint(len(g.Frames))
		for _, f := range g.Frames {
			key += fmt.Sprintf(" %x", f.Addr)
		}
		i, seen := index[key]
		if !seen {
			i = len(out)
			index[key] = i
			out = append(out, g.Stack)
		}
		count[i]++
	}
	for i, n := range count {
		if n > 1 {
			out[i].Note += fmt.Sprintf(", and %d more like it", n-1)
		}
	}
	slices.SortStableFunc(out, func(a, b stack.Stack) int { return rank(a) - rank(b) })
	return out
}

// rank orders the main goroutine first and then those that run code outside
// of the standard library.
func rank(s stack.Stack) int {
	switch {
	case len(s.Frames) > 0 && s.Frames[len(s.Frames)-1].Func == "runtime.main":
		return 0
	case slices.ContainsFunc(s.Frames, func(f stack.Frame) bool { return ownCode(f.Func) }):
		return 1
	}
	return 2
}

// ownCode reports whether a function is not of the standard library: those of
// others begin with a domain.
func ownCode(function string) bool {
	first, _, nested := strings.Cut(function, "/")
	return strings.HasPrefix(function, "main.") || nested && strings.Contains(first, ".")
}

// goroutine reads one goroutine. ok is false for one that does not count.
func (p *Program) goroutine(m *procmem.Memory, g uint64, limit int) (_ goroutine, ok bool) {
	r := procmem.NewReader(m)
	state := r.U32(g+p.status) & stateMask
	if r.Err() != nil || state == idle || state == dead {
		return goroutine{}, false
	}
	pc, sp, fp := r.U64(g+p.pc), r.U64(g+p.sp), r.U64(g+p.fp)
	if state == inSyscall {
		pc, sp, fp = r.U64(g+p.callPC), r.U64(g+p.callSP), 0
		if p.callFP != 0 {
			fp = r.U64(g + p.callFP)
		}
	}
	id := r.U64(g + p.id)
	if r.Err() != nil {
		return goroutine{}, false
	}
	st := stack.Stack{Runtime: p.Name(), Note: fmt.Sprintf("goroutine %d, %s", id, p.doing(r, g, state))}
	if state == running {
		st.Note += ": where cannot be told"
		return goroutine{id, st}, true
	}
	st.Frames, st.Truncated = p.frames(m, pc, sp, fp, limit)
	return goroutine{id, st}, len(st.Frames) > 0 && !housekeeping(st.Frames)
}

// doing says what a goroutine is doing, in the words of Go's own traces.
func (p *Program) doing(r *procmem.Reader, g uint64, state uint32) string {
	switch state {
	case runnable:
		return "runnable"
	case running:
		return "running"
	case inSyscall:
		return "system call"
	case waiting:
		if p.waitReasons == 0 {
			break
		}
		reason := p.waitReasons + uint64(r.U8(g+p.waitReason))*16
		words := procmem.NewReader(r.Memory())
		if text := words.String(words.U64(reason), words.U64(reason+8), maxReason); text != "" {
			return text
		}
	}
	return "waiting"
}

// frames follows the frame pointers of a goroutine.
func (p *Program) frames(m *procmem.Memory, pc, sp, fp uint64, limit int) (out []stack.Frame, truncated bool) {
	r := procmem.NewReader(m)
	for exact := true; r.Err() == nil; exact = false {
		at := pc
		if !exact {
			at-- // the call, not what comes after it
		}
		file, line, fn := p.table.PCToLine(at - p.bias)
		if fn == nil || fn.Name == "runtime.goexit" {
			return out, false
		}
		if len(out) == limit {
			return out, true
		}
		out = append(out, stack.Frame{Func: fn.Name, File: file, Line: line, Addr: pc})
		if fp < sp || fp%8 != 0 {
			return out, false
		}
		pc, sp, fp = r.U64(fp+8), fp, r.U64(fp)
		if fp != 0 && fp <= sp {
			fp = 0 // the last one, or nonsense
		}
	}
	return out, false
}

// housekeeping reports whether all frames are the runtime's own.
func housekeeping(frames []stack.Frame) bool {
	for _, f := range frames {
		if !strings.HasPrefix(f.Func, "runtime.") || f.Func == "runtime.main" {
			return false
		}
	}
	return true
}
