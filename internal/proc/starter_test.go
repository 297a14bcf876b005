package proc

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// helpExit ends with a code or a signal.
func helpExit() {
	switch how := os.Args[1]; how {
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	default:
		code, _ := strconv.Atoi(how)
		os.Exit(code)
	}
}

// helpBlock lives until its standard input ends.
func helpBlock() { _, _ = io.Copy(io.Discard, os.Stdin) }

// helpDescribe prints what it was given.
func helpDescribe() {
	dir, _ := os.Getwd()
	out, _ := os.Readlink("/proc/self/fd/1")
	var open []string // the descriptors of the same file as 1
	for fd := range 6 {
		if target, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); target == out {
			open = append(open, strconv.Itoa(fd))
		}
	}
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_CORE, &limit)
	pgid, _ := unix.Getpgid(0)
	sid, _ := unix.Getsid(0)
	fmt.Printf("args=%q dir=%s env=%d fds=%s uid=%d group=%t session=%t core=%d\n",
		os.Args[1:], dir, len(os.Environ()), strings.Join(open, ","), os.Getuid(), pgid == os.Getpid(), sid == os.Getpid(), limit.Max)
}

func TestExitsAreReported(t *testing.T) {
	starter, reaper := running(t, func(e Exit) { t.Errorf("orphan %d", e.PID) })
	for how, want := range map[string]syscall.WaitStatus{"0": 0, "3": 3 << 8, "kill": syscall.WaitStatus(syscall.SIGKILL)} {
		exits := make(chan Exit, 1)
		pid, err := starter.Start(helper("exit", how), func(e Exit) { exits <- e })
		if err != nil {
			t.Fatal(err)
		}
		if e := wait(t, exits); e.PID != pid || e.Status != want || e.Usage.Maxrss == 0 {
			t.Errorf("exit %s of %d reported as %+v", how, pid, e)
		}
		if reaper.Owns(pid) {
			t.Errorf("still owns %d", pid)
		}
	}
}

func TestChildGetsWhatTheSpecSays(t *testing.T) {
	starter, _ := running(t, nil)
	describe := func(change func(*Spec)) string {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		spec := helper("describe", "a b", "")
		spec.Files = []int{-1, int(w.Fd()), int(w.Fd()), -1, int(w.Fd())}
		change(&spec)
		exits := make(chan Exit, 1)
		if _, err := starter.Start(spec, func(e Exit) { exits <- e }); err != nil {
			t.Fatal(err)
		}
		w.Close()
		line, err := bufio.NewReader(r).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		wait(t, exits)
		return line
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var core syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &core); err != nil {
		t.Fatal(err)
	}
	common := fmt.Sprintf(`args=["a b" ""] dir=%s env=3 fds=1,2,4 uid=%d group=%%t session=%%t core=%%d`+"\n", here, os.Getuid())
	if got, want := describe(func(*Spec) {}), fmt.Sprintf(common, false, false, core.Max); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	if got, want := describe(func(s *Spec) { s.Setpgid = true }), fmt.Sprintf(common, true, false, core.Max); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	if got, want := describe(func(s *Spec) { s.Setsid = true }), fmt.Sprintf(common, true, true, core.Max); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	if got := describe(func(s *Spec) { s.Dir = "/" }); !strings.Contains(got, " dir=/ ") {
		t.Errorf("in another directory: %s", got)
	}
	if os.Getuid() == 0 {
		got := describe(func(s *Spec) { s.Credential = &syscall.Credential{Uid: 33, Gid: 33} })
		if !strings.Contains(got, " uid=33 ") {
			t.Errorf("as another user: %s", got)
		}
	}
}

func TestLimitsOfTheChild(t *testing.T) {
	starter, _ := running(t, nil)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	spec := helper("block")
	spec.Files = []int{int(r.Fd()), 1, 2}
	spec.Limits = []Limit{{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_NOFILE, 99}}
	exits := make(chan Exit, 1)
	pid, err := starter.Start(spec, func(e Exit) { exits <- e })
	r.Close()
	if err != nil {
		t.Fatal(err)
	}
	for resource, want := range map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: 99} {
		var got unix.Rlimit
		if err := unix.Prlimit(pid, resource, nil, &got); err != nil || got.Cur != want || got.Max != want {
			t.Errorf("limit %d is %+v, %v, want %d", resource, got, err, want)
		}
	}
	w.Close()
	wait(t, exits)
}

func TestStartErrorsExplainThemselves(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		spec   Spec
		reason StartReason
		detail string
		err    error
	}{
		"missing":           {Spec{Path: filepath.Join(dir, "none")}, NotFound, "", syscall.ENOENT},
		"dangling":          {Spec{Path: link}, NotFound, "dangling link", syscall.ENOENT},
		"below a file":      {Spec{Path: file("plain", "", 0o755) + "/x"}, NotFound, "", syscall.ENOTDIR},
		"not executable":    {Spec{Path: file("data", "#!/bin/sh\n", 0o644)}, NotExecutable, "mode -rw-r--r--", syscall.EACCES},
		"directory":         {Spec{Path: dir}, IsDirectory, "", syscall.EACCES},
		"interpreter":       {Spec{Path: file("a.py", "#!/no/such/python -u\n", 0o755)}, MissingInterpreter, "/no/such/python", syscall.ENOENT},
		"DOS interpreter":   {Spec{Path: file("b.sh", "#!/bin/sh\r\necho\r\n", 0o755)}, MissingInterpreter, `/bin/sh\r`, syscall.ENOENT},
		"closed to others":  {Spec{Path: file("c.sh", "#!"+dir+"/data\n", 0o755)}, PermissionDenied, "interpreter " + dir + "/data", syscall.EACCES},
		"no #!":             {Spec{Path: file("text", "echo hello\n", 0o755)}, ExecFormat, "no #! line", syscall.ENOEXEC},
		"empty":             {Spec{Path: file("empty", "", 0o755)}, ExecFormat, "empty file", syscall.ENOEXEC},
		"other machine":     {Spec{Path: file("elf", "\x7fELF\x01\x02garbage", 0o755)}, ExecFormat, "a program for another machine", syscall.ENOEXEC},
		"working directory": {Spec{Path: "/bin/true", Dir: dir + "/none"}, BadDirectory, dir + "/none", syscall.ENOENT},
		"relative to Dir":   {Spec{Path: "./data", Dir: dir}, NotExecutable, "mode -rw-r--r--", syscall.EACCES},
		"arguments":         {Spec{Path: "/bin/true", Args: []string{"true", strings.Repeat("x", 200_000)}}, TooManyArguments, "", syscall.E2BIG},
	}
	starter, _ := running(t, func(e Exit) { t.Errorf("orphan %+v", e) })
	for name, tt := range tests {
		check := func(t *testing.T, err error) {
			var start *StartError
			if !errors.As(err, &start) {
				t.Fatalf("started with error %v, want a StartError", err)
			}
			if start.Reason != tt.reason || start.Detail != tt.detail || !errors.Is(err, tt.err) {
				t.Errorf("error %+v, want reason %q, detail %q, %v", start, tt.reason, tt.detail, tt.err)
			}
			if !strings.HasPrefix(err.Error(), "cannot start "+tt.spec.Path+": "+string(tt.reason)) {
				t.Errorf("text %q", err)
			}
		}
		t.Run(name, func(t *testing.T) {
			_, err := starter.Start(tt.spec, func(Exit) { t.Error("reported an exit") })
			check(t, err)
		})
		t.Run("launched "+name, func(t *testing.T) {
			exits := make(chan Exit, 1)
			pid, err := starter.Launch(tt.spec, func(e Exit) { exits <- e })
			if err != nil {
				t.Fatal(err)
			}
			exit := wait(t, exits)
			check(t, exit.Err)
			if exit.PID != pid {
				t.Errorf("process %d exited, launched was %d", exit.PID, pid)
			}
		})
	}
}

// What is launched reads what it was given while this process goes on.
func TestLaunch(t *testing.T) {
	starter, reaper := running(t, func(e Exit) { t.Errorf("orphan %+v", e) })
	busy, done := make(chan struct{}), make(chan struct{})
	go func() { // what is not kept is collected, and its memory used for something else
		defer close(done)
		var garbage [][]byte
		for {
			select {
			case <-busy:
				runtime.KeepAlive(garbage)
				return
			default:
				garbage = append(garbage[max(0, len(garbage)-100):], bytes.Repeat([]byte("x"), 1+rand.IntN(500)))
				runtime.GC()
			}
		}
	}()
	defer func() { close(busy); <-done }()
	for i := range 100 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		spec := helper("describe", strconv.Itoa(i), strings.Repeat("a", i))
		spec.Dir, spec.Setpgid = "/", true
		spec.Files = []int{-1, int(w.Fd())}
		exits := make(chan Exit, 1)
		pid, err := starter.Launch(spec, func(e Exit) { exits <- e })
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		line, err := io.ReadAll(r)
		r.Close()
		if want := fmt.Sprintf(`args=["%d" "%s"] dir=/ env=3 `, i, spec.Args[2]); err != nil || !strings.HasPrefix(string(line), want) {
			t.Fatalf("the child said %q, %v, want %s", line, err, want)
		}
		if e := wait(t, exits); e.PID != pid || e.Status != 0 || e.Err != nil {
			t.Fatalf("exit of %d reported as %+v", pid, e)
		}
		if reaper.Owns(pid) {
			t.Errorf("still owns %d", pid)
		}
	}
}

// The group of a child can be signalled as soon as the child is there.
func TestLaunchedGroupCanBeKilledAtOnce(t *testing.T) {
	starter, _ := running(t, nil)
	for range 300 {
		exits := make(chan Exit, 1)
		pid, err := starter.Launch(Spec{Path: "/bin/sleep", Args: []string{"sleep", "1000"}, Setpgid: true}, func(e Exit) { exits <- e })
		if err != nil {
			t.Fatal(err)
		}
		if err := KillGroup(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if e := wait(t, exits); !e.Status.Signaled() || e.Status.Signal() != syscall.SIGTERM || e.Err != nil {
			t.Fatalf("ended as %+v", e)
		}
	}
}

// What would not be on the confined thread is not launched, nor what comes
// after the end.
func TestLaunchRefuses(t *testing.T) {
	reaper := NewReaper(nil)
	starter := NewStarter(reaper)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- starter.Run(ctx) }()
	if err := starter.Confine(func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := starter.Launch(Spec{Path: "/bin/true"}, nil); err != ErrNoLaunch {
		t.Errorf("confined: %v", err)
	}
	cancel()
	wait(t, ended)
	if _, err := starter.Launch(Spec{Path: "/bin/true"}, nil); err != ErrStopped {
		t.Errorf("ended: %v", err)
	}
}

func TestStopWhileStartsWait(t *testing.T) {
	reaper := NewReaper(nil)
	starter := NewStarter(reaper)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	refused := make(chan error, 2)
	starter.Go(Spec{Path: "/bin/true"}, func(_ int, err error) { refused <- err }, nil)
	starter.wake = make(chan struct{}) // let the end come first
	if err := starter.Run(ctx); err != nil {
		t.Fatal(err)
	}
	starter.Go(Spec{Path: "/bin/true"}, func(_ int, err error) { refused <- err }, nil)
	for range 2 {
		if err := wait(t, refused); err != ErrStopped {
			t.Errorf("refused with %v, want ErrStopped", err)
		}
	}
}

// helpPdeathsig starts a child that dies with its parent, and says so.
func helpPdeathsig() {
	reaper := NewReaper(nil)
	starter := NewStarter(reaper)
	go func() { _ = reaper.Run(context.Background()) }()
	go func() { _ = starter.Run(context.Background()) }()
	spec := helper("block")
	spec.Pdeathsig, spec.Files = syscall.SIGKILL, []int{0, 1, 2}
	if _, err := starter.Start(spec, func(e Exit) { fmt.Println("the child ended first:", e.Status) }); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("started")
	helpBlock()
}

func TestPdeathsigFollowsTheProcess(t *testing.T) {
	reapsAll(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = helper("pdeathsig").Env
	stdin, err := cmd.StdinPipe() // keeps both from their end
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	if line, err := lines.ReadString('\n'); err != nil || line != "started\n" {
		t.Errorf("the helper said %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// The child holds the pipe too: its end is the pipe's.
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("the pipe ended with %q, %v", rest, err)
	}
	_ = cmd.Wait()
}

func BenchmarkStart(b *testing.B) {
	const program = "/bin/true"
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	b.Run("starter", func(b *testing.B) {
		starter, _ := running(b, nil)
		exits := make(chan Exit, 1)
		for b.Loop() {
			if _, err := starter.Start(Spec{Path: program, Files: []int{fd, fd, fd}, Setpgid: true}, func(e Exit) { exits <- e }); err != nil {
				b.Fatal(err)
			}
			<-exits
		}
	})
	b.Run("starter 4 at once", func(b *testing.B) {
		starter, _ := running(b, nil)
		exits := make(chan Exit, 4)
		for range 4 {
			exits <- Exit{}
		}
		for b.Loop() {
			<-exits
			starter.Go(Spec{Path: program, Files: []int{fd, fd, fd}, Setpgid: true}, func(int, error) {}, func(e Exit) { exits <- e })
		}
		for range 4 {
			<-exits
		}
	})
	b.Run("bare", func(b *testing.B) {
		spec := Spec{Path: program, Files: []int{fd, fd, fd}, Setpgid: true}
		for b.Loop() {
			c, err := spec.start(filesLimit{}, false)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := syscall.Wait4(c.pid, nil, 0, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("os exec", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command(program).Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
