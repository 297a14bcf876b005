package slowlog

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// said collects what a recorder says.
type said struct {
	mu    sync.Mutex
	texts []string
}

func (s *said) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, text)
}

func (s *said) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.texts...)
}

// startRecorder runs a recorder until the test ends or stop is called.
func startRecorder(t *testing.T, cfg RecorderConfig) (r *Recorder, s *said, stop func()) {
	t.Helper()
	s = &said{}
	cfg.Say = s.say
	r, err := NewRecorder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return r, s, stop
}

// numbered returns an event that can be told from others.
func numberedEvent(n int) *Event {
	return &Event{Pool: "www", Script: fmt.Sprintf("/script-%d", n), Report: Report{PID: n, At: at}}
}

func entries(b []byte) int { return bytes.Count(b, []byte("script_filename")) }

func TestRecorderAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slow.log")
	r, s, stop := startRecorder(t, RecorderConfig{Path: path})
	for n := range 10 {
		r.Record(numberedEvent(n))
	}
	stop() // what was queued is still written
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if entries(got) != 10 || !bytes.Contains(got, []byte("/script-9\n")) {
		t.Errorf("got %d entries, want 10", entries(got))
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("mode %v, want 0600", mode)
	}
	if r.Lost() != 0 || len(s.all()) != 0 {
		t.Errorf("lost %d, said %q", r.Lost(), s.all())
	}
}

func TestRecorderReopens(t *testing.T) {
	dir := t.TempDir()
	open := func(name string) *os.File {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	size := func(name string) int {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return entries(b)
	}
	r, _, _ := startRecorder(t, RecorderConfig{File: open("old")})
	r.Record(numberedEvent(1))
	eventually(t, "the old file has the event", func() bool { return size("old") == 1 })
	r.Reopen(open("superseded"))
	r.Reopen(open("new"))
	eventually(t, "events go to the new file", func() bool {
		r.Record(numberedEvent(2))
		return size("new") > 0
	})
}

// A full disk, a missing directory: the loss is counted and said once, and the
// end of it is said with the number.
func TestRecorderLosses(t *testing.T) {
	t.Run("full disk", func(t *testing.T) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer full.Close()
		good, err := os.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer good.Close()
		r, s, _ := startRecorder(t, RecorderConfig{File: full})
		checkLoss(t, r, s, "no space left", func() { r.Reopen(good) })
	})
	t.Run("removed directory", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "logs")
		r, s, _ := startRecorder(t, RecorderConfig{Path: filepath.Join(dir, "slow.log")})
		checkLoss(t, r, s, "no such file", func() {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func checkLoss(t *testing.T, r *Recorder, s *said, why string, repair func()) {
	t.Helper()
	for n := range 5 {
		r.Record(numberedEvent(n))
	}
	eventually(t, "five events are lost", func() bool { return r.Lost() == 5 })
	if got := s.all(); len(got) != 1 || !strings.Contains(got[0], why) {
		t.Errorf("said %q, want one line with %q", got, why)
	}
	repair()
	eventually(t, "the end of it is said", func() bool {
		r.Record(numberedEvent(6))
		return len(s.all()) > 1
	})
	got := s.all()[1]
	if want := fmt.Sprintf("%d events of the slow log were lost", r.Lost()); got != want {
		t.Errorf("said %q, want %q", got, want)
	}
}

// A FIFO: without a reader, with one that does not read, and with one that
// does.
func TestRecorderAndPipes(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	r, s, stop := startRecorder(t, RecorderConfig{Path: fifo, Queue: 4})
	r.Record(numberedEvent(1))
	eventually(t, "an event is lost that nobody could read", func() bool { return r.Lost() == 1 })

	reader, err := os.OpenFile(fifo, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	big := numberedEvent(2)
	big.Script = strings.Repeat("x", maxText)
	start := time.Now()
	for range 1000 {
		r.Record(big) // the pipe holds a few of them
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("recording took %v", took)
	}
	if r.Lost() < 900 {
		t.Errorf("lost %d of 1000, the queue is 4 and nobody reads", r.Lost())
	}
	stop()
	if texts := s.all(); len(texts) == 0 || len(texts) > 6 {
		t.Errorf("said %d things: %q", len(texts), texts)
	}
}

func TestAdviceIsSaidOnce(t *testing.T) {
	r, s, _ := startRecorder(t, RecorderConfig{Path: filepath.Join(t.TempDir(), "log")})
	for n := range 20 {
		e := numberedEvent(n)
		e.Report.Advice = "python 3.15 is not known to this build"
		if n%2 == 1 {
			e.Report.Advice = "no permission"
		}
		r.Record(e)
	}
	eventually(t, "both are said", func() bool { return len(s.all()) >= 2 })
	if got := s.all(); len(got) != 2 || !strings.Contains(got[0], "3.15") || !strings.Contains(got[1], "permission") {
		t.Errorf("said %q", got)
	}
}

func TestRecorderConfig(t *testing.T) {
	for name, cfg := range map[string]RecorderConfig{
		"nothing": {},
		"both":    {Path: "/x", File: os.Stderr},
	} {
		if r, err := NewRecorder(cfg); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
