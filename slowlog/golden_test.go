package slowlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/slowlog/internal/golden"
)

// programsVar names how many random programs each interpreter runs; 200 is
// the acceptance run (make golden). Without it the distribution's run 20, and
// all others 4.
const programsVar = "SLOWLOG_PROGRAMS"

// Random programs print their own backtrace, then block. The report must show
// the same frames, name for name and line for line.
func TestGolden(t *testing.T) {
	interpreters := golden.Interpreters()
	if missing := golden.Missing(interpreters); missing != nil {
		t.Errorf("no interpreter for %v: apt-get install python3 php-cgi perl ruby", missing)
	}
	first := golden.FirstOfEach(interpreters)
	for _, i := range interpreters {
		n := 4
		if slices.ContainsFunc(first, func(f golden.Interpreter) bool { return f.Name == i.Name }) {
			n = 20
		}
		n = number(t, programsVar, n)
		t.Run(i.Name, func(t *testing.T) {
			frames := 0
			for seed := range n {
				if t.Failed() {
					return // one program says enough
				}
				frames += goldenProgram(t, i, uint64(seed))
			}
			t.Logf("%d programs, %d frames", n, frames)
		})
	}
}

// number is what a variable of the environment says, or a default.
func number(t *testing.T, name string, standard int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s is not a number above 0", name, text)
	}
	return n
}

// goldenProgram runs one program and returns how many frames were compared.
func goldenProgram(t *testing.T, i golden.Interpreter, seed uint64) int {
	t.Helper()
	source := i.Program(seed)
	p, err := i.Start(tempDir(t, i.Root), source)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	defer p.Stop()
	eventually(t, "the program sleeps", func() bool { // it may be on its way there from the END
		w := report(t, p.PID).Wait
		return w.State == "S" && w.Call != "" && w.Call != "write"
	})
	r := report(t, p.PID)
	if len(r.Stacks) == 0 {
		t.Fatalf("seed %d: no stack: %v", seed, r.Notes)
	}
	s := r.Stacks[0]
	got, want := i.Compare(p, calls(s.Frames))
	if !slices.Equal(got, want) {
		t.Errorf("seed %d: frames differ\n%s\nprogram:\n%s", seed, sideBySide(got, want), numbered(source))
	}
	if s.Truncated {
		t.Errorf("seed %d: the stack is truncated", seed)
	}
	if main := s.Frames[len(s.Frames)-1]; main.File != p.File {
		t.Errorf("seed %d: the program is %s, the stack begins in %s", seed, p.File, main.File)
	}
	if !t.Failed() {
		record(t, i, p, seed)
	}
	return len(want)
}

// report makes one report of a process.
func report(t testing.TB, pid int) Report {
	t.Helper()
	target, err := Open(pid, Options{Frames: MaxFrames})
	if err != nil {
		t.Fatal(err)
	}
	return target.Report(context.Background())
}

func calls(frames []Frame) []golden.Call {
	out := make([]golden.Call, len(frames))
	for i, f := range frames {
		out[i] = golden.Call{Func: f.Func, Line: f.Line}
		if f.Bare != "" {
			out[i].Func = f.Bare
		}
	}
	return out
}

// tempDir is a directory in which an interpreter under root finds its program.
func tempDir(t *testing.T, root string) string {
	t.Helper()
	if root == "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(filepath.Join(root, "tmp"), "golden") //nolint:usetesting // it has to be under root
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func sideBySide(got, want []golden.Call) string {
	var b strings.Builder
	for i := range max(len(got), len(want)) {
		var g, w golden.Call
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		mark := ""
		if g != w {
			mark = "   <<<"
		}
		fmt.Fprintf(&b, "  got %v, want %v%s\n", g, w, mark)
	}
	return b.String()
}

func numbered(source string) string {
	var b strings.Builder
	n := 0
	for line := range strings.Lines(source) {
		n++
		if strings.Contains(line, "n = n + ") || strings.TrimSpace(line) == "" {
			continue
		}
		fmt.Fprintf(&b, "%5d %s", n, line)
	}
	return b.String()
}
