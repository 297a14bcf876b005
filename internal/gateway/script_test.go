package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/fcgi"
)

func TestResponses(t *testing.T) {
	for _, c := range []struct {
		name, output string
		status       int
		header       map[string]string
		body         string
	}{
		{"plain", "Content-Type: text/x\r\n\r\nbody", 200, map[string]string{"Content-Type": "text/x"}, "body"},
		{"line feeds", "Content-Type: text/x\n\nbody", 200, map[string]string{"Content-Type": "text/x"}, "body"},
		{"status", "Status: 404 Gone Fishing\nX: y\n\nbody", 404, map[string]string{"X": "y", "Status": ""}, "body"},
		{"no type, no guess", "X: y\n\n<html>", 200, map[string]string{"Content-Type": ""}, "<html>"},
		{"no body", "Status: 204\n\n", 204, nil, ""},
		{"body where none is allowed", "Status: 304\nETag: x\n\nbody", 304, map[string]string{"Etag": "x"}, ""},
		{"hop by hop", "Connection: close\nTransfer-Encoding: gzip\nKeep-Alive: 1\nUpgrade: x\nX: y\n\nbody", 200,
			map[string]string{"Transfer-Encoding": "", "Keep-Alive": "", "Upgrade": "", "X": "y"}, "body"},
		{"two types", "Content-Type: text/a\nContent-Type: text/b\n\n", 200, map[string]string{"Content-Type": "text/b"}, ""},
		{"redirect elsewhere", "Location: http://example.org/\n\n", 302, map[string]string{"Location": "http://example.org/"}, ""},
		{"redirect with a status", "Status: 303\nLocation: /there\n\n", 303, map[string]string{"Location": "/there"}, ""},
		{"redirect with a body", "Location: /there\n\nsee there", 302, map[string]string{"Location": "/there"}, "see there"},
		{"redirect with a cookie", "Location: /there\nSet-Cookie: a=b\n\n", 302, map[string]string{"Location": "/there", "Set-Cookie": "a=b"}, ""},
		{"redirect to another host", "Location: //example.org/\n\n", 302, map[string]string{"Location": "//example.org/"}, ""},
		{"redirect to a fragment", "Location: /there#x\n\n", 302, map[string]string{"Location": "/there#x"}, ""},
		{"retry", "Status: 503\nRetry-After: 7\nContent-Type: text/plain\n\nlater", 503, map[string]string{"Retry-After": "7"}, "later"},
		{"more than Content-Length", "Content-Length: 4\n\nbody and more", 200, map[string]string{"Content-Length": "4"}, "body"},
		{"more than nothing", "Content-Length: 0\n\nbody", 200, map[string]string{"Content-Length": "0"}, ""},
		{"two lengths", "Content-Length: 9\nContent-Length: 4\n\nbody and more", 200, map[string]string{"Content-Length": "4"}, "body"},
		{"a length with a sign", "Content-Length: +4\n\nbody", 200, map[string]string{"Content-Length": ""}, "body"},
		{"a length that is none", "Content-Length: four\n\nbody", 200, map[string]string{"Content-Length": ""}, "body"},
		{"NPH", "HTTP/1.1 418 Teapot\nX: y\n\nbody", 418, map[string]string{"X": "y"}, "body"},

		{"nothing", "", 502, nil, "<!doctype html>\n<title>502 Bad Gateway</title>\n<h1>502 Bad Gateway</h1>\n"},
		{"no header", "hello\n", 502, nil, "<!doctype html>\n<title>502 Bad Gateway</title>\n<h1>502 Bad Gateway</h1>\n"},
		{"half a header", "X: y\n", 502, map[string]string{"X": ""}, "<!doctype html>\n<title>502 Bad Gateway</title>\n<h1>502 Bad Gateway</h1>\n"},
		{"a NUL", "X: \x00\n\n", 502, nil, "<!doctype html>\n<title>502 Bad Gateway</title>\n<h1>502 Bad Gateway</h1>\n"},
		{"an informational status", "Status: 100\n\n", 502, nil, "<!doctype html>\n<title>502 Bad Gateway</title>\n<h1>502 Bad Gateway</h1>\n"},
		{"a huge header", "X: " + strings.Repeat("y", 1<<20) + "\n\n", 502, nil, "<!doctype html>\n<title>502 Bad Gateway</title>\n<h1>502 Bad Gateway</h1>\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := get(t, serve(t, Config{Backend: prints(c.output)}), "/script.cgi")
			if resp.StatusCode != c.status || body != c.body {
				t.Errorf("%d, %q", resp.StatusCode, body)
			}
			for name, want := range c.header {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestCookies(t *testing.T) {
	resp, _ := get(t, serve(t, Config{Backend: prints("Set-Cookie: a=1\nSet-Cookie: b=2\n\n")}), "/script.cgi")
	if got := resp.Header.Values("Set-Cookie"); len(got) != 2 || got[0] != "a=1" || got[1] != "b=2" {
		t.Errorf("got %q", got)
	}
}

func TestHead(t *testing.T) {
	s := serve(t, Config{Backend: prints("Content-Type: text/x\nContent-Length: 4\n\nbody")})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, s.URL+"/script.cgi", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, body := do(t, s, r)
	if resp.StatusCode != 200 || resp.ContentLength != 4 || body != "" {
		t.Errorf("%d, length %d, %q", resp.StatusCode, resp.ContentLength, body)
	}
}

func TestLocalRedirect(t *testing.T) {
	root := site{"script.cgi*": "", "other.cgi*": "", "page.html": "page"}.make(t)
	s := serve(t, Config{Root: root, Backend: fcgi.HandlerFunc(func(ctx context.Context, r *fcgi.Request) (uint32, error) {
		if r.Params.Get("SCRIPT_NAME") == "/script.cgi" {
			location := r.Params.Get("QUERY_STRING")
			if location == "circle" {
				location = "/script.cgi?circle"
			}
			fmt.Fprintf(r.Stdout, "Location: %s\n\n", location)
			return 0, nil
		}
		return dump(ctx, r)
	})})
	if _, body := get(t, s, "/script.cgi?/page.html"); body != "page" {
		t.Errorf("got %q", body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/script.cgi?/other.cgi/x?y=z", strings.NewReader("unread body"))
	if err != nil {
		t.Fatal(err)
	}
	_, body := do(t, s, r)
	for _, want := range []string{"REQUEST_METHOD=GET\n", "REQUEST_URI=/other.cgi/x?y=z\n", "PATH_INFO=/x\n", "QUERY_STRING=y=z\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in\n%s", want, body)
		}
	}
	if strings.Contains(body, "CONTENT_LENGTH") || strings.Contains(body, "unread") {
		t.Errorf("the redirected request has a body:\n%s", body)
	}
	if resp, _ := get(t, s, "/script.cgi?circle"); resp.StatusCode != 502 {
		t.Errorf("a redirect in a circle gives %d", resp.StatusCode)
	}
	if resp, _ := get(t, s, "/script.cgi?/../../etc/passwd"); resp.StatusCode != 400 {
		t.Errorf("a redirect out of the root gives %d", resp.StatusCode)
	}
	if resp, _ := get(t, s, "/script.cgi?/%25zz"); resp.StatusCode != 404 {
		t.Errorf("a redirect to nothing gives %d", resp.StatusCode)
	}
}

func TestBackendFails(t *testing.T) {
	var log bytes.Buffer
	for _, c := range []struct {
		name    string
		backend fcgi.Handler
		status  int
	}{
		{"overloaded", fcgi.HandlerFunc(func(context.Context, *fcgi.Request) (uint32, error) {
			return 0, &fcgi.EndError{Status: fcgi.StatusOverloaded}
		}), 503},
		{"no such role", fcgi.HandlerFunc(func(context.Context, *fcgi.Request) (uint32, error) {
			return 0, &fcgi.EndError{Status: fcgi.StatusUnknownRole}
		}), 502},
		{"too late", fcgi.HandlerFunc(func(context.Context, *fcgi.Request) (uint32, error) {
			return 0, fmt.Errorf("waiting: %w", context.DeadlineExceeded)
		}), 504},
		{"nobody there", &fcgi.Client{Network: "unix", Address: "/nowhere"}, 502},
	} {
		t.Run(c.name, func(t *testing.T) {
			log.Reset()
			g, err := New(Config{Root: site{"script.cgi*": ""}.make(t), Backend: c.backend, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			resp := record(g, "/script.cgi")
			if resp.Code != c.status || !strings.Contains(resp.Body.String(), fmt.Sprint("<h1>", c.status)) {
				t.Errorf("%d, %s", resp.Code, resp.Body)
			}
			if got := resp.Header().Get("Retry-After"); (got != "") != (c.status == 503) {
				t.Errorf("Retry-After is %q", got)
			}
			if !strings.Contains(log.String(), fmt.Sprint("status=", c.status)) {
				t.Errorf("the log has only %q", &log)
			}
		})
	}
}

// TestResponseBreaksOff lets a script fail in the middle of its response: the
// client must see that it is not complete.
func TestResponseBreaksOff(t *testing.T) {
	s := serve(t, Config{Backend: fcgi.HandlerFunc(func(_ context.Context, r *fcgi.Request) (uint32, error) {
		fmt.Fprint(r.Stdout, "Content-Type: text/plain\n\nhalf")
		return 0, &fcgi.EndError{Status: fcgi.StatusOverloaded}
	})})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/script.cgi", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%q looks complete", body)
	}
}

// TestBodyBeyondLength has a script write more than it promised, in pieces:
// the response is cut to length, the connection serves the next one, and the
// log says so.
func TestBodyBeyondLength(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Backend: fcgi.HandlerFunc(func(_ context.Context, r *fcgi.Request) (uint32, error) {
			fmt.Fprint(r.Stdout, "Content-Length: 4\n\n")
			for range 5 {
				if _, err := fmt.Fprint(r.Stdout, "abc"); err != nil {
					return 1, err
				}
			}
			return 0, nil
		}),
	})
	conn := raw(t, s, strings.Repeat("GET /script.cgi HTTP/1.1\r\nHost: x\r\n\r\n", 2))
	for in, n := bufio.NewReader(conn), 0; n < 2; n++ {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != "abca" {
			t.Errorf("got %q, %v", body, err)
		}
	}
	s.Close()
	if !strings.Contains(log.String(), "content_length=4 cut_bytes=11") {
		t.Errorf("the log has only %q", &log)
	}
}

// TestStreams talks to a script that answers each line as it comes.
func TestStreams(t *testing.T) {
	s := serve(t, Config{Backend: fcgi.HandlerFunc(func(_ context.Context, r *fcgi.Request) (uint32, error) {
		fmt.Fprint(r.Stdout, "Content-Type: text/plain\n\n")
		lines := bufio.NewScanner(r.Stdin)
		for lines.Scan() {
			fmt.Fprintf(r.Stdout, "you said %s\n", lines.Text())
		}
		return 0, lines.Err()
	})})
	body, writer := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/script.cgi", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(r) // returns when the header has come
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answers := bufio.NewReader(resp.Body)
	for _, word := range []string{"one", "two", "three"} {
		fmt.Fprintln(writer, word)
		if got, err := answers.ReadString('\n'); got != "you said "+word+"\n" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	writer.Close()
	if rest, err := io.ReadAll(answers); len(rest) > 0 || err != nil {
		t.Errorf("got %q, %v", rest, err)
	}
}

func TestLargeBodies(t *testing.T) {
	const size = 20 << 20
	s := serve(t, Config{Backend: fcgi.HandlerFunc(func(_ context.Context, r *fcgi.Request) (uint32, error) {
		fmt.Fprint(r.Stdout, "Content-Type: application/octet-stream\n\n")
		_, err := io.Copy(r.Stdout, r.Stdin)
		return 0, err
	})})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/script.cgi", io.LimitReader(zeros{}, size))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
		t.Errorf("%d bytes came back, %v", n, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestUnreadBody has a script that answers without reading, while the client
// goes on sending or has stopped in the middle.
func TestUnreadBody(t *testing.T) {
	s := serve(t, Config{Backend: prints("Content-Type: text/plain\nContent-Length: 4\n\ndone")})
	conn := raw(t, s, "POST /script.cgi HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\nonly a little")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); string(body) != "done" || err != nil {
		t.Errorf("a client that stopped gets %q, %v", body, err)
	}
	for range 5 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/script.cgi", io.LimitReader(zeros{}, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		if resp, body := do(t, s, r); resp.StatusCode != 200 || body != "done" {
			t.Errorf("a client that goes on gets %d, %q", resp.StatusCode, body)
		}
	}
}

// TestUnreadBodyIsNoRequest hides a request in a body that the script does not
// read: it must not be answered.
func TestUnreadBodyIsNoRequest(t *testing.T) {
	root := site{"script.cgi*": "", "page.html": "page"}.make(t)
	for output, status := range map[string]int{"X: y\n\nbody": 200, "Location: /page.html\n\n": 200, "no header\n": 502} {
		s := serve(t, Config{Root: root, Backend: prints(output)})
		conn := raw(t, s, "POST /script.cgi HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\npart")
		answers := bufio.NewReader(conn)
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != status {
			t.Errorf("after %q the answer is %s, %v", output, resp.Status, err)
		}
		if !resp.Close {
			t.Errorf("after %q the connection is to serve another request", output)
		}
		// The server may have closed already.
		_, _ = io.WriteString(conn, "\r\n\r\nGET /page.html HTTP/1.1\r\nHost: x\r\n\r\n")
		if again, err := http.ReadResponse(answers, nil); err == nil {
			t.Errorf("after %q a part of the body is answered with %s", output, again.Status)
		}
	}
}

// TestKeepsConnection sends two requests on one connection; the body of the
// first was read to its end.
func TestKeepsConnection(t *testing.T) {
	s := serve(t, Config{Backend: dump})
	conn := raw(t, s, "")
	answers := bufio.NewReader(conn)
	for range 2 {
		if _, err := io.WriteString(conn, "POST /script.cgi HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); !strings.HasSuffix(string(body), "body") || err != nil {
			t.Fatalf("got %q, %v", body, err)
		}
	}
}

func TestExpectContinue(t *testing.T) {
	for _, length := range []int{4, 4 << 20} {
		testExpectContinue(t, length)
	}
}

func testExpectContinue(t *testing.T, length int) {
	s := serve(t, Config{Backend: dump})
	conn := raw(t, s, "POST /script.cgi HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: "+fmt.Sprint(length)+"\r\n\r\n")
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	go io.WriteString(conn, strings.Repeat("b", length))
	all, err := io.ReadAll(answers)
	if got := strings.Count(string(all), "b"); got < length || err != nil {
		t.Errorf("got %d bytes, %v", got, err)
	}
}

// TestClientGoesAway ends the script when its client does, whatever the
// request is doing.
func TestClientGoesAway(t *testing.T) {
	for _, c := range []struct {
		name, request string
		handler       func(ctx context.Context, r *fcgi.Request)
	}{
		{"waiting for the response", "GET /script.cgi HTTP/1.1\r\nHost: x\r\n\r\n",
			func(ctx context.Context, _ *fcgi.Request) { <-ctx.Done() }},
		{"sending the body", "POST /script.cgi HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\nhalf",
			func(ctx context.Context, _ *fcgi.Request) { <-ctx.Done() }},
		{"reading the response", "GET /script.cgi HTTP/1.1\r\nHost: x\r\n\r\n",
			func(_ context.Context, r *fcgi.Request) {
				fmt.Fprint(r.Stdout, "Content-Type: text/plain\n\n")
				for {
					if _, err := r.Stdout.Write(make([]byte, 10000)); err != nil {
						return
					}
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			begun, ended := make(chan struct{}), make(chan struct{})
			s := serve(t, Config{Backend: fcgi.HandlerFunc(func(ctx context.Context, r *fcgi.Request) (uint32, error) {
				close(begun)
				c.handler(ctx, r)
				close(ended)
				return 0, nil
			})})
			conn := raw(t, s, c.request)
			<-begun
			conn.Close()
			select {
			case <-ended:
			case <-time.After(time.Minute):
				t.Error("the script goes on")
			}
		})
	}
}

func TestStderrIsLogged(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Backend: fcgi.HandlerFunc(func(_ context.Context, r *fcgi.Request) (uint32, error) {
			fmt.Fprint(r.Stderr, "first\r\nsec")
			fmt.Fprint(r.Stderr, "ond\n\n", strings.Repeat("x", 5000))
			for range 100 {
				fmt.Fprint(r.Stderr, strings.Repeat("y", 5000))
			}
			fmt.Fprint(r.Stdout, "X: y\n\n")
			return 0, nil
		}),
	})
	get(t, s, "/script.cgi")
	s.Close()
	text := log.String()
	for _, want := range []string{"line=first\n", "line=second\n", "line=" + strings.Repeat("x", 4096) + "\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%.80q is not in the log", want)
		}
	}
	if len(text) > 80<<10 {
		t.Errorf("%d bytes are logged", len(text))
	}
}

func TestNewServerTimesOut(t *testing.T) {
	s := NewServer(http.NotFoundHandler(), nil)
	if s.ReadHeaderTimeout == 0 || s.IdleTimeout == 0 || s.ReadTimeout != 0 || s.WriteTimeout != 0 {
		t.Errorf("%+v", s)
	}
}

// TestRequestBodyAfterClose checks what no real connection shows: a reader
// that comes late gets nothing.
func TestRequestBodyAfterClose(t *testing.T) {
	server, client := net.Pipe()
	defer client.Close()
	b := &requestBody{control: http.NewResponseController(nil), body: server}
	b.closed = true
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, errBodyClosed) {
		t.Errorf("got %v", err)
	}
}

// TestMalformedBody sends what is no chunk, and bodies that break off: the fault
// is the client's, not the script's.
func TestMalformedBody(t *testing.T) {
	reads := fcgi.HandlerFunc(func(_ context.Context, r *fcgi.Request) (uint32, error) {
		if _, err := io.Copy(io.Discard, r.Stdin); err != nil {
			return 1, err
		}
		_, err := io.WriteString(r.Stdout, "Content-Type: text/plain\r\n\r\nwhole")
		return 0, err
	})
	s := serve(t, Config{Backend: reads})
	for _, rest := range []string{
		"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
		"Transfer-Encoding: chunked\r\n\r\n3\r\na",
		"Content-Length: 9000\r\n\r\nab",
	} {
		conn := raw(t, s, "POST /script.cgi HTTP/1.1\r\nHost: x\r\n"+rest)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q is answered with %s", rest, resp.Status)
		}
	}
}

// TestBodyStopsComing sends the beginnings of bodies that are not passed on as
// they come: they are not waited for without end.
func TestBodyStopsComing(t *testing.T) {
	root := site{"script.cgi*": "", "page.html": "page", "dir/": ""}.make(t)
	s := serve(t, Config{Root: root, Backend: dump, BodyTimeout: time.Millisecond})
	for path, status := range map[string]int{
		"/script.cgi": 408, "/page.html": 405, "/dir": 308, "/none": 404, "/../x": 400,
	} {
		conn := raw(t, s, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\npar")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if _, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != status || !resp.Close {
			t.Errorf("%s is answered with %s, closed %v, %v", path, resp.Status, resp.Close, err)
		}
	}
}

// TestSmallBodyHasItsOwnDeadline: what a script takes afterwards does not count.
func TestSmallBodyHasItsOwnDeadline(t *testing.T) {
	w := &deadlines{ResponseWriter: httptest.NewRecorder()}
	if _, err := newBody(w, httptest.NewRequest("POST", "/", strings.NewReader("body")), time.Minute); err != nil {
		t.Fatal(err)
	}
	if len(w.set) != 2 || w.set[0].IsZero() || !w.set[1].IsZero() {
		t.Errorf("the deadlines were %v, want one and then none", w.set)
	}
}

// deadlines notes those for reading.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}
