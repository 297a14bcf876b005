//go:build integration

package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/cgicase"
	"github.com/anyfpm/anyfpm/tests/harness"
)

// A CGI program finds what RFC 3875 promises, in every language, for root's
// pools and for an ordinary user's.
func TestCGI(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 2\n", func(t *testing.T, d *harness.Daemon) {
		cgicase.Run(t, d.Sandbox, straight(d), cgicase.Languages, cgicase.Semantics, cgicase.PathInfo)
	})
}

// straight fetches over FastCGI as a web server would that splits nothing.
func straight(d *harness.Daemon) cgicase.Fetch {
	return func(t *testing.T, method, path, body string, header map[string]string) harness.HTTPResponse {
		t.Helper()
		raw, query, _ := strings.Cut(path, "?")
		name, err := url.PathUnescape(raw)
		if err != nil {
			t.Fatal(err)
		}
		r := harness.Request{Method: method, Path: name, Params: map[string]string{
			"SCRIPT_FILENAME": "-", "QUERY_STRING": query, "REQUEST_URI": path,
		}}
		if body != "" {
			r.Body = []byte(body)
		}
		for field, value := range header {
			key := strings.ToUpper(strings.ReplaceAll(field, "-", "_"))
			if key != "CONTENT_TYPE" {
				key = "HTTP_" + key
			}
			r.Params[key] = value
		}
		res, err := d.Try(r)
		if err != nil {
			t.Fatalf("%v, stdout %.200q, stderr %q", err, res.Stdout, res.Stderr)
		}
		status := res.Status
		if location := res.Header.Get("Location"); location != "" && res.Header.Get("Status") == "" {
			status = http.StatusFound // a web server's part, where the manager left it to it
		}
		return harness.HTTPResponse{Status: status, Header: http.Header(res.Header), Body: res.Body}
	}
}

// A local Location is for the web server: it goes through as it is.
func TestLocalRedirect(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\n", func(t *testing.T, d *harness.Daemon) {
		d.Script("local.sh", "#!/bin/sh\nprintf 'Location: /elsewhere?x=1\\n\\n'")
		res := d.Get("/local.sh")
		if res.Header.Get("Location") != "/elsewhere?x=1" || res.Header.Get("Status") != "" {
			t.Errorf("got %q, want Location alone", res.Stdout)
		}
	})
}

// What a script says on stderr reaches the web server and, when the pool
// catches it, the error log; it never delays or changes the response.
func TestStderr(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\ncatch_workers_output = yes\n", func(t *testing.T, d *harness.Daemon) {
		d.Script("stderr.sh", "#!/bin/sh\necho before >&2\nprintf 'Content-Type: text/plain\\n\\nbody'\necho after >&2")
		res := d.Get("/stderr.sh")
		if res.Body != "body" {
			t.Errorf("body %q", res.Body)
		}
		if got := string(res.Stderr); got != "before\nafter\n" {
			t.Errorf("stderr %q, want both lines", got)
		}
		d.Log.Expect(`WARNING: \[pool www\] child \d+ said into stderr: "before"`)
		d.Log.Expect(`WARNING: \[pool www\] child \d+ said into stderr: "after"`)
	})
}

// The header of a response goes out before stderr that came first: nginx
// would count that stderr against its buffer for the header.
func TestHeaderBeforeStderr(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, "[www]\npm = static\npm.max_children = 1\n")
	d.Script("noisy.sh", "#!/bin/sh\nhead -c 20000 /dev/zero | tr '\\0' e >&2\nprintf 'Content-Type: text/plain\\n\\nbody'")
	c := d.Dial()
	c.Send(d.Request(harness.Request{Path: "/noisy.sh"}).Bytes(1))
	if first := c.Read(); first.Type != harness.Stdout {
		t.Errorf("the first record is of type %d with %d bytes, want the header", first.Type, len(first.Content))
	}
}

// A response goes out as the script writes it, not when it is complete.
func TestStreaming(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		d.Script("parts.sh", fmt.Sprintf("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nfirst'\nread x <%s\nprintf second", gate.Path))
		c := d.Dial()
		c.Send(d.Request(harness.Request{Path: "/parts.sh"}).Bytes(1))
		c.ReadStdout(1, "first")
		gate.Open(1)
		if rest := c.Rest(1); rest != "second" {
			t.Errorf("then got %q", rest)
		}
	})
}

// A program may answer while it reads: an echo of more than all buffers on
// the way must not dead-lock.
func TestAnswerWhileReading(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\nrequest_body.streaming = yes\n", func(t *testing.T, d *harness.Daemon) {
		d.Script("echo.sh", "#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\n\\n'\nexec cat")
		body := bytes.Repeat([]byte("0123456789abcdef"), 1<<19) // 8 MiB
		res := d.Do(harness.Request{Path: "/echo.sh", Body: body})
		if res.Body != string(body) {
			t.Errorf("got %d bytes back, want the %d that were sent", len(res.Body), len(body))
		}
	})
}

// With streaming a script reads the first part of a body before the last one
// was sent.
func TestBodyStreaming(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, "[www]\npm = static\npm.max_children = 1\nrequest_body.streaming = yes\n")
	d.Script("line.sh", fmt.Sprintf("#!/bin/sh\nread line\necho \"$line\" >%s/line\nprintf 'Content-Type: text/plain\\n\\n'\ncat", d.Tmp))
	c := d.Dial()
	r := d.Request(harness.Request{Method: "POST", Path: "/line.sh", Params: map[string]string{"CONTENT_LENGTH": ""}})
	c.Send(r.Head(1), harness.Chunks(harness.Stdin, 1, []byte("first\n")))
	harness.Eventually(t, harness.Patience, func() error {
		if !d.Exists("tmp/line") || d.ReadFile("tmp/line") != "first\n" {
			return errors.New("the script has not read the first line")
		}
		return nil
	})
	d.Remove("tmp/line")
	c.Send(harness.Stream(harness.Stdin, 1, []byte("rest")))
	expectBody(t, c.Response(1), "rest")
}

// Without streaming a body that still comes holds no worker: the only one
// serves others meanwhile.
func TestSlowBodyHoldsNoWorker(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\n", func(t *testing.T, d *harness.Daemon) {
		d.Script("cat.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec cat")
		r := d.Request(harness.Request{Method: "POST", Path: "/cat.sh"})
		slow := make([]*harness.Conn, 10)
		for i := range slow {
			slow[i] = d.Dial()
			slow[i].Send(r.Head(1), harness.Chunks(harness.Stdin, 1, []byte("half ")))
		}
		d.ExpectWorks()
		for _, c := range slow {
			c.Send(harness.Stream(harness.Stdin, 1, []byte("whole")))
			res := c.Response(1)
			if res.Body != "half whole" {
				t.Errorf("got %q", res.Body)
			}
		}
	})
}

// The end of the body is the end of STDIN, whatever CONTENT_LENGTH says.
func TestContentLengthIsNotBelieved(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, "[www]\npm = static\npm.max_children = 1\n")
	d.Script("count.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nwc -c")
	for _, length := range []string{"-", "", "0", "-1", "1", "9999999", "x", "99999999999999999999999"} {
		res := d.Do(harness.Request{
			Method: "POST", Path: "/count.sh", Body: []byte("12345"),
			Params: map[string]string{"CONTENT_LENGTH": length},
		})
		if strings.TrimSpace(res.Body) != "5" {
			t.Errorf("with CONTENT_LENGTH=%q the script read %q bytes, want 5", length, res.Body)
		}
	}
}

// A script that closes its stdout has ended the response. It may go on, and
// holds its slot until it is gone.
func TestFinishEarly(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\npm.status_path = /status\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		d.Script("early.sh", fmt.Sprintf("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nearly'\nexec >&- 2>&-\nread x <%s", gate.Path))
		if res := d.Get("/early.sh"); res.Body != "early" {
			t.Fatalf("got %q", res.Body)
		}
		d.AwaitProcesses("early.sh", 1)
		next := d.Go(harness.Request{Path: "/works.sh"})
		d.AwaitStatus("one waiting", func(s harness.Status) bool { return s.ListenQueue == 1 })
		gate.Open(1)
		if out := <-next; out.Err != nil || out.Body != "works" {
			t.Errorf("the one that waited got %q, %v", out.Body, out.Err)
		}
	})
}

// END_REQUEST has the exit code of the script; that of one which goes on after
// its response is 0.
func TestExitCode(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 4\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		const header = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nbody'\n"
		for name, c := range map[string]struct {
			end  string
			want uint32
		}{
			"success": {"exit 0", 0},
			"code":    {"exit 42", 42},
			"goes on": {"exec >&-\nread x <" + gate.Path + "\nexit 4", 0},
		} {
			t.Run(name, func(t *testing.T) {
				d := d.For(t)
				d.Script("end.sh", header+c.end+"\n")
				known := false
				for range 10 {
					res := d.Get("/end.sh")
					expectBody(t, res, "body")
					known = known || res.AppStatus == c.want
					// END_REQUEST waits a moment for the code, which a busy
					// machine can make too short: it is 0 then.
					if res.AppStatus != c.want && res.AppStatus != 0 {
						t.Errorf("appStatus is %d, want %d", res.AppStatus, c.want)
					}
					if name == "goes on" {
						gate.Open(1)
						d.AwaitProcesses("end.sh", 0)
					}
				}
				if !known {
					t.Errorf("appStatus was never %d", c.want)
				}
			})
		}
	})
}

// A signal that ends a script in its response has that break off: half a file
// is not for the web server's cache.
func TestKilledScriptBreaksOff(t *testing.T) {
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		d.Script("end.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nbody'\nkill -SEGV $$\n")
		res, err := d.Try(harness.Request{Path: "/end.sh"})
		if err == nil || res.Ended || !strings.HasSuffix(string(res.Stdout), "body") {
			t.Errorf("got %q, %v, END_REQUEST: %v", res.Stdout, err, res.Ended)
		}
		d.Log.Expect(`WARNING: \[pool www\] child \d+ exited on signal 11 \(SIGSEGV.*end\.sh.*its response breaks off`)
		d.ExpectWorks()
	})
}

// Responder, Authorizer and Filter each get their streams.
func TestRoles(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, "[www]\npm = static\npm.max_children = 1\n")
	d.Script("role.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\nVariable-User: ada\\n\\n%s %s' \"$FCGI_ROLE\" \"$(cat)\"\nif [ \"$FCGI_ROLE\" = FILTER ]; then cat <&3; fi")
	request := func(role uint16) harness.Request {
		return d.Request(harness.Request{Path: "/role.sh", Role: role, Method: "POST"})
	}
	for _, c := range []struct {
		name    string
		role    uint16
		streams []byte
		want    string
	}{
		{"responder", harness.Responder, harness.Stream(harness.Stdin, 1, []byte("in")), "RESPONDER in"},
		{"authorizer", harness.Authorizer, nil, "AUTHORIZER "},
		{"filter", harness.Filter, append(harness.Stream(harness.Stdin, 1, []byte("in")), harness.Stream(harness.Data, 1, []byte(" data"))...), "FILTER in data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := harness.Dial(t, d.Address())
			conn.Send(append(request(c.role).Head(1), c.streams...))
			res := conn.Response(1)
			if res.Body != c.want || res.Header.Get("Variable-User") != "ada" {
				t.Errorf("got %v %q, want %q", res.Header, res.Body, c.want)
			}
		})
	}
}

// A script is the leader of a process group of its own and finds no signal
// ignored or blocked.
func TestCleanStart(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\n", func(t *testing.T, d *harness.Daemon) {
		d.Script("start.py", `#!/usr/bin/python3
import os, signal
ignored = [s.name for s in signal.valid_signals() if isinstance(s, signal.Signals)
           and s not in (signal.SIGPIPE, signal.SIGXFSZ) and signal.getsignal(s) is signal.SIG_IGN]
files = sorted(int(f) for f in os.listdir("/proc/self/fd"))[:-1]
print("Content-Type: text/plain\n")
print(os.getpgid(0) == os.getpid(), signal.pthread_sigmask(signal.SIG_BLOCK, []), ignored, files, sep="|")
`)
		if res := d.Get("/start.py"); res.Body != "True|set()|[]|[0, 1, 2]\n" {
			t.Errorf("got %q, stderr %q", res.Body, res.Stderr)
		}
	})
}
