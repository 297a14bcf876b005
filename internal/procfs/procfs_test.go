package procfs

import (
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// fixture is a process that was written down: pid 4711, threads 4711 and 4712.
const (
	fixture = 4711
	broken  = 4713
	absent  = 4799
)

func fixtures() FS { return New("testdata/proc") }

func TestStat(t *testing.T) {
	got, err := fixtures().Stat(fixture)
	if err != nil {
		t.Fatal(err)
	}
	want := Stat{State: 'S', Parent: 4700, Start: 123456, Code: 94000000, Stack: 140720000, Args: 140730000}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, pid := range []int{broken, absent} {
		if _, err := fixtures().Stat(pid); err == nil {
			t.Errorf("process %d has a state", pid)
		}
	}
}

func TestOwner(t *testing.T) {
	got, err := fixtures().Owner(fixture)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Owner{UID: 33, GID: 34}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, pid := range []int{broken, absent} {
		if _, err := fixtures().Owner(pid); err == nil {
			t.Errorf("process %d has an owner", pid)
		}
	}
}

func TestTree(t *testing.T) {
	fs := fixtures()
	if got := fs.Threads(fixture); !slices.Equal(got, []int{4711, 4712}) {
		t.Errorf("threads = %v", got)
	}
	if got := fs.Children(fixture); !slices.Equal(got, []int{4720, 4721, 4722}) {
		t.Errorf("children = %v", got)
	}
	for pid, want := range map[int]string{fixture: "/usr/bin/php-cgi -d x=y z", broken: "[kworker/0:1]", absent: ""} {
		if got := fs.Command(pid); got != want {
			t.Errorf("command of %d = %q, want %q", pid, got, want)
		}
	}
	if got := fs.Children(absent); got != nil {
		t.Errorf("children of an absent process = %v", got)
	}
}

func TestMaps(t *testing.T) {
	maps, err := fixtures().Maps(fixture)
	if err != nil {
		t.Fatal(err)
	}
	if len(maps) != 12 {
		t.Errorf("%d mappings, want 12", len(maps))
	}
	want := Mapping{
		Low: 0x7ffff7a28000, High: 0x7ffff7b00000, Offset: 0x28000, Executable: true,
		Device: "08:01", Inode: 1002, Path: "/opt/old lib/libx.so.1",
	}
	if maps[5] != want {
		t.Errorf("got %+v, want %+v", maps[5], want)
	}
	type object struct {
		low, end uint64
		path     string
	}
	var got []object
	for _, o := range Objects(maps) {
		got = append(got, object{o.Low, o.End, o.Path})
	}
	wantObjects := []object{
		{0x555555554000, 0x555555790000, "/usr/bin/php-cgi"},
		{0x7ffff7a00000, 0x7ffff7b00000, "/opt/old lib/libx.so.1"},
		{0x7ffff7b00000, 0x7ffff7b01000, "/tmp/session"},
		{0x7ffff7fc5000, 0x7ffff7fc7000, "[vdso]"},
	}
	if !reflect.DeepEqual(got, wantObjects) {
		t.Errorf("objects = %+v, want %+v", got, wantObjects)
	}
}

func TestSyscall(t *testing.T) {
	fs := fixtures()
	got, err := fs.Syscall(fixture, 4711)
	if err != nil {
		t.Fatal(err)
	}
	want := Syscall{Number: 0, Args: [6]uint64{5, 0x7ffc1000, 0x2000}, SP: 0x7ffc0f00, PC: 0x7f0012345678}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, err := fs.Syscall(fixture, 4712); err != nil || !got.Running {
		t.Errorf("running thread: %+v, %v", got, err)
	}
	if got := fs.ThreadState(fixture, 4712); got != 'R' {
		t.Errorf("state = %q", got)
	}
	if got := fs.WaitChannel(fixture, 4711); got != "anon_pipe_read" {
		t.Errorf("wait channel = %q", got)
	}
	if got := fs.WaitChannel(fixture, 4712); got != "" {
		t.Errorf("wait channel of a running thread = %q", got)
	}
}

func TestParseSyscall(t *testing.T) {
	for text, want := range map[string]Syscall{
		"-1 0x7ffd 0x55aa\n":                   {Number: -1, SP: 0x7ffd, PC: 0x55aa},
		"9999 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8": {Number: 9999, Args: [6]uint64{1, 2, 3, 4, 5, 6}, SP: 7, PC: 8},
	} {
		if got, err := parseSyscall(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "0 0x1", "x 0x1 0x2", "0 0x1 0x2 0x3", "0 0xg 0x1"} {
		if got, err := parseSyscall(text); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

func TestSyscallNames(t *testing.T) {
	for number, want := range map[int]string{-1: "syscall_-1", 1 << 20: "syscall_1048576"} {
		if got := (Syscall{Number: number}).Name(); got != want {
			t.Errorf("%d is %q, want %q", number, got, want)
		}
	}
	if !slices.Contains(syscallNames[:], "read") || !slices.Contains(syscallNames[:], "epoll_pwait") {
		t.Error("read or epoll_pwait has no number")
	}
}

func TestDescriptors(t *testing.T) {
	fs := fixtures()
	for fd, want := range map[int]string{
		4:  "",
		5:  "tcp 127.0.0.1:53122 -> 13.12.11.10:5432",
		6:  "pipe:[77]",
		7:  "/var/log/x.log",
		8:  "tcp 127.0.0.1:53124 -> 13.12.11.10:5432 (connecting)",
		9:  "tcp [2001:db8::1]:42146 -> [2001:db8::2]:5432",
		10: "tcp 127.0.0.1:42148 -> 127.0.0.1:5432",
		11: "udp 127.0.0.1:53",
		12: "unix /run/mysqld/mysqld.sock",
		13: "socket:[999999]",
		14: "tcp 127.0.0.1:8080 (listening)",
	} {
		if got := fs.FD(fixture, fd); got != want {
			t.Errorf("descriptor %d is %q, want %q", fd, got, want)
		}
	}
	if got := fs.Watched(fixture, 3, 2); !slices.Equal(got, []int{4, 12}) {
		t.Errorf("watched = %v, want the first two", got)
	}
}

// Sockets of this process, so that the kernel's own tables are read.
func TestLiveSockets(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ network, address string }{
		{"tcp", "127.0.0.1:0"},
		{"tcp", "[::1]:0"},
		{"unix", filepath.Join(dir, "sock")},
	} {
		t.Run(c.network+" "+c.address, func(t *testing.T) {
			l, err := net.Listen(c.network, c.address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			client, err := net.Dial(c.network, l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			got := New("").FD(os.Getpid(), fdOf(t, client))
			want := "tcp " + client.LocalAddr().String() + " -> " + client.RemoteAddr().String()
			if c.network == "unix" {
				want = "unix " + c.address // the peer's name: a client has none
			}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func fdOf(t *testing.T, c net.Conn) int {
	t.Helper()
	raw, err := c.(interface {
		File() (*os.File, error)
	}).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return int(raw.Fd())
}

func TestImageOfThisProcess(t *testing.T) {
	fs := New("")
	a, err := fs.Image(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.Image(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if a != b || a.Inode == 0 || a.Start == 0 || a.Stack == 0 {
		t.Errorf("images %+v and %+v", a, b)
	}
	if _, err := fixtures().Image(absent); err == nil {
		t.Error("an absent process has an image")
	}
}

func FuzzParsers(f *testing.F) {
	for _, name := range []string{"stat", "status", "maps", "task/4711/syscall"} {
		b, err := os.ReadFile(filepath.Join("testdata/proc/4711", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("00:0A:\x00 :[1]")
	f.Fuzz(func(t *testing.T, text string) {
		parseStat([]byte(text))
		parseOwner(text)
		parseSyscall(text)
		parsePeer([]byte(text))
		parseAddr(text)
		bracketed(text)
		for line := range strings.Lines(text) {
			if m, ok := parseMapping(line); ok && m.Low >= m.High {
				t.Errorf("%q is a mapping from %#x to %#x", line, m.Low, m.High)
			}
		}
	})
}
