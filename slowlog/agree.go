package slowlog

import (
	"slices"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// maxWalks is how often a stack is walked until two walks in a row agree.
const maxWalks = 10

// moving is the note of a stack on which no two walks agreed.
const moving = "moving: the last of several walks, of which no two agreed"

// agree walks until two walks in a row found the same, and returns that. If
// that does not happen it returns the last walk, with a note, or its error.
//
// A walk reads a process that runs. Alone, about one in a hundred walks of a
// busy loop of calls fails or shows a stack that never was; two that agree do
// not. A slow request nearly always holds still, and costs the second walk.
func agree(s stack.Sampler, m *procmem.Memory, limits stack.Limits) ([]stack.Stack, error) {
	m.Reset()
	last, lastErr := s.Walk(m, limits)
	for range maxWalks - 1 {
		m.Reset()
		next, err := s.Walk(m, limits)
		if err == nil && lastErr == nil && same(last, next) {
			return next, nil
		}
		last, lastErr = next, err
	}
	if lastErr != nil {
		return nil, lastErr
	}
	for i := range last {
		last[i].Note = joinNotes(last[i].Note, moving)
	}
	return last, nil
}

// same reports whether two walks found the same threads in the same frames.
// What else a note says may differ.
func same(a, b []stack.Stack) bool {
	return slices.EqualFunc(a, b, func(x, y stack.Stack) bool {
		return x.TID == y.TID && x.Truncated == y.Truncated && slices.Equal(x.Frames, y.Frames)
	})
}

func joinNotes(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
