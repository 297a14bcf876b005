package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func write(t *testing.T, w io.Writer, line string) {
	t.Helper()
	if n, err := io.WriteString(w, line); n != len(line) || err != nil {
		t.Fatalf("wrote %d of %d bytes, %v", n, len(line), err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWriterAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, line := range []string{"one\n", "two\n"} {
		w, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, w, line)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		write(t, w, "after the end\n")
		if w.Dropped() != 1 {
			t.Errorf("%d writes dropped, want the one after Close", w.Dropped())
		}
	}
	if got := content(t, path); got != "one\ntwo\n" {
		t.Errorf("the log has %q", got)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != fs.FileMode(0o600) {
		t.Errorf("the log has mode %v, want 0600", info.Mode())
	}
}

func TestReopenFollowsTheName(t *testing.T) {
	dir := t.TempDir()
	path, moved := filepath.Join(dir, "log"), filepath.Join(dir, "log.1")
	w, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	const writers, lines = 4, 500
	var wg sync.WaitGroup
	for id := range writers {
		wg.Go(func() {
			for i := range lines {
				fmt.Fprintf(w, "writer %d line %d\n", id, i)
			}
		})
	}
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if err := w.Reopen(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	write(t, w, "last\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(content(t, path), "last\n") {
		t.Error("the new file has no last line")
	}
	all := content(t, moved) + content(t, path)
	if got := strings.Count(all, "\n"); got != writers*lines+1 {
		t.Errorf("%d lines in both files, want %d", got, writers*lines+1)
	}
	for id := range writers {
		if !strings.Contains(all, fmt.Sprintf("writer %d line %d\n", id, lines-1)) {
			t.Errorf("the last line of writer %d is torn or missing", id)
		}
	}
}

func TestFailedReopenKeepsTheLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := Open(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := dir + ".moved"
	if err := os.Rename(dir, elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := w.Reopen(); err == nil {
		t.Error("reopened a log in a directory that is gone")
	}
	write(t, w, "still here\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, filepath.Join(elsewhere, "log")); got != "still here\n" {
		t.Errorf("the old log has %q", got)
	}
}

func TestFullPipeDropsAndCounts(t *testing.T) {
	r, w := pipe(t)
	log := FromFD(w)
	line := append(bytes.Repeat([]byte("x"), 1023), '\n')
	const lines = 3000 // more than the pipe and the buffer hold
	for range lines {
		write(t, log, string(line))
	}
	dropped := log.Dropped()
	if dropped == 0 || dropped == lines {
		t.Errorf("%d of %d writes dropped", dropped, lines)
	}
	read := make(chan []byte)
	go func() {
		data, _ := io.ReadAll(r)
		read <- data
	}()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	data := <-read
	if want := (lines - int(dropped)) * len(line); len(data) != want {
		t.Errorf("read %d bytes, want %d", len(data), want)
	}
}

func TestStuckPipeDoesNotHangClose(t *testing.T) {
	r, w := pipe(t)
	log := FromFD(w)
	write(t, log, strings.Repeat("x", 200_000)+"\n")
	if err := log.Close(); err == nil {
		t.Error("closed a log nobody reads without an error")
	}
	r.Close() // frees the goroutine
	<-log.stopped
	if log.Dropped() != 1 {
		t.Errorf("%d lines dropped, want 1", log.Dropped())
	}
}

func TestNonblockingPipe(t *testing.T) {
	r, w := pipe(t)
	if err := unix.SetNonblock(w, true); err != nil {
		t.Fatal(err)
	}
	log := FromFD(w)
	text := strings.Repeat(strings.Repeat("x", 99)+"\n", 2000)
	write(t, log, text)
	read := make(chan []byte)
	go func() {
		data, _ := io.ReadAll(r)
		read <- data
	}()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if got := string(<-read); got != text {
		t.Errorf("read %d bytes, want %d", len(got), len(text))
	}
}

// A log may be a link, but not one that another user has put in its place: root
// would write for them to whatever it names.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(target, nil, 0o600), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	fd, err := OpenFD(link)
	if err != nil {
		t.Fatalf("our own link: %v", err)
	}
	_ = unix.Close(fd)
	const nobody = 65534
	if err := os.Lchown(link, nobody, nobody); os.IsPermission(err) {
		return // only root can give a link away
	} else if err != nil {
		t.Fatal(err)
	}
	if fd, err := OpenFD(link); err == nil {
		_ = unix.Close(fd)
		t.Error("opened another's link")
	}
}

func TestStandardStreams(t *testing.T) {
	for _, path := range []string{"/dev/stderr", "/proc/self/fd/2", "/dev/fd/1", "/dev/stdout"} {
		fd, err := OpenFD(path)
		if err != nil {
			t.Errorf("cannot open %s: %v", path, err)
			continue
		}
		if fd < 3 {
			t.Errorf("%s opened as %d", path, fd)
		}
		unix.Close(fd)
	}
	for _, path := range []string{"/proc/self/fd/3", "/proc/self/fd/x", "/dev/stderr2"} {
		if _, ok := standardStream(path); ok {
			t.Errorf("%s taken for a standard stream", path)
		}
	}
}

func TestPieces(t *testing.T) {
	line := strings.Repeat("x", 1500) + "\n"
	long := strings.Repeat("y", 6000) + "\n"
	for _, tt := range []struct {
		lines string
		want  int
	}{
		{line, 1501}, {line + line, 3002}, {line + line + line, 3002}, {long, 6001}, {long + line, 6001}, {strings.Repeat("z", 5000), 5000},
	} {
		if got := piece([]byte(tt.lines), atomicWrite); got != tt.want {
			t.Errorf("first piece of %d bytes is %d, want %d", len(tt.lines), got, tt.want)
		}
	}
}

// pipe returns a reader and a blocking descriptor to write to, which the
// caller gives away.
func pipe(t *testing.T) (*os.File, int) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	fd, err := unix.FcntlInt(w.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, fd
}

// Sync returns when the lines are written, and in time when they cannot be.
func TestWriterSync(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	w, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		write(t, w, "line\n")
		if !w.Sync(time.Minute) || !w.Sync(0) {
			t.Fatal("the log is not written")
		}
		if text, err := os.ReadFile(path); err != nil || len(text) != 5*(n+1) {
			t.Fatalf("after %d lines the file has %d bytes, %v", n+1, len(text), err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !w.Sync(time.Minute) {
		t.Error("a closed log has lines left")
	}

	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	w = FromFD(pipe[1])
	write(t, w, strings.Repeat("0123456789abcde\n", 1<<13)) // more than a pipe holds
	if w.Sync(time.Millisecond) || w.Sync(0) {
		t.Error("a log that is stuck is said to be written")
	}
	_ = unix.Close(pipe[0]) // which ends the writing
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
