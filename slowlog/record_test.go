package slowlog

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/elfmem"
	"github.com/anyfpm/anyfpm/internal/procfs"
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/internal/golden"
	"github.com/anyfpm/anyfpm/slowlog/internal/recorded"
	"github.com/anyfpm/anyfpm/slowlog/native"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// recordVar, when set, has the golden test record so many of the programs of
// each interpreter into the testdata of its package.
const recordVar = "SLOWLOG_RECORD"

// record records a golden program whose stack was found right.
func record(t *testing.T, i golden.Interpreter, p *golden.Process, seed uint64) {
	t.Helper()
	n, _ := strconv.Atoi(os.Getenv(recordVar))
	if seed >= uint64(n) {
		return
	}
	maps, err := procfs.New("").Maps(p.PID)
	if err != nil {
		t.Fatal(err)
	}
	for _, mapped := range procfs.Objects(maps) {
		r := recorded.Recording{Path: mapped.Path, Base: mapped.Low, Pages: procmem.Pages{}}
		m := procmem.NewMemory(procmem.NewProcess(p.PID), 0)
		m.Observe(r.Pages.Put)
		o, err := elfmem.Open(m, mapped.Low)
		if err != nil {
			continue
		}
		s, err := open(m, stack.Object{Object: o, Path: mapped.Path})
		if err != nil || s == nil {
			continue
		}
		stacks, err := s.Walk(m, recorded.Limits)
		if err != nil {
			t.Fatal(err)
		}
		r.Frames = stacks[0].Frames
		r.Name = strings.ReplaceAll(s.Name(), " ", "-")
		if strings.HasSuffix(i.Name, "-nothreads") {
			r.Name += "-nothreads"
		}
		r.Name += "-" + strconv.FormatUint(seed, 10)
		dir := i.Language.Name
		if dir == "python" {
			dir = "cpython"
		}
		if err := r.Write(filepath.Join(dir, "testdata", "recorded")); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("%s: nothing to record", i.Name)
}

// recordedSeed is the native program that is recorded: one with callbacks,
// signal handlers and frames of variable size.
const recordedSeed = 2

// recordNative records the stack of a native program.
func recordNative(t *testing.T, pid int) {
	t.Helper()
	fs := procfs.New("")
	maps, err := fs.Maps(pid)
	if err != nil {
		t.Fatal(err)
	}
	call, err := fs.Syscall(pid, pid)
	if err != nil {
		t.Fatal(err)
	}
	r := recorded.Native{Objects: procfs.Objects(maps), PC: call.PC, SP: call.SP, Pages: procmem.Pages{}}
	m := procmem.NewMemory(procmem.NewProcess(pid), 0)
	m.Observe(r.Pages.Put)
	frames, why := native.New(r.Objects, nil).Unwind(m, r.PC, r.SP, MaxFrames)
	if why != "" {
		t.Fatal(why)
	}
	for _, f := range frames {
		r.Functions = append(r.Functions, f.Func)
	}
	if err := recorded.WriteNative("native/testdata/recorded/program", r); err != nil {
		t.Fatal(err)
	}
}
