package supervisor

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/slowlog"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// phpStack is the one of php-fpm's entry below.
func phpStack() slowlog.Stack {
	return slowlog.Stack{Stack: stack.Stack{Runtime: "php 8.2", Frames: []stack.Frame{
		{Func: "sleep", Bare: "sleep", File: "/srv/www/slow.php", Line: 2, Addr: 0x7fbdd1e15340, Kind: stack.Builtin},
		{Func: "Repo::inner", Bare: "inner", File: "/srv/www/slow.php", Line: 2, Addr: 0x7fbdd1e152d0},
		{Func: "{closure}", File: "/srv/www/slow.php", Line: 3, Addr: 0x7fbdd1e15160},
		{File: "/srv/www/slow_inc.php", Line: 2, Addr: 0x7fbdd1e15080, Kind: stack.Include},
		{File: "/srv/www/slow.php", Line: 4, Addr: 0x7fbdd1e15020, Kind: stack.Main},
	}}}
}

func slowSample(stacks ...slowlog.Stack) *slowEvent {
	return &slowEvent{
		Event: eventSlow, Pool: "www", Method: "GET", URI: "/slow.php?a", Script: "/srv/www/slow.php",
		Elapsed: 5.000123, Queued: 0.25,
		Report: slowlog.Report{
			PID: 12006, At: time.Date(2026, 11, 20, 17, 36, 37, 0, time.Local),
			Stacks: stacks, Wait: slowlog.Wait{Call: "clock_nanosleep"},
		},
	}
}

const slowHeader = "\n[20-Nov-2026 17:36:37]  [pool www] pid 12006\nscript_filename = /srv/www/slow.php\n"

// Without the lines that begin with a #, an entry on PHP is php-fpm's own,
// byte by byte.
func TestSlowlogText(t *testing.T) {
	nested := phpStack()
	nested.PID = 12010
	nested.Runtime, nested.Frames = "perl 5.36", []stack.Frame{
		{Func: "main::run", File: "/x.pl", Line: 7, Addr: 1}, {Module: "libc.so.6", Addr: 2}, {},
	}
	inMain := phpStack()
	inMain.Frames = inMain.Frames[4:]
	const rest = "# request: GET /slow.php?a, slow after 5.000123s, queued for 250ms\n# waits in: clock_nanosleep()\n"
	for name, c := range map[string]struct {
		event *slowEvent
		depth int
		want  string
	}{
		"php-fpm's": {slowSample(phpStack()), 20, `[0x00007fbdd1e15340] sleep() /srv/www/slow.php:2
[0x00007fbdd1e152d0] inner() /srv/www/slow.php:3
[0x00007fbdd1e15160] {closure}() /srv/www/slow_inc.php:2
[0x00007fbdd1e15080] [INCLUDE_OR_EVAL]() /srv/www/slow.php:4
` + rest},
		"cut":  {slowSample(phpStack()), 1, "[0x00007fbdd1e15340] sleep() /srv/www/slow.php:2\n" + rest},
		"main": {slowSample(inMain), 20, "[0x00007fbdd1e15020] [INCLUDE_OR_EVAL]() /srv/www/slow.php:4\n" + rest},
		"none": {slowSample(), 20, rest},
		"child": {slowSample(nested), 20, `# perl 5.36, process 12010
[0x0000000000000001] main::run() /x.pl:7
[0x0000000000000002] ???() libc.so.6:0
[0x0000000000000000] ???() unknown:0
` + rest},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.event.format(false, c.depth)
			if err != nil || string(got) != slowHeader+c.want {
				t.Errorf("got %v\n%s\nwant\n%s", err, got, slowHeader+c.want)
			}
		})
	}
}

// What a client sends cannot forge a line.
func TestSlowlogHostileText(t *testing.T) {
	e := slowSample(phpStack())
	e.URI, e.Script, e.Method, e.RequestID = "/\n[0x1] a() b:1", "/x\r\n\x1b[31m\xff", "G\x00T", "\n#"
	text, err := e.format(false, 20)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines != 9 {
		t.Errorf("%d lines are in %q", lines, text)
	}
	if strings.ContainsAny(string(text), "\r\x00\x1b") || bytes.IndexByte(text, 0xff) >= 0 {
		t.Errorf("control characters are in %q", text)
	}
	line, err := e.format(true, 20)
	if err != nil || strings.Count(string(line), "\n") != 1 || !json.Valid(line) {
		t.Errorf("got %q, %v", line, err)
	}
}

func TestSlowlogJSON(t *testing.T) {
	line, err := slowSample(phpStack()).format(true, 2)
	if err != nil {
		t.Fatal(err)
	}
	var e map[string]any
	if err := json.Unmarshal(line, &e); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"event": "slow", "pool": "www", "pid": 12006., "method": "GET", "uri": "/slow.php?a",
		"script": "/srv/www/slow.php", "elapsed": 5.000123, "queued": 0.25,
	} {
		if e[key] != want {
			t.Errorf("%s is %v, want %v", key, e[key], want)
		}
	}
	first, _ := e["stacks"].([]any)[0].(map[string]any)
	if frames, _ := first["frames"].([]any); len(frames) != 2 || first["truncated"] != true {
		t.Errorf("the stack is %v", first)
	}
}
