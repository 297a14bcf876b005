package slowlog

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/slowlog/stack"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "format", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}

// at is when all events of the tests happen.
var at = time.Date(2026, 11, 20, 17, 36, 37, 0, time.Local)

// events are one of each kind there is.
func events() map[string]*Event {
	php := Stack{Stack: stack.Stack{Runtime: "php 8.2.35", Note: "GET /cart.php, script_filename = /srv/www/slow.php", Frames: []Frame{
		{Func: "sleep", File: "/srv/www/slow.php", Line: 2, Addr: 0x7fbdd1e15340, Kind: stack.Builtin},
		{Func: "Repo::inner", Bare: "inner", File: "/srv/www/slow.php", Line: 2, Addr: 0x7fbdd1e152d0},
		{Func: "{closure}", File: "/srv/www/slow.php", Line: 3, Addr: 0x7fbdd1e15160},
		{Func: "array_map", File: "/srv/www/slow_inc.php", Line: 2, Addr: 0x7fbdd1e15100, Kind: stack.Builtin},
		{Func: "[include/eval]", File: "/srv/www/slow_inc.php", Line: 2, Addr: 0x7fbdd1e15080, Kind: stack.Include},
		{Func: "{main}", File: "/srv/www/slow.php", Line: 4, Addr: 0x7fbdd1e15020, Kind: stack.Main},
	}}}
	python := Stack{Stack: stack.Stack{Runtime: "python 3.11.2", TID: 4711, Note: "holds the GIL", Frames: []Frame{
		{Func: "Repo.query", File: "/srv/app/db.py", Line: 9, Addr: 0x7f0000001000},
		{Func: "<module>", File: "/srv/app/plugin.py", Line: 3, Addr: 0x7f0000000f80, Kind: stack.Include},
		{Func: "<module>", File: "/srv/app/app.py", Line: 25, Addr: 0x7f0000000f00, Kind: stack.Main},
	}}}
	ruby := Stack{PID: 4713, Stack: stack.Stack{Runtime: "ruby 3.1.2", Truncated: true, Frames: []Frame{
		{Func: "<cfunc>", File: "/srv/app/x.rb", Line: 7, Addr: 0x10, Kind: stack.Builtin},
		{Func: "query", File: "/srv/app/x.rb", Line: 7, Addr: 0x20},
	}}}
	native := Stack{Stack: stack.Stack{Runtime: "native", TID: 4714, Note: "its callers cannot be found: why", Frames: []Frame{
		{Func: "clock_nanosleep", Module: "/lib/x86_64-linux-gnu/libc.so.6", Addr: 0x7f00000e5a23},
		{Func: "0x120a", Module: "/srv/bin/app", Addr: 0x55000000120a},
	}}, Wait: &Wait{State: "S", Call: "clock_nanosleep"}}
	event := func(r Report) *Event {
		r.PID, r.At, r.Took = 4711, at, 123*time.Microsecond
		return &Event{
			Reason: Slow, Pool: "www", Slot: 3, Method: "GET", URI: "/cart.php?id=1", Script: "/srv/www/slow.php",
			RequestID: "0af7651916cd43dd", Elapsed: 2500 * time.Millisecond, Queue: 30 * time.Millisecond, Sample: 1, Report: r,
		}
	}
	socket := Wait{State: "S", Call: "recvfrom", Descriptors: []Descriptor{{5, "tcp 127.0.0.1:40000 -> 127.0.0.1:5432"}}, Channel: "wait_woken"}
	return map[string]*Event{
		"php":    event(Report{Stacks: []Stack{php}, Wait: Wait{State: "S", Call: "clock_nanosleep", Channel: "hrtimer_nanosleep"}}),
		"python": event(Report{Stacks: []Stack{python}, Wait: socket}),
		"tree": event(Report{
			Stacks: []Stack{ruby}, Wait: Wait{State: "S", Call: "wait4", Process: 4713, Channel: "do_wait"},
			Children: []Child{
				{PID: 4713, Parent: 4711, Command: "ruby /srv/app/x.rb", Wait: Wait{State: "R"}},
				{PID: 4715, Parent: 4713, Command: "curl -s http://127.0.0.1", Wait: Wait{State: "S", Call: "poll", Descriptors: []Descriptor{{3, "tcp 127.0.0.1:1 -> 127.0.0.1:80"}, {7, ""}}}},
			},
		}),
		"native": event(Report{Stacks: []Stack{native}, Wait: Wait{State: "D", Channel: "folio_wait_bit", Call: "openat", Path: "/mnt/nfs/file"}}),
		"denied": event(Report{Notes: []string{"stacks cannot be read, there is no permission: because"}, Wait: Wait{State: "S", Channel: "do_epoll_wait"}}),
	}
}

func TestFormats(t *testing.T) {
	for name, e := range events() {
		t.Run(name, func(t *testing.T) {
			compareGolden(t, name+".log", AppendPHPFPM(nil, e, 20))
			line := AppendJSON(nil, e, 20)
			var v any
			if err := json.Unmarshal(line, &v); err != nil || strings.Count(string(line), "\n") != 1 {
				t.Errorf("not one line of JSON: %v", err)
			}
			// The zone is that of the machine.
			zone := at.Format("Z07:00")
			compareGolden(t, name+".json", []byte(strings.Replace(string(line), "17:36:37"+zone, "17:36:37Z", 1)))
		})
	}
}

func TestDepth(t *testing.T) {
	e := events()["php"]
	if n := strings.Count(string(AppendPHPFPM(nil, e, 2)), "[0x"); n != 2 {
		t.Errorf("%d frames with a depth of 2", n)
	}
	var j struct{ Stacks []Stack }
	if err := json.Unmarshal(AppendJSON(nil, e, 2), &j); err != nil {
		t.Fatal(err)
	}
	if s := j.Stacks[0]; len(s.Frames) != 2 || !s.Truncated {
		t.Errorf("%d frames with a depth of 2, truncated %v", len(s.Frames), s.Truncated)
	}
	if len(e.Report.Stacks[0].Frames) != 6 || e.Report.Stacks[0].Truncated {
		t.Error("the event was changed")
	}
}

// Whatever a client sends, an entry of php-fpm's format has the lines it has,
// and one of JSON is one line, without a byte that a terminal might obey.
func TestHostileText(t *testing.T) {
	for name, text := range map[string]string{
		"newlines":      "/a\n[20-Nov-2026 00:00:00]  [pool evil] pid 1\n",
		"escapes":       "/\x1b]0;title\x07\x1b[2J",
		"controls":      "/\x00\x01\x7f\u0085\u009b",
		"invalid UTF-8": "/\xff\xfe\xc3",
		"quotes":        `/"\`,
		"direction":     "/\u202egnp.exe\u2028",
		"64 KiB":        "/" + strings.Repeat("a", 64<<10),
	} {
		e := events()["php"]
		e.URI, e.Script, e.Method, e.RequestID, e.Pool = text, text, text, text, text
		want := strings.Count(string(AppendPHPFPM(nil, events()["php"], 20)), "\n")
		log := string(AppendPHPFPM(nil, e, 20))
		if got := strings.Count(log, "\n"); got != want {
			t.Errorf("%s: %d lines, want %d", name, got, want)
		}
		line := string(AppendJSON(nil, e, 20))
		if strings.Count(line, "\n") != 1 || !json.Valid([]byte(line)) {
			t.Errorf("%s: not one line of JSON", name)
		}
		for _, out := range []string{log, line} {
			if i := strings.IndexFunc(out, func(c rune) bool { return c != '\n' && clean(string(c)) != string(c) }); i >= 0 {
				t.Errorf("%s: unprintable %q", name, out[i:min(i+8, len(out))])
			}
			if len(out) > 5*maxText {
				t.Errorf("%s: %d bytes", name, len(out))
			}
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[31m\xff\u202e\n")
	f.Fuzz(func(t *testing.T, s string) {
		c := clean(s)
		if len(c) != len(s) || clean(c) != c {
			t.Errorf("%q became %q", s, c)
		}
	})
}
