package perl

import (
	"testing"

	"github.com/anyfpm/anyfpm/internal/elfmem"
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/internal/recorded"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// An odd minor version is a development one, and its layout anybody's guess.
func TestUnknownVersion(t *testing.T) {
	recordings, err := recorded.Load("testdata/recorded")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recordings {
		m := procmem.NewMemory(r.Pages, 0)
		o, err := elfmem.Open(m, r.Base)
		if err != nil {
			t.Fatal(err)
		}
		at, err := stack.Object{Object: o}.Symbol(m, "PL_version")
		if err != nil {
			t.Fatal(err)
		}
		r.Pages.Put(at, []byte{37})
		_, err = r.Walk(Runtime{})
		if _, ok := err.(*stack.UnsupportedError); !ok {
			t.Errorf("%s as 5.37: %v", r.Name, err)
		}
	}
}
