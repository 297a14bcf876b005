package usage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain makes this binary the process that is measured: it allocates 64
// MiB, burns 20 ms of CPU, says so and waits for the end of its stdin.
func TestMain(m *testing.M) {
	if os.Getenv("USAGE_TEST_HELPER") == "" {
		os.Exit(m.Run())
	}
	memory, err := unix.Mmap(-1, 0, 64<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var ts unix.Timespec
	for ts.Nano() < 20e6 {
		for i := 0; i < len(memory); i += 4096 {
			memory[i]++
		}
		_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts)
	}
	fmt.Print(ts.Nano())
	_ = os.Stdout.Close()
	_, _ = os.Stdin.Read(memory[:1])
	os.Exit(0)
}

// start returns the pid of a helper, how much CPU time it had used when it
// began to wait, and a function that ends it.
func start(t *testing.T) (pid int, used time.Duration, end func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{"USAGE_TEST_HELPER=1"}
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
	end = func() {
		_ = stdin.Close()
		_ = cmd.Wait() // a second time after the test's own
	}
	t.Cleanup(end)
	if _, err := fmt.Fscan(stdout, &used); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, used, end
}

func TestProcess(t *testing.T) {
	pid, used, end := start(t)
	if cpu, ok := CPU(pid); !ok || cpu < used || cpu > used+10*time.Second {
		t.Errorf("CPU is %v, %v and was %v", cpu, ok, used)
	}
	if user, ok := UserCPU(pid); !ok || user > 10*time.Second {
		t.Errorf("UserCPU is %v, %v", user, ok)
	}
	rss, err := RSS(pid)
	if err != nil || rss < 64<<20 || rss > 128<<20 {
		t.Errorf("RSS is %d, error %v", rss, err)
	}
	m, err := ReadMemory(pid)
	if err != nil || m.PSS < 64<<20 || m.PSS > m.RSS || m.Peak < m.RSS-1<<20 || m.Peak > 128<<20 {
		t.Errorf("the memory is %+v, error %v", m, err)
	}
	if m.Shared() == 0 { // its code is this process's too
		t.Errorf("nothing is shared: %+v", m)
	}
	end()
	if cpu, ok := CPU(pid); ok {
		t.Errorf("a process that is gone has %v of CPU", cpu)
	}
	if _, err := RSS(pid); err == nil {
		t.Error("a process that is gone has an RSS")
	}
	if m, err := ReadMemory(pid); err == nil {
		t.Errorf("a process that is gone has %+v", m)
	}
}

func TestNoProcess(t *testing.T) {
	for _, pid := range []int{0, -1, 1 << 23} {
		if cpu, ok := CPU(pid); ok {
			t.Errorf("process %d has used %v", pid, cpu)
		}
	}
}

func TestAllocations(t *testing.T) {
	pid := os.Getpid()
	n := testing.AllocsPerRun(100, func() {
		_, ok := CPU(pid)
		if _, err := RSS(pid); err != nil || !ok {
			t.Error(err, ok)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseStatm(t *testing.T) {
	if got, err := parseStatm([]byte("1000 20 3 4 0 5 0\n")); err != nil || got != uint64(20*os.Getpagesize()) {
		t.Errorf("got %d, %v", got, err)
	}
	for _, text := range []string{"", "1000", "1000 20", "1000 x 3", "1000 -1 3", "1000 99999999999999 3"} {
		if got, err := parseStatm([]byte(text)); err == nil {
			t.Errorf("%q gives %d", text, got)
		}
	}
}

func TestParseFields(t *testing.T) {
	const rollup = "00400000-7ff ---p 00000000 00:00 0   [rollup]\nRss:     4456 kB\nPss:   10 kB\nPss_Anon:  9 kB\n"
	tests := []struct{ text, err string }{
		{rollup, ""},
		{"Rss: 1 kB\n", unix.ESRCH.Error()},
		{"", unix.ESRCH.Error()},
		{"Rss: 1 kB\nPss: 1 MB\n", "cannot read"},
		{"Rss: x kB\n", "cannot read"},
		{"Rss: 9999999999999999999 kB\n", "cannot read"},
	}
	for _, tt := range tests {
		var rss, pss uint64
		err := parseFields([]byte(tt.text), map[string]*uint64{"Rss": &rss, "Pss": &pss})
		switch {
		case tt.err == "" && (err != nil || rss != 4456<<10 || pss != 10<<10):
			t.Errorf("%q gives %d, %d, %v", tt.text, rss, pss, err)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%q gives %v, want %s", tt.text, err, tt.err)
		}
	}
}

// write makes the files of a system under a directory.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOOM(t *testing.T) {
	const group = "low 0\nhigh 0\nmax 12\noom 3\noom_kill %d\noom_group_kill 0\n"
	tests := []struct {
		name, cgroup, file, format string
	}{
		{"our group", "0::/system.slice/anyfpm.service\n", "sys/fs/cgroup/system.slice/anyfpm.service/memory.events", group},
		{"a container's group", "0::/docker/0815\n", "sys/fs/cgroup/memory.events", group},
		{"the system", "4:memory:/user\n0::/\n", "proc/vmstat", "nr_free_pages 1\noom_kill %d\nnuma_hit 1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			count := func(n int) { write(t, root, map[string]string{tt.file: fmt.Sprintf(tt.format, n)}) }
			write(t, root, map[string]string{"proc/self/cgroup": tt.cgroup})
			count(7)
			o, err := openOOM(root)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			for _, step := range []struct{ count, killed int }{{7, 0}, {8, 1}, {8, 0}, {11, 3}} {
				count(step.count)
				if got := o.Killed(); got != uint64(step.killed) {
					t.Errorf("at %d there are %d new kills, want %d", step.count, got, step.killed)
				}
			}
			write(t, root, map[string]string{tt.file: "nothing of it\n"})
			if got := o.Killed(); got != 0 {
				t.Errorf("an unreadable file tells of %d kills", got)
			}
		})
	}
	if o, err := openOOM(t.TempDir()); err == nil {
		t.Errorf("a system without a count gives %v", o)
	}
	o, err := OpenOOM()
	if err != nil {
		t.Fatal("this system does not count:", err)
	}
	_ = o.Close()
}

func TestPressure(t *testing.T) {
	const text = "some avg10=10.47 avg60=9.75 avg300=23.68 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=%d\n"
	root := t.TempDir()
	if got := readPressure(root); len(got) != 0 {
		t.Errorf("a kernel without PSI has %v", got)
	}
	write(t, root, map[string]string{
		"proc/self/cgroup": "0::/svc\n",
		"proc/pressure/io": fmt.Sprintf(text, 7), "proc/pressure/memory": "nonsense\n", "proc/pressure/cpu": "some total=x\n",
	})
	want := []Pressure{{Resource: "cpu"}, {Resource: "io", Some: 1500 * time.Millisecond, Full: 7 * time.Microsecond}, {Resource: "memory"}}
	if got := readPressure(root); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the system has %v, want %v", got, want)
	}
	write(t, root, map[string]string{"sys/fs/cgroup/svc/memory.events": "", "sys/fs/cgroup/svc/io.pressure": fmt.Sprintf(text, 8)})
	want[1].Full = 8 * time.Microsecond
	if got := readPressure(root); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the group has %v, want %v", got, want)
	}
}

func BenchmarkCPU(b *testing.B) {
	pid := os.Getppid() // another process, as a worker is
	for b.Loop() {
		_, _ = CPU(pid)
	}
}

func BenchmarkRSS(b *testing.B) {
	pid := os.Getppid()
	for b.Loop() {
		_, _ = RSS(pid)
	}
}
