package golang

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/elfmem"
	"github.com/anyfpm/anyfpm/internal/procfs"
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// source is a program with goroutines in known places: two that wait for a
// lock in the same function, one in a system call, and main in a channel.
const source = `package main

import (
	"os"
	"sync"
	"syscall"
)

var lock sync.Mutex

//go:noinline
func query(done chan int) {
	lock.Lock() // line 13
	done <- 1
}

//go:noinline
func read() {
	syscall.Read(0, make([]byte, 1)) // line 19
}

//go:noinline
func handle(done chan int) {
	os.Stdout.WriteString("END\n")
	<-done // line 25
}

func main() {
	done := make(chan int)
	lock.Lock()
	for range 2 {
		go query(done)
	}
	go read()
	handle(done) // line 34
}
`

var limits = stack.Limits{Frames: 64, Threads: 8}

// start builds and starts the program and returns its pid when it is in all
// its places.
func start(t *testing.T, flags ...string) (pid int, path string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "program")
	build := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), filepath.Join(dir, "main.go"))...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "END\n" {
		t.Fatalf("the program said %q, %v", line, err)
	}
	return cmd.Process.Pid, path
}

// goroutines opens a process's program and lists its goroutines.
func goroutines(t *testing.T, pid int, path string) []stack.Stack {
	t.Helper()
	maps, err := procfs.New("").Maps(pid)
	if err != nil {
		t.Fatal(err)
	}
	m := procmem.NewMemory(procmem.NewProcess(pid), Pages)
	o, err := elfmem.Open(m, procfs.Objects(maps)[0].Low)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(path, o.Bias)
	if err != nil {
		t.Fatal(err)
	}
	stacks, err := p.Goroutines(m, limits)
	if err != nil {
		t.Fatal(err)
	}
	return stacks
}

func TestGoroutines(t *testing.T) {
	for _, mode := range []string{"exe", "pie"} {
		t.Run(mode, func(t *testing.T) {
			pid, path := start(t, "-buildmode="+mode)
			want := map[string]struct {
				caller string
				line   int
				note   string
			}{
				"main.handle": {"main.main", 25, "chan receive"},
				"main.query":  {"", 13, "and 1 more like it"},
				"main.read":   {"", 19, "system call"},
			}
			var missing []string
			// The goroutines may still be on their way.
			for range 100 {
				stacks := goroutines(t, pid, path)
				missing = nil
				for function, w := range want {
					if !slices.ContainsFunc(stacks, func(s stack.Stack) bool {
						i := slices.IndexFunc(s.Frames, func(f stack.Frame) bool { return f.Func == function })
						return i >= 0 && s.Frames[i].Line == w.line && strings.Contains(s.Note, w.note) &&
							(w.caller == "" || s.Frames[i+1].Func == w.caller)
					}) {
						missing = append(missing, function)
					}
				}
				if missing == nil {
					if main := stacks[0].Frames; main[len(main)-1].Func != "runtime.main" {
						t.Errorf("the main goroutine is not first")
					}
					return
				}
			}
			t.Errorf("not found: %v in\n%v", missing, goroutines(t, pid, path))
		})
	}
}

func TestStrippedProgramIsNamed(t *testing.T) {
	_, path := start(t, "-ldflags=-s -w")
	_, err := Open(path, 0)
	var unsupported *stack.UnsupportedError
	if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "stripped") {
		t.Errorf("err = %v", err)
	}
}

func TestOtherPrograms(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := exec.Command("mkfifo", fifo).Run(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{sh, "/etc/passwd", fifo, "/dev/null"} {
		if _, err := Open(path, 0); !errors.Is(err, ErrNotGo) {
			t.Errorf("%s: %v, want ErrNotGo", path, err)
		}
	}
	if _, err := Open("/no/such/file", 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// The memory of a Go program that lies about its goroutines.
func FuzzHostileMemory(f *testing.F) {
	f.Add(uint64(4), uint64(0x10000), uint64(0x10100), []byte{4})
	f.Add(^uint64(0), uint64(0x10000), uint64(0x10000), []byte{3})
	f.Add(uint64(1), uint64(0), ^uint64(7), []byte{2})
	p := &Program{
		layout:  layout{id: 8, status: 0, waitReason: 4, pc: 16, sp: 24, fp: 32, callPC: 40, callSP: 48, callFP: 56},
		version: "0", allgs: 0x20000, waitReasons: 0x30000, places: map[uint64][]stack.Frame{},
	}
	f.Fuzz(func(t *testing.T, count, array, fp uint64, g []byte) {
		pages := procmem.Pages{0x10000: {}, 0x20000: {}, 0x30000: {}}
		put := func(addr, v uint64) {
			var b [8]byte
			for i := range b {
				b[i] = byte(v >> (8 * i))
			}
			pages.Put(addr, b[:])
		}
		put(p.allgs, array)
		put(p.allgs+8, count)
		for i := range uint64(64) {
			put(0x10000+i*8, 0x10100)
		}
		pages.Put(0x10100, g[:min(len(g), 1024)])
		put(0x10100+32, fp)
		p.places[fp] = []stack.Frame{{Func: "main.main"}}
		stacks, err := p.Goroutines(procmem.NewMemory(pages, Pages), limits)
		if err == nil && len(stacks) > limits.Threads {
			t.Errorf("%d stacks", len(stacks))
		}
	})
}
