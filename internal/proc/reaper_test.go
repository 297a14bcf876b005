package proc

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestShortLivesAreNotMissed(t *testing.T) {
	starter, reaper := running(t, func(e Exit) { t.Errorf("%d taken for an orphan", e.PID) })
	const children = 200
	exits := make(chan int, children)
	var mu sync.Mutex
	alive := map[int]bool{}
	for range children {
		var pid int
		starter.Go(Spec{Path: "/bin/true"}, func(p int, err error) {
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			pid = p
			alive[p] = true
		}, func(e Exit) {
			mu.Lock()
			defer mu.Unlock()
			if e.PID != pid || !alive[e.PID] {
				t.Errorf("exit of %d reported before its start, or for %d", e.PID, pid)
			}
			delete(alive, e.PID)
			exits <- e.PID
		})
	}
	for range children {
		wait(t, exits)
	}
	if len(reaper.children)+len(reaper.early) > 0 {
		t.Errorf("children %v and early exits %v remembered", reaper.children, reaper.early)
	}
}

// A Reaper that watches is told of its children by their pidfds, one by one and
// also of those that end before they are known; it finds orphans when asked.
func TestWatch(t *testing.T) {
	ended := make(chan int, 200)
	reaper := NewReaper(func(e Exit) { ended <- -e.PID })
	watched := make(chan int, 200)
	stop, err := reaper.Watch(func(pidfd int) error {
		watched <- pidfd
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	starter := NewStarter(reaper)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = starter.Run(ctx) })
	defer running.Wait()
	defer cancel()
	if reaper.Reap() {
		t.Error("there are children before any was started")
	}

	const short = 100
	fds := openFiles(t)
	for range short {
		starter.Go(Spec{Path: "/bin/true"}, func(int, error) {}, func(e Exit) { ended <- e.PID })
	}
	for left := short; left > 0; {
		select {
		case pidfd := <-watched: // closed by now if an earlier Reap found its process
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 100)
		default:
		}
		reaper.Reap()
		for ; len(ended) > 0; left-- {
			if pid := <-ended; pid < 0 {
				t.Errorf("%d taken for an orphan", -pid)
			}
		}
	}
	if now := openFiles(t); now != fds {
		t.Errorf("%d descriptors are open, %d were before", now, fds)
	}

	unknown := exec.Command("/bin/true") // as an orphan is
	if err := unknown.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !reaper.Reap() })
	if pid := wait(t, ended); pid != -unknown.Process.Pid {
		t.Errorf("%d was reaped, the orphan is %d", pid, unknown.Process.Pid)
	}
	_ = unknown.Wait()
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// The order of these events is up to the kernel, so the test plays it.
func TestExitBeforeItsStartIsRegistered(t *testing.T) {
	var orphans, own []int
	r := NewReaper(func(e Exit) { orphans = append(orphans, e.PID) })
	exited := func(e Exit) { own = append(own, e.PID) }
	r.begin()
	r.begin()
	r.report(Exit{PID: 100})
	r.report(Exit{PID: 300})                          // somebody's orphan
	r.report(Exit{PID: 400, Status: failedExec << 8}) // a fork whose exec failed
	r.finish(child{100, -1}, exited)
	if fmt.Sprint(own, orphans) != "[100] []" {
		t.Errorf("after the first start: own %v, orphans %v", own, orphans)
	}
	r.finish(child{}, exited)
	if fmt.Sprint(own, orphans) != "[100] [300]" {
		t.Errorf("after the second start: own %v, orphans %v", own, orphans)
	}
	r.report(Exit{PID: 400, Status: failedExec << 8})
	if fmt.Sprint(own, orphans) != "[100] [300 400]" {
		t.Errorf("at the end: own %v, orphans %v", own, orphans)
	}
}

func TestAStopIsNoExit(t *testing.T) {
	starter, reaper := running(t, nil)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	exits := make(chan Exit, 1)
	spec := helper("block")
	spec.Files = []int{int(r.Fd()), 1, 2}
	spec.Setpgid = true
	pid, err := starter.Start(spec, func(e Exit) { exits <- e })
	r.Close()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return reaper.Owns(pid) }) // a moment after its start
	if err := KillGroup(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return state(pid) == 'T' })
	if err := KillGroup(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return state(pid) != 'T' })
	if !reaper.Owns(pid) {
		t.Error("a stop was taken for an exit")
	}
	if err := KillGroup(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if e := wait(t, exits); e.Status.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", e.Status)
	}
	if err := KillGroup(pid, syscall.SIGTERM); err != nil {
		t.Errorf("signal to a group that is gone: %v", err)
	}
	if err := KillGroup(1, 0); err == nil {
		t.Error("would signal everybody")
	}
}

// helpDefect joins its parent's group and says when it has.
func helpDefect() {
	group, err := unix.Getpgid(os.Getppid())
	if err == nil {
		err = unix.Setpgid(0, group)
	}
	fmt.Println(err)
	select {}
}

// A child that has joined another group is signalled all the same.
func TestKillLeaderThatHasLeft(t *testing.T) {
	starter, _ := running(t, nil)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		exits := make(chan Exit, 1)
		spec := helper("defect")
		spec.Files = []int{0, int(w.Fd()), 2}
		spec.Setpgid = true
		pid, err := starter.Start(spec, func(e Exit) { exits <- e })
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		if said, err := bufio.NewReader(r).ReadString('\n'); said != "<nil>\n" {
			t.Fatalf("it said %q, %v", said, err)
		}
		if err := KillLeader(pid, sig); err != nil {
			t.Fatal(err)
		}
		if e := wait(t, exits); e.Status.Signal() != sig {
			t.Errorf("ended with %v, want %v", e.Status, sig)
		}
	}
}

// helpBreed makes a family: with the argument n it starts two children with
// n-1, each in its own group, says so and ends or stays.
func helpBreed() {
	generation, _ := strconv.Atoi(os.Args[1])
	for range 2 {
		if generation > 0 {
			cmd := exec.Command("/proc/self/exe", strconv.Itoa(generation-1))
			cmd.Env = os.Environ()
			cmd.Stdout = os.Stdout
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := cmd.Start(); err != nil {
				fmt.Println(err)
			}
		}
	}
	fmt.Println("here", os.Getpid())
	if len(os.Args) > 2 { // the eldest dies at once
		os.Exit(0)
	}
	_ = unix.Pause()
}

func TestOrphansAreKilledToTheLast(t *testing.T) {
	if err := BecomeSubreaper(); err != nil {
		t.Fatal(err)
	}
	orphans := make(chan int, 100)
	starter, _ := running(t, func(e Exit) { orphans <- e.PID })
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	spec := helper("breed", "3", "and die")
	spec.Files = []int{0, int(w.Fd()), 2}
	exits := make(chan Exit, 1)
	eldest, err := starter.Start(spec, func(e Exit) { exits <- e })
	if err != nil {
		t.Fatal(err)
	}
	stay := helper("block")
	held, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stay.Files = []int{int(held.Fd())}
	kept, err := starter.Start(stay, func(e Exit) { exits <- e })
	if err != nil {
		t.Fatal(err)
	}
	held.Close()
	w.Close()
	if e := wait(t, exits); e.PID != eldest {
		t.Fatalf("%d ended before the eldest, %d", e.PID, eldest)
	}
	const family = 14 // 2 + 4 + 8
	buf := make([]byte, 4096)
	for seen := 0; seen < family+1; {
		n, err := r.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		seen += strings.Count(string(buf[:n]), "here")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := starter.KillOrphans(ctx, func(int) bool { return false }); err != nil {
		t.Fatal(err)
	}
	for range family {
		wait(t, orphans)
	}
	if children, err := Children(); err != nil || len(children) != 1 || children[0] != kept {
		t.Errorf("children %v, %v left, want only %d", children, err, kept)
	}
	hold.Close()
	wait(t, exits)
}

// helpHeadless has a child and ends its first thread only: it is a zombie to
// /proc then, while its other threads go on and are its child's parent.
func helpHeadless() {
	cmd := exec.Command("/proc/self/exe", "0")
	cmd.Env = helper("breed").Env
	cmd.Stdout = os.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
	}
	var endFirst func()
	endFirst = func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			_, _, _ = unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
		}
		go endFirst() // on another thread: this one is taken
		select {}
	}
	go endFirst()
	select {}
}

func TestHeadlessOrphansAreKilled(t *testing.T) {
	if err := BecomeSubreaper(); err != nil {
		t.Fatal(err)
	}
	orphans := make(chan int, 2)
	starter, _ := running(t, func(e Exit) { orphans <- e.PID })
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = helper("headless").Env
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	eventually(t, func() bool { return state(cmd.Process.Pid) == 'Z' })
	if said, err := bufio.NewReader(r).ReadString('\n'); !strings.HasPrefix(said, "here") {
		t.Fatalf("the child said %q, %v", said, err)
	}
	if err := starter.KillOrphans(t.Context(), func(int) bool { return false }); err != nil {
		t.Fatal(err)
	}
	// In what order they are reaped is up to the kernel.
	if one, other := wait(t, orphans), wait(t, orphans); (one == cmd.Process.Pid) == (other == cmd.Process.Pid) {
		t.Errorf("%d and %d ended, want %d and its child", one, other, cmd.Process.Pid)
	}
}

func TestAStartIsNoOrphan(t *testing.T) {
	starter, _ := running(t, func(e Exit) { t.Errorf("%d taken for an orphan", e.PID) })
	const children = 10
	exits := make(chan Exit, children)
	for range children {
		starter.Go(helper("exit", "7"), func(int, error) {}, func(e Exit) { exits <- e })
		if err := starter.KillOrphans(t.Context(), func(int) bool { return false }); err != nil {
			t.Fatal(err)
		}
	}
	for range children {
		if e := wait(t, exits); e.Status.ExitStatus() != 7 {
			t.Errorf("a child that was just started ended with %v", e.Status)
		}
	}
}

func TestKillOrphansGivesUp(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = helper("block").Env
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	table, err := OpenTable()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = table.Close() }()
	if err := table.KillOrphans(ctx, func(int) bool { return false }); err == nil {
		t.Error("no error although a child was alive")
	}
	stdin.Close()
	_ = cmd.Wait()
}

// state is the letter of the process state in /proc.
func state(pid int) byte {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	return stat[strings.LastIndexByte(string(stat), ')')+2]
}

// eventually waits for a condition that no event announces.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	end := time.After(time.Minute)
	for !condition() {
		select {
		case <-time.After(time.Millisecond):
		case <-end:
			t.Fatal("waited in vain")
		}
	}
}
