// Package recorded replays samples of real processes: the bytes of memory one
// sample read, where the interpreter was mapped, and the frames that were
// there. So every version of every interpreter is tested wherever the tests
// run, and walked with hostile changes to its memory.
//
// Recordings are made by slowlog's golden test. Package recorded is used by
// tests only.
package recorded

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/anyfpm/anyfpm/internal/elfmem"
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// A Recording is one sample.
type Recording struct {
	Name   string // python-3.11.2-0
	Path   string // of the interpreter
	Base   uint64 // where it was mapped
	Pages  procmem.Pages
	Frames []stack.Frame // what was there: function, file and line
}

// Limits are those a recording was made with.
var Limits = stack.Limits{Frames: 512, Threads: 8}

// Load reads the recordings of a directory. That there are none is an error.
func Load(dir string) ([]Recording, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no recordings in %s", dir)
	}
	var out []Recording
	for _, name := range names {
		r, err := read(strings.TrimSuffix(name, ".txt"))
		if err != nil {
			return nil, fmt.Errorf("cannot read the recording %s: %w", name, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// Walk opens the interpreter of a recording and walks its stacks once.
func (r Recording) Walk(rt stack.Runtime) ([]stack.Stack, error) {
	m := procmem.NewMemory(r.Pages, 0)
	o, err := elfmem.Open(m, r.Base)
	if err != nil {
		return nil, err
	}
	s, err := rt.Open(m, stack.Object{Object: o, Path: r.Path})
	if err != nil {
		return nil, err
	}
	return s.Walk(m, Limits)
}

// The keywords of a recording's text.
const (
	pathWord  = "path"
	baseWord  = "base"
	frameWord = "frame"
)

func read(name string) (Recording, error) {
	r := Recording{Name: filepath.Base(name)}
	text, err := os.Open(name + ".txt")
	if err != nil {
		return r, err
	}
	defer text.Close()
	for lines := bufio.NewScanner(text); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case pathWord:
			r.Path = rest
		case baseWord:
			if _, err := fmt.Sscanf(rest, "%v", &r.Base); err != nil {
				return r, err
			}
		case frameWord:
			var f stack.Frame
			if _, err := fmt.Sscanf(rest, "%d %q %q", &f.Line, &f.File, &f.Func); err != nil {
				return r, err
			}
			r.Frames = append(r.Frames, f)
		default:
			return r, fmt.Errorf("unknown line %q", lines.Text())
		}
	}
	pages, err := os.Open(name + ".pages.gz")
	if err != nil {
		return r, err
	}
	defer pages.Close()
	r.Pages, err = procmem.ReadPages(pages)
	return r, err
}

// Write writes a recording to a directory.
func (r Recording) Write(dir string) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s\n%s %#x\n", pathWord, r.Path, baseWord, r.Base)
	for _, f := range r.Frames {
		fmt.Fprintf(&text, "%s %d %q %q\n", frameWord, f.Line, f.File, f.Func)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := filepath.Join(dir, r.Name)
	if err := os.WriteFile(name+".txt", []byte(text.String()), 0o644); err != nil {
		return err
	}
	pages, err := os.Create(name + ".pages.gz")
	if err != nil {
		return err
	}
	if _, err := r.Pages.WriteTo(pages); err != nil {
		pages.Close()
		return err
	}
	return pages.Close()
}
