package slowlog

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/procfs"
)

// user and other are ids that are not root's.
const (
	user  = 33
	other = 34
)

// withIDs are the arguments of setpriv for a user.
func withIDs(id int) []string {
	return []string{fmt.Sprint("--reuid=", id), fmt.Sprint("--regid=", id), "--clear-groups"}
}

// dockerCaps leaves the capabilities that a container has by default, without
// the one to trace.
var dockerCaps = []string{"--bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap"}

// Who may read a worker: its own user, root, and root with no more than a
// container's capabilities; not another user. Who may not is told so, and has
// the tree.
func TestPermissions(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be other users")
	}
	self := publicCopy(t, os.Args[0], 0o755)
	for _, c := range []struct {
		name      string
		worker    []string // its setpriv arguments
		reporter  []string
		dumpable  bool
		readable  bool
		wantsNote string
	}{
		{"root", withIDs(user), nil, true, true, ""},
		{"the same user", withIDs(user), withIDs(user), true, true, ""},
		{"another user", withIDs(user), withIDs(other), true, false, "it runs as user 33 and this as user 34"},
		{"a container's root", withIDs(user), dockerCaps, true, true, ""},
		{"a container's root and root's worker", dockerCaps, dockerCaps, true, true, ""},
		{"a container's root, worker with more", nil, dockerCaps, true, false, "CAP_SYS_PTRACE is needed"},
		{"the same user, not dumpable", withIDs(user), withIDs(user), false, false, "process.dumpable"},
		{"a container's root, not dumpable", withIDs(user), dockerCaps, false, false, "process.dumpable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := sleeper
			if !c.dumpable {
				script = fmt.Sprintf("import ctypes; ctypes.CDLL(None).prctl(%d, 0)\n", unix.PR_SET_DUMPABLE) + sleeper
			}
			worker := exec.Command("setpriv", append(c.worker, "/usr/bin/python3", "-c", script)...)
			_, stdout := pipes(t, worker)
			expectLine(t, stdout, "END")
			reporter := exec.Command("setpriv", append(c.reporter, self)...)
			reporter.Env = append(os.Environ(), fmt.Sprint(reportVar, "=", worker.Process.Pid))
			reporter.Stderr = os.Stderr
			out, err := reporter.Output()
			if err != nil {
				t.Fatal(err)
			}
			var r Report
			if err := json.Unmarshal(out, &r); err != nil {
				t.Fatal(err)
			}
			if got := hasFrame(r, "query"); got != c.readable {
				t.Errorf("stack read: %v, want %v; notes %q", got, c.readable, r.Notes)
			}
			notes := strings.Join(r.Notes, "\n")
			if (c.wantsNote == "") != (notes == "") || !strings.Contains(notes, c.wantsNote) || len(r.Notes) > 1 {
				t.Errorf("notes %q, want one with %q", r.Notes, c.wantsNote)
			}
			if r.Wait.State == "" {
				t.Errorf("there is not even a state: %+v", r)
			}
		})
	}
}

// publicCopy copies a file to where every user may run it.
func publicCopy(t *testing.T, path string, mode os.FileMode) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "slowlog") //nolint:usetesting // every user must get in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(copied, content, mode); err != nil {
		t.Fatal(err)
	}
	return copied
}

// What a thread did to itself to read a worker is undone; and it lives on, as
// workers that it started would be killed with it.
func TestIDsAreGivenBack(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be another user")
	}
	dumpable := func() int {
		v, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	before := dumpable()
	used := map[int]bool{}
	// Often enough that the main thread has its turn.
	for range 100 {
		var inside string
		err := as(procfs.Owner{UID: user, GID: user}, func() {
			inside = threadIDs(t, unix.Gettid())
			used[unix.Gettid()] = true
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := "33 0 0 33, 33 0 0 33"; inside != want {
			t.Fatalf("inside, the thread has ids %q, want %q", inside, want)
		}
	}
	for tid := range used {
		if got, want := threadIDs(t, tid), "0 0 0 0, 0 0 0 0"; got != want {
			t.Errorf("afterwards, thread %d has the ids %q, want %q", tid, got, want)
		}
		if powers(t, tid) != powers(t, unix.Getpid()) {
			t.Errorf("afterwards, thread %d has the capabilities %s, the main thread %s", tid, powers(t, tid), powers(t, unix.Getpid()))
		}
	}
	if after := dumpable(); after != before {
		t.Errorf("the process was dumpable (%d) and is not (%d)", before, after)
	}
}

// threadIDs are the user and group ids of a thread.
func threadIDs(t *testing.T, tid int) string {
	t.Helper()
	return statusLine(t, tid, "Uid") + ", " + statusLine(t, tid, "Gid")
}

// powers are the capabilities a thread has.
func powers(t *testing.T, tid int) string {
	t.Helper()
	return statusLine(t, tid, "CapEff")
}

// statusLine is a line of a thread's status, empty if there is no such thread.
func statusLine(t *testing.T, tid int, name string) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/status", tid))
	if err != nil {
		t.Error(err)
		return ""
	}
	_, rest, _ := strings.Cut(string(status), "\n"+name+":\t")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.ReplaceAll(line, "\t", " ")
}

func TestConfinement(t *testing.T) {
	for current, want := range map[string]string{
		"unconfined\n":           "",
		"anyfpm (enforce)\n":     "anyfpm (enforce)",
		"anyfpm//www (complain)": "anyfpm//www (complain)",
		"":                       "",
	} {
		if got := parseConfinement(current); got != want {
			t.Errorf("%q is %q, want %q", current, got, want)
		}
	}
}
