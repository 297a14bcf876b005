package proc

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// helpSignals prints which signals it has blocked and ignored, and a
// descriptor's content.
func helpSignals() {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range regexp.MustCompile(`(?m)^Sig(Blk|Ign):\s*(\w+)$`).FindAllStringSubmatch(string(status), -1) {
		fmt.Printf("%s=%s ", line[1], line[2])
	}
	rest, _ := io.ReadAll(os.NewFile(3, "3"))
	fmt.Printf("%s", rest)
}

// ignored are the signals that this process ignores, as it has from its parent.
func ignored(t *testing.T) string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^SigIgn:\s*(\w+)$`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("no ignored signals in %s", status)
	}
	return string(found[1])
}

// All ways of starting a program give it the same: no signal blocked, none
// ignored that this process does not ignore, and descriptors that change places.
func TestAllWaysToStart(t *testing.T) {
	ways := map[string]func(*Spec) (int, error){
		"vfork": func(s *Spec) (int, error) {
			c, err := s.vforkExec(filesLimit{}, false)
			return c.pid, err
		},
		"launch": func(s *Spec) (int, error) {
			b, err := s.conceive(filesLimit{}, false)
			if err != nil {
				return 0, err
			}
			t.Cleanup(func() { runtime.KeepAlive(b) })
			c, err := b.bear()
			return c.pid, err
		},
		"fork": (*Spec).forkExec,
	}
	for name, start := range ways {
		t.Run(name, func(t *testing.T) {
			fds := map[string][2]int{}
			for _, pipe := range []string{"in", "out"} {
				var ends [2]int
				if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
					t.Fatal(err)
				}
				fds[pipe] = ends
			}
			if _, err := unix.Write(fds["in"][1], []byte("hello")); err != nil {
				t.Fatal(err)
			}
			_ = unix.Close(fds["in"][1])
			spec := helper("signals")
			spec.Setpgid, spec.Pdeathsig = true, syscall.SIGKILL
			spec.Files = []int{-1, fds["out"][1], -1, fds["in"][0]}
			pid, err := start(&spec)
			if err != nil {
				t.Fatal(err)
			}
			_ = unix.Close(fds["in"][0])
			_ = unix.Close(fds["out"][1])
			out, err := io.ReadAll(os.NewFile(uintptr(fds["out"][0]), "out"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
				t.Fatal(err)
			}
			if want := "Blk=0000000000000000 Ign=" + ignored(t) + " hello"; string(out) != want {
				t.Errorf("the child said %q, want %q", out, want)
			}
		})
	}
}
