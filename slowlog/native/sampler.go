package native

import (
	"github.com/anyfpm/anyfpm/internal/procfs"
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// Name is what native stacks are called.
const Name = "native"

// A Sampler walks the stacks of the threads of a process.
type Sampler struct {
	FS       procfs.FS
	PID      int
	Unwinder *Unwinder
}

// Name implements [stack.Sampler].
func (s *Sampler) Name() string { return Name }

// Walk implements [stack.Sampler]. The main thread comes first. A thread that
// runs has no frames: its registers are its own.
func (s *Sampler) Walk(m *procmem.Memory, limits stack.Limits) ([]stack.Stack, error) {
	var out []stack.Stack
	tids := s.FS.Threads(s.PID)
	for _, tid := range tids[:min(len(tids), limits.Threads)] {
		call, err := s.FS.Syscall(s.PID, tid)
		if err != nil || !call.Running && call.PC == 0 {
			continue // it has ended, and may not have been waited for
		}
		st := stack.Stack{Runtime: Name, TID: tid}
		if call.Running {
			st.Note = "running: where can only be told of a thread that is blocked"
		} else {
			var why string
			st.Frames, why = s.Unwinder.Unwind(m, call.PC, call.SP, limits.Frames)
			switch why {
			case "":
			case limitReached:
				st.Truncated = true
			default:
				st.Note = "its callers cannot be found: " + why
			}
		}
		out = append(out, st)
	}
	return out, nil
}
