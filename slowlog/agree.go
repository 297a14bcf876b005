package slowlog

import (
	"errors"
	"slices"
	"time"

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

// starving is the note of a stack of a process that did not get to run.
const starving = "waits for a CPU"

// An activity is what a process does apart from its memory.
type activity interface {
	// asleep reports whether its main thread is blocked in the kernel.
	asleep() bool
	// used is the CPU time that it has used.
	used() time.Duration
	// wait lets some time pass, the n-th time, unless that was often enough.
	wait(n int) bool
	// late reports whether it was looked at for long enough: its memory may be
	// made to lead a walk round and round.
	late() bool
}

// agree walks the stacks of a process until it is sure of them.
//
// A walk reads a process that runs, so its beginning and its end may be of
// different moments, and may fit together into a stack that never was. The
// first walk finds out which pages matter. Then all of them are read again by
// one system call. If the process slept all the while, as a slow one nearly
// always does, the stack is right. Otherwise several more such snapshots are
// walked, and what is returned is what all of them have in common, from the
// outermost frame inwards: in a program that calls functions in a tight loop
// that ends with the loop.
//
// A process that was driven off its CPU stands still, and may do so halfway
// between two states. So a snapshot in which nothing has changed counts only
// if the process has run since the one before.
func agree(s stack.Sampler, m *procmem.Memory, limits stack.Limits, process activity) ([]stack.Stack, error) {
	m.Reset()
	found, err := s.Walk(m, limits)
	var views [][]stack.Stack
	seen := process.used()
	for n, waits := 0, 0; n < maxWalks && len(views) < enough && !process.late(); {
		before := process.used()
		changed, refreshErr := m.Refresh()
		asleep := process.asleep()
		after := process.used()
		if !changed && !asleep && after == seen {
			if !process.wait(waits) {
				return noted(found, starving), err
			}
			waits++
			continue
		}
		seen = after
		n++
		reads := m.Reads()
		if changed {
			found, err = s.Walk(m, limits)
		}
		whole := refreshErr == nil && m.Reads() == reads
		if whole && asleep && before == after {
			return found, err
		}
		if whole && err == nil {
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

// noted returns stacks with a note added to the first.
func noted(stacks []stack.Stack, note string) []stack.Stack {
	stacks = slices.Clone(stacks)
	for i := range stacks[:min(len(stacks), 1)] {
		stacks[i].Note = joined(stacks[i].Note, note)
	}
	return stacks
}

// joined puts two notes together, of which the first may be empty.
func joined(first, second string) string {
	if first == "" {
		return second
	}
	return first + "; " + second
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
	if calling {
		st.Note = joined(st.Note, running)
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
