//go:build integration

package workers

import (
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

const badApplications = `
import time

HEADERS = [("Content-Type", "text/plain")]

def fine(environ, start_response):
    start_response("200 OK", HEADERS)
    return [b"fine"]

def before(environ, start_response):
    raise ValueError("raised before")

def after(environ, start_response):
    start_response("200 OK", HEADERS)
    raise ValueError("raised after")

def within(environ, start_response):
    start_response("two hundred", HEADERS)

def no_bytes(environ, start_response):
    start_response("200 OK", HEADERS)
    return "a str"

def some_str(environ, start_response):
    start_response("200 OK", HEADERS)
    yield b"bytes, "
    yield "then a str"

def nothing(environ, start_response):
    return None

def not_started(environ, start_response):
    return [b"no header"]

def while_yielding(environ, start_response):
    start_response("200 OK", HEADERS)
    yield b"half"
    raise ValueError("raised while yielding")

def while_yielding_all(environ, start_response):
    start_response("200 OK", HEADERS)
    yield b""
    raise ValueError("raised before the first byte")

def never(environ, start_response):
    start_response("200 OK", HEADERS)
    time.sleep(1000)
    yield b"late"

def for_ever(environ, start_response):
    start_response("200 OK", HEADERS)
    while True:
        yield b"x" * 10000

def leave(environ, start_response):
    raise SystemExit(0)

def gone(environ, start_response):
    import os
    os._exit(0)

def application(environ, start_response):
    return globals()[environ["QUERY_STRING"]](environ, start_response)
`

// An application that raises before, in and after start_response, or returns
// what it must not, gives its client 500, and the log a traceback. One that
// fails after its first byte has its response broken off, as one that never ends
// has. The worker serves the next request, if it is not stopped.
func TestBadApplications(t *testing.T) {
	t.Parallel()
	box := harness.NewSandbox(t, harness.Current())
	box.File("bad.py", badApplications)
	d := suite.Start(t, static(1)+"runner = wsgi\nrunner.application = bad:application\nrunner.path[] = "+box.WWW+"\nrequest_terminate_timeout = 5s\n")
	for _, tt := range []struct {
		name   string
		status int // 0: the response breaks off
		log    string
		stays  bool
	}{
		{"before", 500, `said into stderr: "ValueError: raised before"`, true},
		{"within", 500, `said into stderr: "ValueError: not an HTTP status: 'two hundred'"`, true},
		{"after", 500, `said into stderr: "ValueError: raised after"`, true},
		{"no_bytes", 500, `said into stderr: "TypeError: the body must be bytes, not str"`, true},
		{"some_str", 0, `said into stderr: "TypeError: the body must be bytes, not str"`, true},
		{"nothing", 500, `said into stderr: "TypeError: 'NoneType' object is not iterable"`, true},
		{"not_started", 500, `said into stderr: "AssertionError: the application returned without calling start_response"`, true},
		{"while_yielding", 0, `said into stderr: "ValueError: raised while yielding"`, true},
		{"while_yielding_all", 500, `said into stderr: "ValueError: raised before the first byte"`, true},
		{"leave", 500, `said into stderr: "SystemExit: 0"`, true},
		{"never", 504, `execution timed out`, false},
		{"for_ever", 0, `execution timed out`, false},
		{"gone", 502, `client gets 502 request="GET /" cause="child \d+ exited with code 0`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := d.For(t)
			before := pids(d.AwaitStatus("an idle worker", idle(1)))
			ask := func(name string) (harness.Response, error) {
				return d.Try(harness.Request{Path: "/?" + name})
			}
			res, err := ask(tt.name)
			switch {
			case tt.status == 0 && (err == nil || res.Ended || len(res.Stdout) == 0):
				t.Errorf("got %q, %v, want half a response that breaks off", head(res.Stdout), err)
			case tt.status != 0 && (err != nil || res.Status != tt.status):
				t.Errorf("got %d %q, %v, want %d", res.Status, head(res.Stdout), err, tt.status)
			}
			d.Log.Expect(tt.log)
			if strings.Contains(tt.log, "said into") && !strings.Contains(string(res.Stderr), "Error: ") && tt.name != "leave" {
				t.Errorf("the web server is told %q", res.Stderr)
			}
			after := pids(d.AwaitStatus("an idle worker", idle(1)))
			if (before[0] == after[0]) != tt.stays {
				t.Errorf("worker %v, then %v", before, after)
			}
			if res, err := ask("fine"); err != nil || res.Body != "fine" {
				t.Errorf("the next request got %d %q, %v", res.Status, res.Body, err)
			}
		})
	}
}

// An application that yields for ever to a client that has left is ended by
// on_client_abort = terminate.
func TestEndlessForNobody(t *testing.T) {
	t.Parallel()
	box := harness.NewSandbox(t, harness.Current())
	box.File("bad.py", badApplications)
	d := suite.Start(t, static(1)+"runner = wsgi\nrunner.application = bad:application\nrunner.path[] = "+box.WWW+"\non_client_abort = terminate\n")
	before := pids(d.AwaitStatus("an idle worker", idle(1)))
	c := d.Dial()
	c.Send(d.Request(harness.Request{Path: "/?for_ever"}).Bytes(1))
	for range 20 {
		c.Read()
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	d.AwaitStatus("another worker", func(s harness.Status) bool { return idle(1)(s) && pids(s)[0] != before[0] })
	if res := d.Get("/?fine"); res.Body != "fine" {
		t.Errorf("the next request got %d %q", res.Status, res.Body)
	}
}

// An application whose import never ends, fails, or has no such callable makes
// its pool fail, and says so.
func TestBadImports(t *testing.T) {
	for name, tt := range map[string]struct{ module, log string }{
		"hangs":    {"import time\ntime.sleep(1000)\n", `workers do not start.*child \d+ was not ready within runner.start_timeout \(1s\)`},
		"fails":    {"1 / 0\n", `workers do not start.*ZeroDivisionError: division by zero`},
		"lacks it": {"", `workers do not start.*AttributeError: module 'site_of_one' has no attribute 'application'`},
		"exits":    {"import sys\nsys.exit('configure me first')\n", `workers do not start.*configure me first`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := harness.NewSandbox(t, harness.Current())
			box.File("site_of_one.py", tt.module)
			d := harness.Launch(t, suite.Service(static(1)+"runner = wsgi\nrunner.application = site_of_one:application\nrunner.path[] = "+box.WWW+
				"\nrunner.start_timeout = 1s\n[other]\npm = static\npm.max_children = 1\n", harness.Current()))
			d.Log.Expect(tt.log)
			d.ExpectWorks("other")
		})
	}
}

func head(b []byte) []byte { return b[:min(len(b), 200)] }
