package proc

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// helpers are the programs that the tests start: this binary with the name of
// one in its environment.
var helpers = map[string]func(){
	"exit":      helpExit,
	"block":     helpBlock,
	"describe":  helpDescribe,
	"breed":     helpBreed,
	"defect":    helpDefect,
	"headless":  helpHeadless,
	"files":     helpFiles,
	"pdeathsig": helpPdeathsig,
	"signals":   helpSignals,
	"drop":      helpDrop,
	"title":     helpTitle,
}

const helperVariable = "PROC_TEST_HELPER"

// used are the helpers that some test has asked for.
var used sync.Map

func TestMain(m *testing.M) {
	if name := os.Getenv(helperVariable); name != "" {
		helpers[name]()
		os.Exit(0)
	}
	code := m.Run()
	if code == 0 && len(os.Args) > 1 && !partial() {
		for name := range helpers {
			if _, ok := used.Load(name); !ok {
				fmt.Fprintf(os.Stderr, "no test used the helper %q\n", name)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// partial tells a run of some tests only.
func partial() bool {
	for _, arg := range os.Args[1:] {
		for _, flag := range []string{"-test.run=", "-test.skip=", "-test.bench=", "-test.fuzz=", "-test.list="} {
			if len(arg) > len(flag) && arg[:len(flag)] == flag {
				return true
			}
		}
	}
	return false
}

// helper returns the start of a helper with arguments.
func helper(name string, args ...string) Spec {
	used.Store(name, true)
	return Spec{
		Path:  "/proc/self/exe",
		Args:  append([]string{"helper"}, args...),
		Env:   []string{helperVariable + "=" + name, "GOCOVERDIR=" + os.TempDir(), "GORACE=atexit_sleep_ms=0"},
		Files: []int{0, 1, 2},
	}
}

// running returns a Starter and its Reaper, run until the end of the test.
func running(t testing.TB, orphan func(Exit)) (*Starter, *Reaper) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reaper := NewReaper(orphan)
	starter := NewStarter(reaper)
	var group sync.WaitGroup
	group.Go(func() {
		if err := starter.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	reaping, stopReaping := context.WithCancel(context.Background())
	group.Go(func() {
		if err := reaper.Run(reaping); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		children, err := Children()
		if err != nil || len(children) > 0 {
			t.Errorf("children left behind: %v, %v", children, err)
		}
		stopReaping()
		group.Wait()
	})
	return starter, reaper
}

// reapsAll has the end of a test wait for what its children leave behind. That is
// ours if a test that made this process a subreaper came before, and would be
// an orphan in the next one.
func reapsAll(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		for {
			if _, err := syscall.Wait4(-1, nil, 0, nil); err == syscall.ECHILD {
				return
			}
		}
	})
}

// wait returns what arrives, or fails the test.
func wait[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(time.Minute):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}
