package slowlog

import (
	"slices"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// maxWalks is how often a stack is walked until two walks agree.
const maxWalks = 12

// moving is the note of a stack on which no two walks agreed.
const moving = "moving: the last of several walks, of which no two agreed"

// agree walks until two walks in a row found the same, and returns that. If
// that does not happen it returns the last walk, with a note, or its error.
//
// A walk reads a process that runs, so its beginning and its end may be of
// different moments. The first walk finds out which pages matter. Each one
// after that is over a snapshot of all of them that one system call took, and
// counts if it needed no other page. In a busy loop of calls, where the same
// few states come again and again, walks that read page by page agree on a
// stack that never was about once in ten thousand times; snapshots do not. A
// slow request nearly always holds still and costs the two snapshots.
func agree(s stack.Sampler, m *procmem.Memory, limits stack.Limits) ([]stack.Stack, error) {
	m.Reset()
	last, lastErr := s.Walk(m, limits)
	counts := false
	for range maxWalks - 1 {
		whole := m.Refresh()
		reads := m.Reads()
		next, err := s.Walk(m, limits)
		whole = whole && m.Reads() == reads
		if whole && counts && err == nil && lastErr == nil && same(last, next) {
			return next, nil
		}
		last, lastErr, counts = next, err, whole
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
