package proc

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// helpDrop changes to a user and prints what has become of it, or why not.
func helpDrop() {
	u, err := LookupUser(os.Args[1], os.Args[2])
	if err == nil {
		err = DropTo(u)
	}
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	threads, _ := os.ReadDir("/proc/self/task")
	ids := map[string]bool{}
	for _, thread := range threads {
		status, _ := os.ReadFile("/proc/self/task/" + thread.Name() + "/status")
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "Uid:") || strings.HasPrefix(line, "Gid:") || strings.HasPrefix(line, "Groups:") {
				ids[strings.Join(strings.Fields(line), " ")] = true
			}
		}
	}
	var list []string
	for id := range ids {
		list = append(list, id)
	}
	slices.Sort(list)
	_, err = os.ReadFile("/etc/shadow")
	fmt.Println(strings.Join(list, ", "), "shadow:", err != nil)
}

func runHelper(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = helper(name).Env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("helper %s: %v: %s", name, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestDropTo(t *testing.T) {
	if os.Getuid() != 0 {
		got := runHelper(t, "drop", "0", "")
		if !strings.Contains(got, "cannot run as uid 0: not root") {
			t.Errorf("became root: %s", got)
		}
		return
	}
	for _, tt := range []struct{ user, group, want string }{
		{"www-data", "", "Gid: 33 33 33 33, Groups: 33, Uid: 33 33 33 33 shadow: true"},
		{"www-data", "daemon", "Gid: 1 1 1 1, Groups: 1, Uid: 33 33 33 33 shadow: true"},
		{"54321", "", "Gid: 54321 54321 54321 54321, Groups: 54321, Uid: 54321 54321 54321 54321 shadow: true"},
		{"root", "", "Gid: 0 0 0 0, Groups: 0, Uid: 0 0 0 0 shadow: false"},
		{"nobody-at-all", "", "error: cannot get uid for user 'nobody-at-all'"},
		{"www-data", "no-group", "error: cannot get gid for group 'no-group'"},
	} {
		if got := runHelper(t, "drop", tt.user, tt.group); got != tt.want {
			t.Errorf("as %s:%s\ngot  %s\nwant %s", tt.user, tt.group, got, tt.want)
		}
	}
}

// helpTitle sets its title, the first argument as often as the second says,
// and prints what others see of it. With a third argument "ordinary" it may do
// no more than an ordinary user.
func helpTitle() {
	before, environ := slices.Clone(os.Args), strings.Clone(strings.Join(os.Environ(), " "))
	title := TakeTitle("anyfpm")
	times, _ := strconv.Atoi(os.Args[2])
	if len(os.Args) > 3 && os.Args[3] == "ordinary" {
		runtime.LockOSThread()
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		if err := unix.Capset(&head, &make([]unix.CapUserData, 2)[0]); err != nil {
			fmt.Println("error:", err)
		}
	}
	title.Set(strings.Repeat(os.Args[1], times))
	if now := strings.Join(os.Environ(), " "); now != environ {
		fmt.Println("error: the environment was", environ, "and is", now)
	}
	cmdline, _ := os.ReadFile("/proc/self/cmdline")
	comm, _ := os.ReadFile("/proc/self/comm")
	fmt.Printf("%s|%s|%d|%s", strings.TrimRight(string(cmdline), "\x00"), strings.TrimSpace(string(comm)),
		len(before), strings.Join(os.Args[1:], "|"))
}

func TestTitle(t *testing.T) {
	for _, title := range []string{"x", "anyfpm: pool www"} {
		got := runHelper(t, "title", title, "1", "room for more")
		if want := title + "|anyfpm|4|" + title + "|1|room for more"; got != want {
			t.Errorf("title %q: got %q, want %q", title, got, want)
		}
	}
	// Longer than all arguments: the environment has room for three times this,
	// and for the rest only one who may have it elsewhere.
	const part = "anyfpm: longer than a part "
	for _, by := range []string{"ordinary", "anybody"} {
		seen, _, _ := strings.Cut(runHelper(t, "title", part, "3", by), "|")
		if want := strings.Repeat(part, 3); seen != want {
			t.Errorf("by %s: title %q, want %q", by, seen, want)
		}
		seen, _, _ = strings.Cut(runHelper(t, "title", part, "100", by), "|")
		long := strings.Repeat(part, 100)
		if most := seen == long && by != "ordinary"; !most && (!strings.HasPrefix(long, seen) || len(seen) < 3*len(part)) {
			t.Errorf("by %s: title %q, want %q or its beginning", by, seen, long)
		}
	}
}

func TestSelfSettings(t *testing.T) {
	nice, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	now := 20 - nice // the system call's own encoding
	if err := SetNice(now); err != nil {
		t.Error(err)
	}
	if err := SetDumpable(true); err != nil {
		t.Error(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := SetLimit(Limit{syscall.RLIMIT_FSIZE, limit.Max}); err != nil {
		t.Error(err)
	}
	if err := SetLimit(Limit{9999, 0}); err == nil {
		t.Error("set a limit that does not exist")
	}
	if err := Chroot("/no/such/directory"); err == nil {
		t.Error("changed the root to nowhere")
	}
}

func TestIDs(t *testing.T) {
	for name, want := range map[string]int{"root": 0, "0": 0, "4711": 4711} {
		if got, err := UserID(name); err != nil || got != want {
			t.Errorf("UserID(%s) = %d, %v", name, got, err)
		}
		if got, err := GroupID(name); err != nil || got != want {
			t.Errorf("GroupID(%s) = %d, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "no one", "99999999999999999999"} {
		if got, err := UserID(name); err == nil {
			t.Errorf("UserID(%q) = %d", name, got)
		}
		if got, err := GroupID(name); err == nil {
			t.Errorf("GroupID(%q) = %d", name, got)
		}
	}
}
