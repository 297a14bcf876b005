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

// A goroutine is one that was found.
type goroutine struct {
	id     uint64
	state  uint32
	doing  string
	places []uint64 // innermost first; none of one that runs
	cut    bool     // there are more
}

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
	at := map[uint64][]uint64{}
	for _, g := range first {
		at[g.id] = g.places
	}
	rested := slices.DeleteFunc(second, func(g goroutine) bool {
		places, ok := at[g.id]
		return !ok || !slices.Equal(places, g.places)
	})
	stacks, err := p.stacks(rested)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(stacks, func(a, b stack.Stack) int { return rank(a) - rank(b) })
	return stacks[:min(len(stacks), limits.Threads)], nil
}

// walk reads all goroutines once.
func (p *Program) walk(m *procmem.Memory, limit int) ([]goroutine, error) {
	r := procmem.NewReader(m)
	array, count := r.U64(p.allgs), r.U64(p.allgs+8)
	var out []goroutine
	for i := range min(count, maxGoroutines) {
		addr := r.U64(array + i*8)
		if r.Err() != nil {
			break
		}
		if g, ok := p.goroutine(m, addr, limit); ok {
			out = append(out, g)
		}
	}
	return out, r.Err()
}

// goroutine reads one goroutine. ok is false for one that is not in use.
func (p *Program) goroutine(m *procmem.Memory, addr uint64, limit int) (g goroutine, ok bool) {
	r := procmem.NewReader(m)
	g.state = r.U32(addr+p.status) & stateMask
	if r.Err() != nil || g.state == idle || g.state == dead {
		return g, false
	}
	g.id = r.U64(addr + p.id)
	g.doing = p.doing(r, addr, g.state)
	pc, sp, fp := r.U64(addr+p.pc), r.U64(addr+p.sp), r.U64(addr+p.fp)
	if g.state == inSyscall {
		pc, sp, fp = r.U64(addr+p.callPC), r.U64(addr+p.callSP), 0
		if p.callFP != 0 {
			fp = r.U64(addr + p.callFP)
		}
	}
	if r.Err() != nil {
		return g, false
	}
	if g.state != running {
		g.places, g.cut = places(r, pc, sp, fp, limit)
	}
	return g, true
}

// places follows the frame pointers of a goroutine.
func places(r *procmem.Reader, pc, sp, fp uint64, limit int) (out []uint64, cut bool) {
	for pc != 0 && r.Err() == nil {
		if len(out) == limit {
			return out, true
		}
		out = append(out, pc)
		if fp < sp || fp%8 != 0 {
			break
		}
		pc, sp, fp = r.U64(fp+8), fp, r.U64(fp)
		if fp <= sp {
			fp = 0 // the last one, or nonsense
		}
		pc-- // the call, and not what comes after it
	}
	return out, false
}

// doing says what a goroutine is doing, in the words of Go's own traces.
func (p *Program) doing(r *procmem.Reader, addr uint64, state uint32) string {
	switch state {
	case runnable:
		return "runnable"
	case running:
		return "running: where cannot be told"
	case inSyscall:
		return "system call"
	case waiting:
		if p.waitReasons == 0 {
			break
		}
		reason := p.waitReasons + uint64(r.U8(addr+p.waitReason))*16
		words := procmem.NewReader(r.Memory())
		if text := words.String(words.U64(reason), words.U64(reason+8), maxReason); text != "" {
			return text
		}
	}
	return "waiting"
}

// stacks names the frames of goroutines and makes one stack of those that are
// at the same place.
func (p *Program) stacks(all []goroutine) ([]stack.Stack, error) {
	var unnamed []uint64
	for _, g := range all {
		unnamed = append(unnamed, g.places...)
	}
	if err := p.name(unnamed); err != nil {
		return nil, err
	}
	var out []stack.Stack
	index, count := map[string]int{}, map[int]int{}
	for _, g := range all {
		key := fmt.Sprint(g.places)
		i, seen := index[key]
		if !seen {
			s := stack.Stack{
				Runtime: p.Name(), Note: fmt.Sprintf("goroutine %d, %s", g.id, g.doing),
				Frames: p.frames(g), Truncated: g.cut,
			}
			if g.state != running && housekeeping(s.Frames) {
				continue
			}
			i = len(out)
			index[key] = i
			out = append(out, s)
		}
		count[i]++
	}
	for i, n := range count {
		if n > 1 {
			out[i].Note += fmt.Sprintf(", and %d more like it", n-1)
		}
	}
	return out, nil
}

// frames names the frames of a goroutine.
func (p *Program) frames(g goroutine) []stack.Frame {
	var out []stack.Frame
	for _, pc := range g.places {
		for _, f := range p.places[pc] {
			if f.Func == "runtime.goexit" {
				return out
			}
			f.Addr = pc
			out = append(out, f)
		}
	}
	return out
}

// housekeeping reports whether all frames are the runtime's own.
func housekeeping(frames []stack.Frame) bool {
	return !slices.ContainsFunc(frames, func(f stack.Frame) bool {
		return !strings.HasPrefix(f.Func, "runtime.") || f.Func == "runtime.main"
	})
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
