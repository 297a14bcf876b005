package native

import (
	"slices"
	"testing"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/internal/recorded"
)

// recording is of a program that slowlog's TestNativeGolden wrote: callbacks,
// signal handlers and frames of variable size, in glibc of Debian 12.
const recording = "testdata/recorded/program"

const limit = 64

func TestRecorded(t *testing.T) {
	n, err := recorded.ReadNative(recording)
	if err != nil {
		t.Fatal(err)
	}
	frames, why := New(n.Objects, nil).Unwind(procmem.NewMemory(n.Pages, 0), n.PC, n.SP, limit)
	var got []string
	for _, f := range frames {
		got = append(got, f.Func)
	}
	if why != "" || !slices.Equal(got, n.Functions) {
		t.Errorf("got  %v (%s)\nwant %v", got, why, n.Functions)
	}
	frames, why = New(n.Objects, nil).Unwind(procmem.NewMemory(n.Pages, 0), n.PC, n.SP, 3)
	if len(frames) != 3 || why != limitReached {
		t.Errorf("with a limit of 3: %d frames, %q", len(frames), why)
	}
}

func FuzzHostileMemory(f *testing.F) {
	n, err := recorded.ReadNative(recording)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{}, uint64(0), uint64(0))
	f.Add([]byte{0, 0, 0, 1, 0, 1, 0, 2}, uint64(1), uint64(8))
	f.Add([]byte{0, 7, 1, 0, 0, 9, 1, 1, 0, 12, 1, 3}, uint64(0), uint64(1<<40))
	f.Fuzz(func(t *testing.T, changes []byte, pc, sp uint64) {
		m := procmem.NewMemory(recorded.Hostile(n.Pages, changes), 0)
		frames, _ := New(n.Objects, nil).Unwind(m, n.PC+pc, n.SP+sp, limit)
		if len(frames) > limit {
			t.Errorf("%d frames", len(frames))
		}
	})
}
