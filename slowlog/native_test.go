package slowlog

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// cHead is what every native program begins with. step keeps a call from
// becoming a jump.
const cHead = `
#include <alloca.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static volatile int step;
#define FUNCTION __attribute__((noinline, noclone)) int
`

// cProgram writes a program whose functions f0 to fn call each other in the
// ways that make frames differ: frames of fixed and of variable size, aligned
// ones, callbacks of the C library, signal handlers.
func cProgram(seed uint64) (source string, functions []string) {
	rng := rand.New(rand.NewPCG(seed, 0))
	n := 2 + rng.IntN(12)
	body := fmt.Sprintf("FUNCTION f%d(int n) { char c; puts(\"END\"); fflush(stdout); return read(0, &c, 1) + n; }\n", n)
	functions = append(functions, fmt.Sprint("f", n))
	for i := n - 1; i >= 0; i-- {
		call := fmt.Sprintf("f%d(n + 1)", i+1)
		switch rng.IntN(6) {
		case 0:
			body += fmt.Sprintf("FUNCTION f%d(int n) { int r = %s; step++; return r; }\n", i, call)
		case 1:
			body += fmt.Sprintf("FUNCTION f%d(int n) { char b[%d]; memset(b, n, sizeof b); int r = %s; step += b[n %% sizeof b]; return r; }\n", i, 16+rng.IntN(9000), call)
		case 2:
			body += fmt.Sprintf("FUNCTION f%d(int n) { char *b = alloca(n + %d); memset(b, n, n + 1); int r = %s; step += b[n]; return r; }\n", i, 16+rng.IntN(900), call)
		case 3:
			body += fmt.Sprintf("FUNCTION f%d(int n) { __attribute__((aligned(64))) char b[128]; memset(b, n, sizeof b); int r = %s; step += b[n & 127]; return r; }\n", i, call)
		case 4:
			body += fmt.Sprintf("static int cmp%d(const void *a, const void *b) { int n = *(int *)a; int r = %s; step++; return r; }\n", i, call)
			body += fmt.Sprintf("FUNCTION f%d(int n) { int v[2] = {n, n}; qsort(v, 2, sizeof *v, cmp%d); step++; return v[0]; }\n", i, i)
			functions = append(functions, fmt.Sprint("cmp", i))
		case 5:
			body += fmt.Sprintf("static void handler%d(int n) { %s; step++; }\n", i, call)
			body += fmt.Sprintf("FUNCTION f%d(int n) { signal(SIGRTMIN + %d, handler%d); kill(getpid(), SIGRTMIN + %d); step++; return n; }\n", i, i, i, i)
			functions = append(functions, fmt.Sprint("handler", i))
		}
		functions = append(functions, fmt.Sprint("f", i))
	}
	body += "int main(void) { int r = f0(1); step++; return r; }\n"
	return cHead + body, append(functions, "main")
}

var cFunction = regexp.MustCompile(`^(f\d+|cmp\d+|handler\d+|main)$`)

// The functions of a native program that is blocked are found in their order.
func TestNativeGolden(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Fatal("no compiler: apt-get install gcc libc6-dev")
	}
	n, whole := number(t, programsVar, 20), 0
	for seed := range n {
		source, want := cProgram(uint64(seed))
		level := []string{"-O2", "-Os", "-O3", "-O0"}[seed%4]
		p := startC(t, source, level)
		r := report(t, p)
		if len(r.Stacks) != 1 {
			t.Fatalf("seed %d: %d stacks: %v", seed, len(r.Stacks), r.Notes)
		}
		var got []string
		for _, f := range r.Stacks[0].Frames {
			if cFunction.MatchString(f.Func) {
				got = append(got, f.Func)
			}
		}
		// A frame that is found by a register which no inner frame has saved
		// ends the stack, and says so; without optimisation all are.
		switch note := r.Stacks[0].Note; {
		case strings.Contains(note, "a register that is not known") && len(got) < len(want):
			want = want[:len(got)]
		case note != "":
			t.Errorf("seed %d: note %q", seed, note)
		default:
			whole++
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %v, want %v (%s)\n%s", seed, got, want, r.Stacks[0].Note, source)
		}
		if r.Wait.Call != "read" {
			t.Errorf("seed %d: waits in %v, want read", seed, r.Wait)
		}
		if seed == recordedSeed && os.Getenv(recordVar) != "" {
			recordNative(t, p)
		}
	}
	t.Logf("%d programs, %d of them to the last frame", n, whole)
	if whole < n/5 {
		t.Errorf("only %d of %d stacks are whole", whole, n)
	}
}

// Functions of C++ and Rust have the names that they have in their source.
func TestNativeDemangles(t *testing.T) {
	r := report(t, startC(t, `
#include <stdio.h>
#include <unistd.h>
__attribute__((noinline)) int query(int n) __asm__("_ZN4site2db5queryEi");
__attribute__((noinline)) int handler(int n) __asm__("_ZN3app7handler17h0123456789abcdefE");
int query(int n) { char c; puts("END"); fflush(stdout); return read(0, &c, 1) + n; }
int handler(int n) { return query(n + 1) * 2; }
int main(int argc, char **argv) { return handler(argc) + 1; }
`, "-O1"))
	if len(r.Stacks) != 1 {
		t.Fatalf("%d stacks: %v", len(r.Stacks), r.Notes)
	}
	var got []string
	for _, f := range r.Stacks[0].Frames {
		got = append(got, f.Func)
	}
	if names := strings.Join(got, " "); !strings.Contains(names, " site::db::query app::handler main") {
		t.Errorf("got %s", names)
	}
}

// startC compiles and starts a program and returns when it is about to block.
func startC(t *testing.T, source string, flags ...string) (pid int) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	gcc := exec.Command("gcc", append(flags, "-x", "c", "-o", program, "-")...)
	gcc.Stdin = strings.NewReader(source)
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return startBlocked(t, exec.Command(program))
}

// startBlocked starts a program that prints END before it blocks reading its
// input, and stops it when the test ends.
func startBlocked(t *testing.T, cmd *exec.Cmd) (pid int) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
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
	eventually(t, "the program blocks", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", cmd.Process.Pid))
		return err == nil && string(b) != "0"
	})
	return cmd.Process.Pid
}
