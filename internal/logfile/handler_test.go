package logfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// logLine returns what one call of log writes.
func logLine(t *testing.T, opts HandlerOptions, log func(*slog.Logger)) string {
	t.Helper()
	var out bytes.Buffer
	log(slog.New(NewHandler(&out, opts)))
	return out.String()
}

func TestLine(t *testing.T) {
	at := time.Date(2026, 11, 20, 17, 33, 39, 649331000, time.Local)
	tests := map[string]struct {
		level slog.Level
		log   func(*slog.Logger) *slog.Logger
		msg   string
		attrs []any
		want  string
	}{
		"plain":              {level: LevelNotice, msg: "fpm is running, pid 12", want: "NOTICE: fpm is running, pid 12"},
		"warning":            {level: LevelWarning, msg: "m", want: "WARNING: m"},
		"error":              {level: LevelError, msg: "m", want: "ERROR: m"},
		"alert":              {level: LevelAlert, msg: "m", want: "ALERT: m"},
		"pool":               {level: LevelNotice, msg: "m", attrs: []any{"pool", "www"}, want: "NOTICE: [pool www] m"},
		"pool of the logger": {level: LevelNotice, log: func(l *slog.Logger) *slog.Logger { return l.With("pool", "www", "pid", 7) }, msg: "m", attrs: []any{"code", 1}, want: "NOTICE: [pool www] m pid=7 code=1"},
		"values":             {level: LevelNotice, msg: "m", attrs: []any{"a", "x y", "b", "", "c", `q"`, "d", time.Second, "e", "a=b"}, want: `NOTICE: m a="x y" b="" c="q\"" d=1s e="a=b"`},
		"group":              {level: LevelNotice, log: func(l *slog.Logger) *slog.Logger { return l.WithGroup("g") }, msg: "m", attrs: []any{"a", 1, "pool", "p", slog.Group("h", "b", 2)}, want: "NOTICE: m g.a=1 g.pool=p g.h.b=2"},
		"system error":       {level: LevelError, msg: "unable to create the PID file (x).", attrs: []any{"err", syscall.ENOENT}, want: "ERROR: unable to create the PID file (x).: No such file or directory (2)"},
		"wrapped error":      {level: LevelError, msg: "m", attrs: []any{"err", fmt.Errorf("cannot go: %w", &fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}), "k", 1}, want: "ERROR: m k=1: cannot go: open /x: Permission denied (13)"},
		"other error":        {level: LevelError, msg: "m", attrs: []any{"err", errors.New("no")}, want: "ERROR: m: no"},
		"forgery":            {level: LevelNotice, msg: "a\n[now] ERROR: b\x1b", attrs: []any{"k", "c\nd", "pool", "p\r"}, want: `NOTICE: [pool p\r] a\n[now] ERROR: b\x1b k="c\nd"`},
		"terminal":           {level: LevelNotice, msg: "\u009b31m \x9b31m \x7f é \xe9", attrs: []any{"k", "\u009b"}, want: "NOTICE: \\xc2\\x9b31m \\x9b31m \\x7f é \xe9 k=\"\\u009b\""},
		"indented":           {level: LevelNotice, msg: "\tpid = undefined", want: "NOTICE: \tpid = undefined"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			h := NewHandler(&out, HandlerOptions{})
			if tt.log != nil {
				h = tt.log(slog.New(h)).Handler()
			}
			r := slog.NewRecord(at, tt.level, tt.msg, 0)
			r.Add(tt.attrs...)
			if err := h.Handle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if got, want := out.String(), "[20-Nov-2026 17:33:39] "+tt.want+"\n"; got != want {
				t.Errorf("logged %q, want %q", got, want)
			}
		})
	}
}

func TestDebugLineHasItsOrigin(t *testing.T) {
	got := logLine(t, HandlerOptions{Level: LevelDebug, Origin: true}, func(l *slog.Logger) { l.Debug("text") })
	want := fmt.Sprintf(`^\[\d\d-\w\w\w-\d{4} \d\d:\d\d:\d\d\.\d{6}\] DEBUG: pid %d, TestDebugLineHasItsOrigin\(\), line \d+: text\n$`, os.Getpid())
	if !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("logged %q, want a match of %s", got, want)
	}
}

func TestPrintfIsAtItsCaller(t *testing.T) {
	got := logLine(t, HandlerOptions{Origin: true}, func(l *slog.Logger) {
		Printf(l, LevelDebug, "not %s", "enabled")
		Printf(l.With("pool", "www"), LevelWarning, "child %d exited", 7)
	})
	if !regexp.MustCompile(`^\S+ \S+ WARNING: pid \d+, TestPrintfIsAtItsCaller\(\), line \d+: \[pool www\] child 7 exited\n$`).MatchString(got) {
		t.Errorf("logged %q", got)
	}
}

func TestSyslogLine(t *testing.T) {
	log := func(l *slog.Logger) { l.Warn("text", "pool", "www") }
	if got, want := logLine(t, HandlerOptions{Syslog: true}, log), "[WARNING] [pool www] text\n"; got != want {
		t.Errorf("logged %q, want %q", got, want)
	}
	got := logLine(t, HandlerOptions{Syslog: true, Origin: true}, log)
	if !regexp.MustCompile(`^\[WARNING\] TestSyslogLine\(\), line \d+: \[pool www\] text\n$`).MatchString(got) {
		t.Errorf("logged %q", got)
	}
}

func TestLimit(t *testing.T) {
	const prefix = len("[20-Nov-2026 17:33:39] NOTICE: ")
	for _, tt := range []struct{ limit, text, want int }{
		{limit: 512, text: 512 - prefix - 1, want: 512},
		{limit: 512, text: 512 - prefix, want: 512},
		{limit: 512, text: 5000, want: 512},
		{limit: 0, text: 5000, want: 1024},
		{limit: 4096, text: 5000, want: 2048},
	} {
		got := logLine(t, HandlerOptions{Limit: tt.limit}, func(l *slog.Logger) { l.Info(strings.Repeat("x", tt.text)) })
		cut := strings.HasSuffix(got, "...\n")
		if len(got) != tt.want || cut != (prefix+tt.text+1 > tt.want) || !strings.HasSuffix(got, "\n") {
			t.Errorf("limit %d, text of %d: %d bytes, ending in %q", tt.limit, tt.text, len(got), got[len(got)-5:])
		}
	}
}

func TestLevels(t *testing.T) {
	for name, level := range map[string]slog.Level{"debug": LevelDebug, "Notice": LevelNotice, "warn": LevelWarning, "WARNING": LevelWarning, "error": LevelError, "alert": LevelAlert} {
		got, err := ParseLevel(name)
		if err != nil || got != level {
			t.Errorf("ParseLevel(%q) = %v, %v", name, got, err)
		}
		h := NewHandler(&bytes.Buffer{}, HandlerOptions{Level: level})
		if !h.Enabled(t.Context(), level) || h.Enabled(t.Context(), level-1) {
			t.Errorf("a handler of level %s is enabled at the wrong levels", name)
		}
	}
	if _, err := ParseLevel("loud"); err == nil {
		t.Error("accepted the level loud")
	}
}

func TestStartupCopiesUntilDone(t *testing.T) {
	var target, echo bytes.Buffer
	s := NewStartup(NewHandler(&target, HandlerOptions{Level: LevelDebug}), NewHandler(&echo, HandlerOptions{Level: LevelDebug}))
	log := slog.New(s).With("pool", "www").WithGroup("g")
	log.Debug("one", "a", 1)
	log.Info("two", "a", 1)
	s.Done()
	log.Info("three")
	for _, want := range []string{"one g.a=1", "two g.a=1", "three"} {
		if !strings.Contains(target.String(), "[pool www] "+want+"\n") {
			t.Errorf("%q is missing in the target: %s", want, target.String())
		}
	}
	if got := strings.Count(echo.String(), "\n"); got != 1 || !strings.Contains(echo.String(), "[pool www] two g.a=1\n") {
		t.Errorf("the echo has %d lines, want only the second: %s", got, echo.String())
	}
	if s.Enabled(context.Background(), LevelDebug-1) {
		t.Error("enabled below both handlers")
	}
}

func BenchmarkLine(b *testing.B) {
	log := slog.New(NewHandler(&discard{}, HandlerOptions{})).With("pool", "www")
	b.ReportAllocs()
	for b.Loop() {
		log.LogAttrs(b.Context(), LevelWarning, "child 12 exited with code 1 after 3.000000 seconds from start")
	}
}

type discard struct{}

func (*discard) Write(p []byte) (int, error) { return len(p), nil }
