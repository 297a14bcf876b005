package recorded

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// directory is where a package keeps its recordings.
const directory = "testdata/recorded"

// Check walks every recording of a package and compares the frames.
func Check(t *testing.T, rt stack.Runtime) {
	recordings, err := Load(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recordings {
		t.Run(r.Name, func(t *testing.T) {
			stacks, err := r.Walk(rt)
			if err != nil {
				t.Fatal(err)
			}
			got := stacks[0].Frames
			if len(got) != len(r.Frames) {
				t.Fatalf("%d frames, want %d", len(got), len(r.Frames))
			}
			for i, want := range r.Frames {
				if f := got[i]; f.Func != want.Func || f.File != want.File || f.Line != want.Line {
					t.Fatalf("frame %d is %s %s:%d, want %s %s:%d", i, f.Func, f.File, f.Line, want.Func, want.File, want.Line)
				}
			}
		})
	}
}

// walkLimit is far more than any walk takes, hostile memory or not.
const walkLimit = 2 * time.Second

// Fuzz walks recordings in whose memory some pointers and numbers were
// replaced: cyclic lists, wild pointers, huge lengths. A walk must come to an
// end soon, within its limits, and need not find anything.
//
// The fuzzer chooses a recording and pairs of what to replace and by what.
func Fuzz(f *testing.F, rt stack.Runtime) {
	recordings, err := Load(directory)
	if err != nil {
		f.Fatal(err)
	}
	for i := range recordings {
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), []byte{0, 0, 0, 1, 0, 1, 0, 2})
		f.Add(uint8(i), []byte{0, 7, 1, 0, 0, 9, 1, 1, 0, 12, 1, 3})
	}
	f.Fuzz(func(t *testing.T, which uint8, changes []byte) {
		r := recordings[int(which)%len(recordings)]
		r.Pages = Hostile(r.Pages, changes)
		start := time.Now()
		stacks, err := r.Walk(rt)
		if took := time.Since(start); took > walkLimit {
			t.Errorf("a walk took %v", took)
		}
		if err != nil {
			return
		}
		if len(stacks) > Limits.Threads {
			t.Errorf("%d stacks", len(stacks))
		}
		for _, s := range stacks {
			if len(s.Frames) > Limits.Frames {
				t.Errorf("%d frames", len(s.Frames))
			}
		}
	})
}

// Hostile copies pages and makes changes: each is four bytes, the number of a
// word that holds something and the number of what replaces it.
func Hostile(pages procmem.Pages, changes []byte) procmem.Pages {
	out := procmem.Pages{}
	var places, values []uint64
	bases := make([]uint64, 0, len(pages))
	for base, page := range pages {
		copied := *page
		out[base] = &copied
		bases = append(bases, base)
	}
	slices.Sort(bases)
	for _, base := range bases {
		values = append(values, base)
		for off := uint64(0); off < procmem.PageSize; off += 8 {
			if v := binary.LittleEndian.Uint64(out[base][off:]); v != 0 {
				places = append(places, base+off)
				values = append(values, v)
			}
		}
	}
	values = append(values, 0, 1, 0xff, 1<<12, 1<<20-1, 1<<31-1, 1<<32-1, 1<<47, 1<<63-1, 1<<63, ^uint64(0))
	for ; len(changes) >= 4 && len(places) > 0; changes = changes[4:] {
		place := places[int(binary.BigEndian.Uint16(changes))%len(places)]
		value := values[len(values)-1-int(binary.BigEndian.Uint16(changes[2:]))%len(values)]
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], value)
		out.Put(place, word[:])
	}
	return out
}
