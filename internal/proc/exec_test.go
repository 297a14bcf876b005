package proc

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maskNow is the signal mask of the calling thread.
func maskNow(t *testing.T) (mask uint64) {
	t.Helper()
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, 0, uintptr(unsafe.Pointer(&mask)), unsafe.Sizeof(mask), 0, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	return mask
}

func TestExecThatFailsChangesNothing(t *testing.T) {
	starter, _ := running(t, nil)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	flags := func() int {
		flags, err := unix.FcntlInt(w.Fd(), unix.F_GETFD, 0)
		if err != nil {
			t.Fatal(err)
		}
		return flags
	}
	refusal := errors.New("refused")
	signals := []syscall.Signal{syscall.SIGUSR2, syscall.SIGQUIT}
	err = starter.Exec(Exec{
		Path: "/next", Args: []string{"next", "arg"}, Environ: []string{"A=B"}, Keep: []int{int(w.Fd())}, Signals: signals,
		Do: func(path string, args, environ []string) error {
			if path != "/next" || len(args) != 2 || len(environ) != 1 {
				t.Errorf("executes %s %q %q", path, args, environ)
			}
			if flags() != 0 {
				t.Error("the descriptor would not survive")
			}
			if mask := maskNow(t); mask != maskOf(signals) {
				t.Errorf("signals blocked: %#x, want %#x", mask, maskOf(signals))
			}
			return refusal
		},
	})
	if !errors.Is(err, refusal) {
		t.Errorf("ended with %v", err)
	}
	if flags() != unix.FD_CLOEXEC {
		t.Error("the descriptor would go to children")
	}
	if err := starter.Do(func() error {
		if mask := maskNow(t); mask != 0 {
			t.Errorf("signals are still blocked: %#x", mask)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestFrozenReaperLeavesZombies(t *testing.T) {
	starter, reaper := running(t, nil)
	exits := make(chan int, 1)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pid, err := starter.Start(Spec{Path: "/bin/cat", Files: []int{int(r.Fd()), 1, 2}}, func(e Exit) { exits <- e.PID })
	if err != nil {
		t.Fatal(err)
	}
	reaper.Freeze()
	w.Close()
	// It waits for the child without taking its status.
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case <-exits:
		t.Error("the exit was reported")
	default:
	}
	reaper.Thaw()
	if got := wait(t, exits); got != pid {
		t.Errorf("the exit of %d was reported, want %d", got, pid)
	}
}

func TestAdoptedChild(t *testing.T) {
	pid, err := syscall.ForkExec("/bin/true", []string{"true"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := NewReaper(func(e Exit) { t.Errorf("%d taken for an orphan", e.PID) })
	exits := make(chan int, 1)
	r.Adopt(pid, func(e Exit) { exits <- e.PID })
	if !r.Owns(pid) {
		t.Error("it is not the reaper's")
	}
	for len(exits) == 0 {
		r.Reap()
	}
	if got := <-exits; got != pid {
		t.Errorf("the exit of %d was reported", got)
	}
}

func TestReplaced(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if found := FindSelf(self); found != self {
		t.Errorf("found %q, want %q", found, self)
	}
	if found := FindSelf("sh"); found != self {
		t.Errorf("under a name that is another's found %q, want %q", found, self)
	}
	code, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := dir + "/" + name
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	changed := append([]byte(nil), code...)
	changed[len(changed)-1] ^= 1
	for name, c := range map[string]struct {
		path string
		want bool
	}{
		"itself":      {self, false},
		"a copy":      {write("copy", code), false},
		"another":     {write("longer", append(code[:len(code):len(code)], 1)), true},
		"of its size": {write("changed", changed), true},
	} {
		if got, err := Replaced(c.path); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := Replaced(dir + "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is gone: %v", err)
	}
}
