package recorded

import (
	"bytes"
	"errors"
	"testing"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// Refuse replaces bytes in the memory of each recording whose name begins with
// prefix, and expects that the interpreter is refused with an error that says
// want.
func Refuse(t *testing.T, rt stack.Runtime, prefix, old, replacement, want string) {
	t.Helper()
	recordings, err := Load(directory)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, r := range recordings {
		pages, replaced := replace(r.Pages, []byte(old), []byte(replacement))
		if len(r.Name) < len(prefix) || r.Name[:len(prefix)] != prefix || !replaced {
			continue
		}
		tried++
		r.Pages = pages
		_, err := r.Walk(rt)
		var unsupported *stack.UnsupportedError
		if !errors.As(err, &unsupported) || err.Error() != want {
			t.Errorf("%s: %v, want %q", r.Name, err, want)
		}
	}
	if tried == 0 {
		t.Errorf("no recording of %s has %q", prefix, old)
	}
}

func replace(pages procmem.Pages, old, replacement []byte) (out procmem.Pages, replaced bool) {
	out = procmem.Pages{}
	for base, page := range pages {
		copied := *page
		if i := bytes.Index(copied[:], old); i >= 0 {
			copy(copied[i:], replacement)
			replaced = true
		}
		out[base] = &copied
	}
	return out, replaced
}
