package resident_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/resident"
)

const (
	ok  = "Status: 200 OK\r\nContent-Type: text/plain"
	sep = "\r\n\r\n"
)

func spawnWSGI(t testing.TB, application string) *worker {
	t.Helper()
	dir, err := os.Getwd()
	check(t, err)
	return spawn(t, "wsgi", resident.Start{Application: application, Path: []string{dir + "/testdata/wsgi"}})
}

// wsgiRequest returns a request for an application of apps.py.
func wsgiRequest(app string, variables ...string) request {
	return request{variables: append([]string{
		"X_APPLICATION=" + app, "SCRIPT_NAME=", "PATH_INFO=/", "QUERY_STRING=",
		"SERVER_NAME=localhost", "SERVER_PORT=80", "SERVER_PROTOCOL=HTTP/1.1",
	}, variables...)}
}

type wsgiTest struct {
	app       string
	variables []string
	body      string
	stdout    string
	stderr    string // that stderr contains; empty means that it is empty
	failed    bool
	invalid   bool // breaks the rules that wsgiref.validate checks
}

var wsgiTests = []wsgiTest{
	{app: "hello", stdout: ok + "\r\nContent-Length: 13" + sep + "hello, world\n"},
	{app: "hello", variables: []string{"REQUEST_METHOD=HEAD"}, stdout: ok + sep},
	{app: "as_tuple", stdout: ok + "\r\nContent-Length: 5" + sep + "hello", invalid: true},
	{app: "with_length", stdout: ok + "\r\ncontent-LENGTH: 5" + sep + "hello"},
	{app: "with_length", variables: []string{"REQUEST_METHOD=HEAD"}, stdout: ok + "\r\ncontent-LENGTH: 5" + sep},
	{app: "empty", stdout: ok + "\r\nContent-Length: 0" + sep},
	{app: "empty_generator", stdout: ok + sep},
	{app: "late_start", stdout: ok + sep + "late", invalid: true},
	{app: "echo", variables: []string{"CONTENT_LENGTH=4"}, body: "body", stdout: ok + "\r\nContent-Length: 13" + sep + "4 bytes: body"},
	{app: "lines", body: "first\nsecond\nthird\nfourth", stdout: ok + "\r\nContent-Length: 30" + sep + "first\n|sec|ond\n+third\n+fourth|"},
	{app: "iterate_input", body: "a\nb\nc", stdout: ok + "\r\nContent-Length: 11" + sep + "<a\n><b\n><c>"},
	{app: "to_the_end", body: strings.Repeat("x", 100), stdout: ok + "\r\nContent-Length: 8" + sep + "100 True", invalid: true},
	{app: "ignore_input", body: "body", stdout: ok + "\r\nContent-Length: 7" + sep + "ignored"},
	{app: "variables", stdout: "SCRIPT_NAME=''\nPATH_INFO='/'\nQUERY_STRING=''\nREQUEST_METHOD='GET'\nwsgi.version=(1, 0)\n" +
		"wsgi.url_scheme='http'\nwsgi.multithread=False\nwsgi.multiprocess=True\nwsgi.run_once=False\n"},
	{app: "variables", variables: []string{"SCRIPT_NAME=/app", "PATH_INFO=", "HTTPS=on", "REQUEST_METHOD=DELETE"},
		stdout: "SCRIPT_NAME='/app'\nPATH_INFO=''\nQUERY_STRING=''\nREQUEST_METHOD='DELETE'\nwsgi.version=(1, 0)\n" +
			"wsgi.url_scheme='https'\nwsgi.multithread=False\nwsgi.multiprocess=True\nwsgi.run_once=False\n"},
	{app: "too_long", stdout: ok + "\r\nContent-Length: 5" + sep + "12345"},
	{app: "too_long_chunks", stdout: ok + "\r\nContent-Length: 5" + sep + "12345", stderr: "exhausted\n"},
	{app: "too_short", stderr: "AssertionError: the body is 2 bytes shorter than its Content-Length", failed: true, invalid: true},
	{app: "too_short", variables: []string{"REQUEST_METHOD=HEAD"}, stdout: ok + "\r\nContent-Length: 5" + sep},
	{app: "too_short_chunks", stdout: ok + "\r\nContent-Length: 5" + sep + "123", stderr: "AssertionError: the body is 2 bytes shorter", failed: true},
	{app: "too_short_file", stdout: ok + "\r\nContent-Length: 5" + sep + "123", stderr: "AssertionError: the body is 2 bytes shorter", failed: true},
	{app: "too_short_finished", stdout: ok + "\r\nContent-Length: 5" + sep + "123"},
	{app: "elsewhere", stdout: ok + "\r\nX-Accel-Redirect: /files/a\r\nContent-Length: 5" + sep},
	{app: "latin1", variables: []string{"PATH_INFO=/kůň"}, stdout: "Status: 200 Žádné\r\nContent-Type: text/plain\r\nX-Path: /kůň\r\nContent-Length: 6" + sep + "/kůň"},
	{app: "generator", stdout: ok + sep + "one\ntwo\n"},
	{app: "generator", variables: []string{"REQUEST_METHOD=HEAD"}, stdout: ok + sep},
	{app: "writer", stdout: ok + sep + "one\ntwo\nthree\n"},
	{app: "writer", variables: []string{"REQUEST_METHOD=HEAD"}, stdout: ok + sep},
	{app: "closing", stdout: ok + sep + "one\ntwo\n", stderr: "closed\n"},
	{app: "closing", variables: []string{"REQUEST_METHOD=HEAD"}, stdout: ok + sep, stderr: "closed\n"},
	{app: "closing_after_error", stdout: ok + sep + "one\n", stderr: "closed\nTraceback", failed: true},
	{app: "close_raises", stdout: ok + sep + "one\n", stderr: "ValueError: in close\n"},
	{app: "status_204", stdout: "Status: 204 No Content" + sep},
	{app: "status_204_with_body", stdout: "Status: 204 No Content" + sep, invalid: true},
	{app: "status_304", stdout: "Status: 304 Not Modified\r\nETag: \"1\"" + sep},
	{app: "headers", stdout: "Status: 302 Found\r\nLocation: /x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Type: text/plain\r\nContent-Length: 0" + sep},
	{app: "status_header", stdout: "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5" + sep + "found", invalid: true},
	{app: "errors", stdout: ok + "\r\nContent-Length: 2" + sep + "ok", stderr: "one Ž\ntwo\nthree\nprinted\non stderr\nfrom a child\n"},
	{app: "file_wrapper_length", stdout: ok + "\r\nContent-Length: 10" + sep + `"""WSGI ap`},
	{app: "file_wrapper_late", stdout: ok + sep + "first, then a file"},
	{app: "file_wrapper_memory", stdout: ok + sep + "not a real file"},
	{app: "keep_input", body: "body", stdout: ok + "\r\nContent-Length: 4" + sep + "kept", invalid: true},
	{app: "file_wrapper_gzip", stdout: ok + sep + "what is in the archive"},
	{app: "file_wrapper_named", stdout: ok + "\r\nContent-Length: 16" + sep + "a temporary file"},
	{app: "file_wrapper_pipe", stdout: ok + sep + "from a pipe"},
	{app: "big", stdout: ok + "\r\nContent-Length: 3145728" + sep + strings.Repeat("0123456789abcdef", 3<<16)},
	{app: "many_chunks", stdout: ok + sep + strings.Repeat("0123456789abcdef", 64000)},
	{app: "exc_info_before", stdout: "Status: 500 Oops\r\nContent-Type: text/plain\r\nContent-Length: 8" + sep + "replaced"},
	{app: "exc_info_after", stdout: ok + sep + "one\n", stderr: "ValueError: too late to replace\n", failed: true},
	{app: "start_twice", stderr: "AssertionError: start_response was called a second time without exc_info", failed: true, invalid: true},
	{app: "no_start", stderr: "AssertionError: the application returned without calling start_response", failed: true, invalid: true},
	{app: "no_start_generator", stderr: "AssertionError: the body begins before start_response was called", failed: true, invalid: true},
	{app: "no_start_empty", stderr: "AssertionError: the application returned without calling start_response", failed: true, invalid: true},
	{app: "raises", stderr: "KeyError: 'at once'", failed: true},
	{app: "raises_after_start", stderr: "KeyError: 'after start_response'", failed: true},
	{app: "raises_first", stderr: "KeyError: 'before the first chunk'", failed: true},
	{app: "raises_later", stdout: ok + sep + "one\n", stderr: "KeyError: 'after the first chunk'", failed: true},
	{app: "exits", stderr: "SystemExit: good bye", failed: true},
	{app: "odd_length", stderr: "ValueError: not a length: '1_0'", failed: true},
	{app: "keeps_write", stdout: ok + "\r\nContent-Length: 4" + sep + "kept", invalid: true},
	{app: "writes_late", stdout: ok + "\r\nContent-Length: 3" + sep + "own", invalid: true},
	{app: "returns_str", stderr: "TypeError: the body must be bytes, not str", failed: true, invalid: true},
	{app: "returns_str_list", stderr: "TypeError: the body must be bytes, not str", failed: true, invalid: true},
	{app: "yields_str", stdout: ok + sep + "one\n", stderr: "TypeError: the body must be bytes, not str", failed: true, invalid: true},
	{app: "returns_none", stderr: "TypeError: 'NoneType' object is not iterable", failed: true, invalid: true},
	{app: "bad_status", stderr: "ValueError: not an HTTP status: 'OK'", failed: true, invalid: true},
	{app: "bad_header", stderr: "ValueError: a header of the response contains a control character", failed: true, invalid: true},
	{app: "bad_header_type", stderr: "TypeError", failed: true, invalid: true},
	{app: "not_latin1", stderr: "UnicodeEncodeError: 'latin-1'", failed: true, invalid: true},
	{app: "finishing", stdout: ok + sep + "answer\n", stderr: "True False\n"},
	{app: "forking", stdout: ok + "\r\nContent-Length: 7" + sep + "parent\n", stderr: "ZeroDivisionError: division by zero\nwaited for all\n"},
	{app: "forking_late", stdout: ok + sep + "one\ntwo\n"},
	{app: "orphaning", stdout: ok + "\r\nContent-Length: 5" + sep + "False"},
	{app: "spawning", stdout: ok + "\r\nContent-Length: 1" + sep + "0"},
	{app: "finishing_early", stdout: "Status: 202 Accepted\r\nContent-Type: text/plain" + sep, stderr: "False\nTrue\n"},
}

// TestWSGI runs every application several times, in one worker.
func TestWSGI(t *testing.T) {
	w := spawnWSGI(t, "apps:all_of_them")
	for run := range 3 {
		for _, tt := range wsgiTests {
			tt.run(t, w, fmt.Sprintf("%s, run %d", tt.app, run+1), true)
		}
	}
}

// TestWSGIValidated runs those that keep the rules under wsgiref.validate,
// which checks that the worker keeps them.
func TestWSGIValidated(t *testing.T) {
	w := spawnWSGI(t, "apps:all_validated")
	for _, tt := range wsgiTests {
		if !tt.invalid {
			// The validator's iterator hides what the application has
			// returned, so there may be no Content-Length.
			tt.run(t, w, tt.app+", validated", false)
		}
	}
}

func (tt *wsgiTest) run(t *testing.T, w *worker, name string, whole bool) {
	t.Helper()
	req := wsgiRequest(tt.app, tt.variables...)
	req.body = tt.body
	r := w.do(req)
	got, want := r.stdout(), tt.stdout
	if tt.app == "variables" || !whole {
		_, got, _ = strings.Cut(got, sep)
	}
	if !whole && tt.app != "variables" {
		_, want, _ = strings.Cut(want, sep)
	}
	if got != want {
		t.Errorf("%s: stdout\n%.300q\nwant\n%.300q\nstderr:\n%s", name, got, want, r.stderr)
	}
	if r.flags&resident.Failed != 0 != tt.failed || r.lost {
		t.Errorf("%s: %+v", name, r)
	}
	if tt.stderr == "" && r.stderr != "" || !strings.Contains(r.stderr, tt.stderr) {
		t.Errorf("%s: stderr %q, want %q", name, r.stderr, tt.stderr)
	}
	if strings.Contains(r.stderr, `File "anyfpm/`) && strings.Contains(r.stderr, "apps.py") && !strings.Contains(r.stderr, "start_response") && !strings.Contains(r.stderr, "in write") {
		t.Errorf("%s: the worker is in the traceback:\n%s", name, r.stderr)
	}
}

// A small response is one frame, and needs no look at stdout.
func TestWSGIOneFrame(t *testing.T) {
	w := spawnWSGI(t, "apps:hello")
	if r := w.do(wsgiRequest("")); r.flags != 0 || len(r.pieces) != 1 {
		t.Errorf("%+v", r)
	}
}

// TestWSGIStreaming: each chunk is sent before the next is asked for.
func TestWSGIStreaming(t *testing.T) {
	for _, app := range []string{"generator", "writer"} {
		for _, validated := range []string{"all_of_them", "all_validated"} {
			w := spawnWSGI(t, "apps:"+validated)
			stdin, hold, err := os.Pipe()
			check(t, err)
			req := wsgiRequest(app)
			req.stdin = stdin
			w.begin(req)
			var r response
			for !strings.HasSuffix(r.stdout(), sep+"one\n") {
				w.poll(unix.PollFd{Fd: int32(w.stdout), Events: unix.POLLIN})
				w.drain(&r)
			}
			check(t, hold.Close())
			if r = w.finish(); !strings.HasPrefix(r.stdout(), "two\n") {
				t.Errorf("%s: %+v", app, r)
			}
			check(t, stdin.Close())
		}
	}
}

// TestWSGIInput: a long body comes as a file, is read as the application
// likes, and its rest does not reach the next request.
func TestWSGIInput(t *testing.T) {
	w := spawnWSGI(t, "apps:all_of_them")
	body := strings.Repeat("0123456789abcde\n", 16384)
	for range 3 {
		req := wsgiRequest("echo", fmt.Sprint("CONTENT_LENGTH=", len(body)))
		req.body = body
		if _, got, _ := strings.Cut(w.do(req).stdout(), ": "); !strings.HasSuffix(got, body) {
			t.Errorf("%d bytes of %d came back", len(got), len(body))
		}
		req = wsgiRequest("ignore_input")
		req.body = body
		w.do(req)
		if r := w.do(wsgiRequest("to_the_end")); !strings.HasSuffix(r.stdout(), sep+"0 True") {
			t.Errorf("a body remains: %+v", r)
		}
	}
	if fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.pid)); err != nil || len(fds) > 8 {
		t.Errorf("%d descriptors open: %v", len(fds), err)
	}
}

func TestWSGIFileWrapper(t *testing.T) {
	want, err := os.ReadFile("testdata/wsgi/apps.py")
	check(t, err)
	r := spawnWSGI(t, "apps:file_wrapper").do(wsgiRequest(""))
	head := fmt.Sprintf("%s\r\nContent-Length: %d%s", ok, len(want)-3, sep)
	if r.stdout() != head+string(want[3:]) || r.flags&resident.DrainStdout == 0 {
		t.Errorf("%d bytes, want %d: %s", len(r.stdout()), len(head)+len(want)-3, r.stderr)
	}
}

// TestWSGIEndless: a response that never ends can be read as long as one
// likes; a worker that says nothing waits. Both can be killed.
func TestWSGIEndless(t *testing.T) {
	for _, app := range []string{"endless", "never_yields"} {
		w := spawnWSGI(t, "apps:"+app)
		w.begin(wsgiRequest(""))
		var r response
		for app == "endless" && len(r.body) < 1<<20 {
			w.poll(unix.PollFd{Fd: int32(w.stdout), Events: unix.POLLIN})
			w.drain(&r)
		}
		check(t, unix.Kill(w.pid, unix.SIGTERM))
		if r = w.finish(); !r.lost {
			t.Errorf("%s: %+v", app, r)
		}
	}
}

// TestWSGIPathInfo: without PATH_INFO the whole path is the application's.
func TestWSGIPathInfo(t *testing.T) {
	w := spawnWSGI(t, "apps:variables")
	r := w.do(request{variables: []string{"SCRIPT_NAME=/some/path"}})
	if _, got, _ := strings.Cut(r.stdout(), sep); !strings.HasPrefix(got, "SCRIPT_NAME=''\nPATH_INFO='/some/path'\n") {
		t.Errorf("%q", got)
	}
}

// TestWSGIApplication: the ways to name an application, and what is wrong
// with them.
func TestWSGIApplication(t *testing.T) {
	for _, name := range []string{"apps:hello", "apps:Namespace.application", "apps:validated('hello')", `apps:validated(name="hello")`, "package.site"} {
		r := spawnWSGI(t, name).do(wsgiRequest(""))
		if !strings.Contains(r.stdout(), "hello") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for name, want := range map[string]string{
		"no_such_module:app":    "No module named 'no_such_module'",
		"apps:no_such_app":      "no_such_app",
		"apps":                  "application",
		"apps:not_callable":     "runner.application = apps:not_callable is not callable",
		"apps:validated(hello)": "malformed node or string",
		"apps:5":                "runner.application must be module:name or module:factory(arguments)",
		"apps:validated(":       "SyntaxError",
		"broken:app":            "broken at import",
		"apps:hello(1)":         "TypeError",
		"":                      "Empty module name",
	} {
		dir, err := os.Getwd()
		check(t, err)
		got := failedStart(t, launch(t, "wsgi", "", resident.Start{Application: name, Path: []string{dir + "/testdata/wsgi"}}))
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s", name, got)
		}
	}
}

// TestWSGIZygote: an application that a zygote has imported serves in the
// workers that it forks.
func TestWSGIZygote(t *testing.T) {
	dir, err := os.Getwd()
	check(t, err)
	z := spawnZygote(t, "wsgi", resident.Start{Application: "apps:hello", Path: []string{dir + "/testdata/wsgi"}})
	for range 2 {
		w := z.fork()
		for range 3 {
			if r := w.do(wsgiRequest("")); !strings.HasSuffix(r.stdout(), "hello, world\n") {
				t.Errorf("%+v", r)
			}
		}
	}
}

// TestWSGIReplacedStdout: an application may put whatever it likes in the place
// of sys.stdout, before it is asked anything.
func TestWSGIReplacedStdout(t *testing.T) {
	dir, err := os.Getwd()
	check(t, err)
	for _, preload := range [][]string{nil, {"silent"}} {
		w := spawn(t, "wsgi", resident.Start{Application: "silent", Path: []string{dir + "/testdata/wsgi"}, Preload: preload})
		if r := w.do(wsgiRequest("")); !strings.HasSuffix(r.stdout(), "hello, world\n") {
			t.Errorf("with %q preloaded: %+v", preload, r)
		}
	}
}

// TestWSGIZygotePatched: a zygote forks workers and tells of their end whatever a
// preloaded module has made of the standard library.
func TestWSGIZygotePatched(t *testing.T) {
	dir, err := os.Getwd()
	check(t, err)
	z := spawnZygote(t, "wsgi", resident.Start{Application: "apps:hello", Path: []string{dir + "/testdata/wsgi"}, Preload: []string{"patching"}})
	w := z.fork()
	if r := w.do(wsgiRequest("")); !strings.HasSuffix(r.stdout(), "hello, world\n") {
		t.Errorf("%+v", r)
	}
	check(t, unix.Kill(w.pid, unix.SIGKILL))
	z.awaitExit(w.pid)
}

// TestWSGIWithoutMethod: a request that names no method is the application's
// to judge.
func TestWSGIWithoutMethod(t *testing.T) {
	w := spawnWSGI(t, "apps:with_length")
	w.send(resident.AppendRequest(nil, &resident.Request{Variables: []byte("SCRIPT_NAME=\x00PATH_INFO=/\x00")}))
	r := w.finish()
	if r.lost || r.stdout() != ok+"\r\ncontent-LENGTH: 5"+sep+"hello" {
		t.Errorf("lost: %v, %q: %s", r.lost, r.stdout(), r.stderr)
	}
}
