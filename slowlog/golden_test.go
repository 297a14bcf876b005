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

// programsVar names how many random programs each interpreter runs.
const programsVar = "SLOWLOG_PROGRAMS"

// programs is how many random programs each interpreter runs: few by default,
// 200 for the acceptance run.
func programs(t *testing.T) int {
	t.Helper()
	text := os.Getenv(programsVar)
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s is not a number of programs", programsVar, text)
	}
	return n
}

// Random programs print their own backtrace, then block. The report must show
// the same frames, name for name and line for line.
func TestGolden(t *testing.T) {
	interpreters := golden.Interpreters()
	if missing := golden.Missing(interpreters); missing != nil {
		t.Errorf("no interpreter for %v: apt-get install python3 php-cgi perl ruby", missing)
	}
	n := programs(t)
	for _, i := range interpreters {
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

// goldenProgram runs one program and returns how many frames were compared.
func goldenProgram(t *testing.T, i golden.Interpreter, seed uint64) int {
	t.Helper()
	source := i.Program(seed)
	p, err := i.Start(tempDir(t, i.Root), source)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	defer p.Stop()
	var r Report
	eventually(t, "the program blocks", func() bool { // it may be on its way from the END to the sleep
		r = report(t, p.PID)
		return len(r.Stacks) == 0 || !strings.Contains(r.Stacks[0].Note, running)
	})
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
