package logfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watched collects what a Writer says.
type watched struct {
	lost      chan error
	recovered chan uint64
}

func watch(w *Writer) watched {
	told := watched{make(chan error, 10), make(chan uint64, 10)}
	w.Watch(func(err error) { told.lost <- err }, func(lines uint64) { told.recovered <- lines })
	return told
}

func (s watched) silent(t *testing.T) {
	t.Helper()
	if len(s.lost) > 0 || len(s.recovered) > 0 {
		t.Errorf("the writer says more: lost %d times, recovered %d times", len(s.lost), len(s.recovered))
	}
}

// A full disk loses every line, is told once, and again after Swap; what comes
// then is written.
func TestFullDisk(t *testing.T) {
	w, err := Open("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	told := watch(w)
	for range 5 {
		write(t, w, "one\ntwo\n")
		w.Sync(time.Minute)
	}
	if n := w.Dropped(); n != 10 {
		t.Errorf("%d lines are counted, want 10", n)
	}
	if err := <-told.lost; !errors.Is(err, unix.ENOSPC) {
		t.Errorf("the reason is %v", err)
	}
	path := filepath.Join(t.TempDir(), "log")
	fd, err := OpenFD(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Swap(fd)
	write(t, w, "three\n")
	if n := <-told.recovered; n != 10 {
		t.Errorf("it tells of %d lost lines, want 10", n)
	}
	told.silent(t)
	if err := w.Reopen(); err != nil { // a full disk once more
		t.Fatal(err)
	}
	write(t, w, "four\n")
	if err := <-told.lost; !errors.Is(err, unix.ENOSPC) {
		t.Errorf("the reason is %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "three\n" {
		t.Errorf("the log has %q", got)
	}
}

// A disk that gets full within a line has the lines before it, and what comes
// when there is room again is not joined to its beginning.
func TestTornLine(t *testing.T) {
	const size = 4096 // of a page: so much of a write finds room
	fd, err := unix.MemfdCreate("log", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	disk := os.NewFile(uintptr(fd), "disk")
	defer disk.Close()
	if err := disk.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(disk.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_GROW); err != nil {
		t.Fatal(err)
	}
	own, err := unix.Dup(int(disk.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	w := FromFD(own)
	told := watch(w)
	line := strings.Repeat("x", 99) + "\n"
	write(t, w, strings.Repeat(line, 60))
	<-told.lost
	if n := w.Dropped(); n != 20 {
		t.Errorf("%d lines are counted, want 20", n)
	}
	if _, err := disk.Seek(0, 0); err != nil { // there is room
		t.Fatal(err)
	}
	write(t, w, "next\n")
	if n := <-told.recovered; n != 20 {
		t.Errorf("it tells of %d lost lines, want 20", n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 7)
	if _, err := disk.ReadAt(got, 0); err != nil || string(got) != "\nnext\nx" {
		t.Errorf("the log goes on with %q, %v", got, err)
	}
}

// A named pipe that nobody reads is opened without waiting, takes what it can,
// and gives the rest up when there is a better place to write to.
func TestPipeNobodyReads(t *testing.T) {
	dir := t.TempDir()
	fifo, path := filepath.Join(dir, "fifo"), filepath.Join(dir, "log")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	told := watch(w)
	line := strings.Repeat("x", 999) + "\n"
	const lines = 4000 // the pipe takes 64 KiB, the writer once or twice 1 MiB
	write(t, w, line)
	if !w.Sync(time.Minute) {
		t.Error("the pipe takes nothing")
	}
	for range lines - 1 {
		write(t, w, line)
	}
	if err := <-told.lost; !errors.Is(err, errFull) {
		t.Errorf("the reason is %v", err)
	}
	dropped := w.Dropped()
	if dropped == 0 || dropped >= lines {
		t.Errorf("%d of %d lines dropped", dropped, lines)
	}
	fd, err := OpenFD(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Swap(fd)
	if n := <-told.recovered; n != dropped {
		t.Errorf("it tells of %d lost lines, want %d", n, dropped)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	told.silent(t)
	text := content(t, path)
	if n := len(text) / len(line); strings.Repeat(line, n) != text || uint64(n)+dropped >= lines || n < 900 {
		t.Errorf("%d lines reached the file, %d were dropped", n, dropped)
	}
}

// A reader of a named pipe may come late, go and come again.
func TestPipeReader(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"before the first reader\n", "before the second\n"} {
		write(t, w, text)
		r, err := os.Open(fifo)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, err := r.Read(buf)
		if err != nil || string(buf[:n]) != text {
			t.Errorf("read %q, %v", buf[:n], err)
		}
		r.Close()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n := w.Dropped(); n != 0 {
		t.Errorf("%d lines dropped", n)
	}
}

// A named pipe that has a reader when it is opened outlives that, too, and
// takes one descriptor.
func TestPipeWithAReader(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := unix.Open(fifo, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	open := func() (n int) {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if path, _ := os.Readlink("/proc/self/fd/" + e.Name()); path == fifo {
				n++
			}
		}
		return n
	}
	fd, err := OpenFD(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if n := open(); n != 2 {
		t.Errorf("the pipe is open %d times, want 2", n)
	}
	_ = unix.Close(first)
	if _, err := unix.Write(fd, []byte("line\n")); err != nil {
		t.Fatalf("without its reader: %v", err)
	}
	r, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, 10)
	if n, err := r.Read(got); string(got[:n]) != "line\n" {
		t.Errorf("the next reader gets %q, %v", got[:n], err)
	}
}

// Lines in a file that was removed are lost: nobody can read them.
func TestRemovedFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "log")
	w, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	told := watch(w)
	write(t, w, "one\n")
	w.Sync(time.Minute)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		write(t, w, "two\n")
		w.Sync(time.Minute)
	}
	if err := <-told.lost; !errors.Is(err, errRemoved) {
		t.Errorf("the reason is %v", err)
	}
	if n := w.Dropped(); n != 3 {
		t.Errorf("%d lines dropped, want 3", n)
	}
	if err := w.Reopen(); err == nil {
		t.Error("reopened a log in a directory that is gone")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := w.Reopen(); err != nil {
		t.Fatal(err)
	}
	write(t, w, "three\n")
	if n := <-told.recovered; n != 3 {
		t.Errorf("it tells of %d lost lines, want 3", n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	told.silent(t)
	if got := content(t, path); got != "three\n" {
		t.Errorf("the log has %q", got)
	}
}

// A file without a name from the start is somebody's who can read it.
func TestNamelessFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	fd, err := OpenFD(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w := FromFD(fd)
	write(t, w, "line\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n := w.Dropped(); n != 0 {
		t.Errorf("%d lines dropped", n)
	}
}

// Without a descriptor all is lost until there is one.
func TestLogThatIsNotOpen(t *testing.T) {
	w := FromFD(-1)
	told := watch(w)
	write(t, w, "one\n")
	if err := <-told.lost; !errors.Is(err, errNotOpen) {
		t.Errorf("the reason is %v", err)
	}
	path := filepath.Join(t.TempDir(), "log")
	fd, err := OpenFD(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Swap(fd)
	write(t, w, "two\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "two\n" || w.Dropped() != 1 {
		t.Errorf("the log has %q, %d lines dropped", got, w.Dropped())
	}
}
