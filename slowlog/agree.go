package slowlog

import (
	"errors"
	"slices"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

const (
	// enough is how many walks have to agree on a stack that is moving.
	enough = 6
	// maxWalks is how many are made to have so many that can be used.
	maxWalks = 16
)

// running is the note of a stack that was cut down to what walks agreed on.
const running = "running: calls made by the innermost frame come and go too fast to be told"

// errMoving is the error of a stack that never was readable as a whole.
var errMoving = errors.New("it changes too fast")

// agree walks the stacks of a process until it is sure of them. asleep says
// whether the process's main thread is blocked at this moment.
//
// A walk reads a process that runs, so its beginning and its end may be of
// different moments, and may fit together into a stack that never was. The
// first walk finds out which pages matter. Then all of them are read again by
// one system call. If not one byte has changed and the process sleeps, as a
// slow one nearly always does, the stack is right. Otherwise several more
// such snapshots are walked, and what is returned is what all of them have in
// common, from the outermost frame inwards: in a program that calls functions
// in a tight loop that ends with the loop.
func agree(s stack.Sampler, m *procmem.Memory, limits stack.Limits, asleep func() bool) ([]stack.Stack, error) {
	m.Reset()
	found, err := s.Walk(m, limits)
	var views [][]stack.Stack
	for n := 0; n < maxWalks && len(views) < enough; n++ {
		changed, refreshErr := m.Refresh()
		if !changed && asleep() {
			return found, err
		}
		reads := m.Reads()
		found, err = s.Walk(m, limits)
		if whole := refreshErr == nil && m.Reads() == reads; whole && err == nil {
			views = append(views, found)
		}
	}
	if len(views) == enough {
		if stacks := common(views); len(stacks) > 0 || len(found) == 0 {
			return stacks, nil
		}
	}
	if err == nil {
		err = errMoving
	}
	return nil, err
}

// common returns the stacks that several views of a process have in common.
// A thread that is not in all of them is left out.
func common(views [][]stack.Stack) []stack.Stack {
	last := views[len(views)-1]
	var out []stack.Stack
	for i, st := range last {
		outer, same := len(st.Frames), true
		for _, view := range views {
			if i >= len(view) || view[i].TID != st.TID {
				outer, same = 0, false
				break
			}
			outer = min(outer, sameOuter(st, view[i]))
			same = same && slices.Equal(st.Frames, view[i].Frames)
		}
		switch {
		case same:
			out = append(out, st)
		case outer > 0:
			out = append(out, cut(st, outer, views, i))
		}
	}
	return out
}

// cut reduces a stack, the i-th of each view, to its outer frames. The
// innermost of them is at the line most views have it at; a view in which it
// is calling something counts for more than all others, as its line is exact.
func cut(st stack.Stack, outer int, views [][]stack.Stack, i int) stack.Stack {
	st.Frames = slices.Clone(st.Frames[len(st.Frames)-outer:])
	votes := map[int]int{}
	best, calling := 0, false
	for _, view := range views {
		at := len(view[i].Frames) - outer
		line := view[i].Frames[at].Line
		if votes[line]++; at > 0 {
			votes[line] += len(views)
			calling = true
		}
		if votes[line] >= votes[best] {
			best = line
		}
	}
	st.Frames[0].Line = best
	if calling && st.Note != "" {
		st.Note += "; "
	}
	if calling {
		st.Note += running
	}
	return st
}

// sameOuter is how many outer frames of a have counterparts in b: frames that
// are the same, and one more in which only the line differs.
func sameOuter(a, b stack.Stack) int {
	n := 0
	for n < len(a.Frames) && n < len(b.Frames) {
		x, y := a.Frames[len(a.Frames)-1-n], b.Frames[len(b.Frames)-1-n]
		if x == y {
			n++
			continue
		}
		if x.Line = y.Line; x == y {
			n++
		}
		break
	}
	return n
}
