package slowlog

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/procfs"
	"github.com/anyfpm/anyfpm/slowlog/internal/golden"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// samplesVar names how often each busy program is sampled, of all
// interpreters; 30,000 is the acceptance run (make golden).
const samplesVar = "SLOWLOG_SAMPLES"

// A busyProgram is what one of the programs in testdata/busy, which loop over
// calls without end, can be doing: the lines of each function and who calls
// whom from where.
type busyProgram struct {
	main  string
	lines map[string][2]int
	calls map[busyCall]bool
}

// anyLine is the line of a call from a function that is not of the program.
const anyLine = -1

type busyCall struct {
	caller string
	line   int
	callee string
}

var busyPrograms = map[string]busyProgram{
	"python": {
		main: "<module>",
		lines: map[string][2]int{
			"<module>": {18, 18}, "main": {16, 17}, "run": {9, 12}, "inner": {1, 6},
			"other": {13, 14}, "<listcomp>": {14, 14},
		},
		calls: map[busyCall]bool{
			{"<module>", 18, "main"}: true, {"main", 17, "run"}: true,
			{"run", 11, "inner"}: true, {"run", 12, "other"}: true,
			{"other", 14, "<listcomp>"}: true,
		},
	},
	"php": {
		main: "{main}",
		lines: map[string][2]int{
			"{main}": {21, 21}, "A::run": {11, 16}, "inner": {2, 8}, "strlen": {6, 6},
			"A::other": {17, 19}, "md5": {18, 18}, "str_repeat": {18, 18},
		},
		calls: map[busyCall]bool{
			{"{main}", 21, "A::run"}: true, {"A::run", 13, "inner"}: true, {"A::run", 14, "A::other"}: true,
			{"inner", 6, "strlen"}: true, {"A::other", 18, "md5"}: true, {"A::other", 18, "str_repeat"}: true,
		},
	},
	"perl": {
		main:  "{main}",
		lines: map[string][2]int{"{main}": {21, 21}, "A::run": {3, 6}, "A::inner": {9, 15}, "A::other": {17, 18}},
		calls: map[busyCall]bool{
			{"{main}", 21, "A::run"}: true, {"A::run", 5, "A::inner"}: true, {"A::run", 6, "A::other"}: true,
		},
	},
	"ruby": {
		main: "<main>",
		lines: map[string][2]int{
			"<main>": {20, 20}, "run": {10, 15}, "inner": {1, 8}, "block in inner": {3, 6},
			"other": {16, 18}, "block in other": {17, 17}, "<cfunc>": {3, 17},
			"times": {1, 1000}, // written in Ruby from 3.3 on
		},
		calls: map[busyCall]bool{
			{"<main>", 20, "run"}: true, {"<main>", 20, "<cfunc>"}: true, {"run", 12, "inner"}: true, {"run", 13, "other"}: true,
			{"inner", 3, "times"}: true, {"times", anyLine, "block in inner"}: true, {"times", anyLine, "<cfunc>"}: true,
			{"inner", 3, "<cfunc>"}: true, {"<cfunc>", 3, "block in inner"}: true,
			{"block in inner", 4, "<cfunc>"}: true, {"block in inner", 5, "<cfunc>"}: true,
			{"other", 17, "<cfunc>"}: true, {"<cfunc>", 17, "<cfunc>"}: true, {"<cfunc>", 17, "block in other"}: true,
			{"block in other", 17, "<cfunc>"}: true,
		},
	},
}

// possible reports whether a program can be in a stack.
func (p busyProgram) possible(frames []Frame) bool {
	callee := ""
	for _, f := range frames {
		name := f.Func[strings.LastIndexByte(f.Func, '.')+1:] // Python has a class before it, or not
		span, known := p.lines[name]
		if !known || f.Line < span[0] || f.Line > span[1] {
			return false
		}
		if callee != "" && !p.calls[busyCall{name, f.Line, callee}] && !p.calls[busyCall{name, anyLine, callee}] {
			return false
		}
		callee = name
	}
	return callee == p.main
}

// A stack that is accepted is one the program can be in, however fast it
// moves.
func TestBusyLoop(t *testing.T) {
	interpreters := golden.Interpreters()
	if os.Getenv(samplesVar) == "" {
		interpreters = golden.FirstOfEach(interpreters)
	}
	for _, i := range interpreters {
		t.Run(i.Name, func(t *testing.T) { busyLoop(t, i, number(t, samplesVar, 500)) })
	}
}

func busyLoop(t *testing.T, i golden.Interpreter, samples int) {
	source, err := os.ReadFile(filepath.Join("testdata", "busy", "busy."+i.Ext))
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(tempDir(t, i.Root), "busy."+i.Ext)
	if err := os.WriteFile(program, source, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(i.Command[0], append(i.Command[1:len(i.Command):len(i.Command)], inside(i.Root, program))...)
	cmd.Env = append(os.Environ(), "PERL_BADLANG=0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	busy := busyPrograms[i.Language.Name]
	p := eventuallyRuns(t, cmd.Process.Pid, busy.possible)

	limits := stack.Limits{Frames: 64, Threads: 1}
	var cut, failed int
	wrong := map[string]int{}
	for range samples {
		p.began = time.Now()
		stacks, err := agree(p.sampler, p.memory, limits, p)
		switch {
		case err != nil:
			failed++
		case len(stacks) != 1:
			wrong[fmt.Sprint(len(stacks), " stacks")]++
		case !busy.possible(stacks[0].Frames):
			text := ""
			for _, f := range stacks[0].Frames {
				text += fmt.Sprintf("%s:%d < ", f.Func, f.Line)
			}
			wrong[text+stacks[0].Note]++
		case strings.Contains(stacks[0].Note, running):
			cut++
		}
	}
	t.Logf("%d samples: %d cut down to what stayed, %d unreadable, %d kinds of wrong ones", samples, cut, failed, len(wrong))
	for text, n := range wrong {
		t.Errorf("accepted %d times: %s", n, text)
	}
	if failed > samples/20 {
		t.Errorf("%d of %d samples failed", failed, samples)
	}
}

// eventuallyRuns waits until a process is an interpreter with the stack that is
// wanted.
func eventuallyRuns(t testing.TB, pid int, wanted func([]Frame) bool) *program {
	t.Helper()
	o := observer{fs: procfs.New(""), opt: Options{}.withDefaults()}
	var found *program
	eventually(t, "the interpreter runs a program", func() bool {
		p, err := o.load(pid)
		if err != nil || p.sampler == nil {
			return false
		}
		stacks, err := p.walk(o.opt)
		found = p
		return err == nil && len(stacks) > 0 && wanted(stacks[0].Frames)
	})
	return found
}

// inside is a path as an interpreter under root sees it.
func inside(root, path string) string { return path[len(root):] }
