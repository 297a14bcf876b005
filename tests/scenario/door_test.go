//go:build integration

package scenario

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/tests/cgicase"
	"github.com/anyfpm/anyfpm/tests/harness"
)

const httpDoor = "[www]\npm = static\npm.max_children = 2\nlisten.http = 127.0.0.1:{{PORT}}\nhttp.root = {{WWW}}\n"

// door returns the address of the HTTP door of the service.
func door(t *testing.T, d *harness.Daemon) string {
	t.Helper()
	text, err := os.ReadFile(d.Conf)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, "="); strings.TrimSpace(key) == "listen.http" {
			return strings.TrimSpace(value)
		}
	}
	t.Fatal("no listen.http in the configuration")
	return ""
}

// browser sends requests to the door and follows no redirect.
func browser(t *testing.T, d *harness.Daemon) cgicase.Fetch {
	t.Helper()
	return harness.Browser("http://" + door(t, d)).Fetch
}

// The HTTP door gives CGI programs the same as a web server does.
func TestDoorCGI(t *testing.T) {
	suite.Everybody(t, httpDoor, func(t *testing.T, d *harness.Daemon) {
		cgicase.Run(t, d.Sandbox, browser(t, d), cgicase.Languages, cgicase.Semantics, cgicase.PathInfo)
	})
}

// Files that are not executable are sent as they are, with their type, in
// part when asked so, and not at all when the client has them.
func TestDoorFiles(t *testing.T) {
	suite.Everybody(t, httpDoor, func(t *testing.T, d *harness.Daemon) {
		fetch := browser(t, d)
		d.File("style.css", "body{}")
		d.File("index.html", "<h1>index</h1>")
		d.File("sub/index.html", "<h1>sub</h1>")
		d.File("sub/empty/only.txt", "text")
		for path, want := range map[string]struct {
			status     int
			mime, body string
		}{
			"/style.css":          {200, "text/css; charset=utf-8", "body{}"},
			"/":                   {200, "text/html; charset=utf-8", "<h1>index</h1>"},
			"/sub/":               {200, "text/html; charset=utf-8", "<h1>sub</h1>"},
			"/sub/empty/only.txt": {200, "text/plain; charset=utf-8", "text"},
			"/missing.css":        {404, "", ""},
			"/style.css/more":     {404, "", ""},
		} {
			got := fetch(t, "GET", path, "", nil)
			if got.Status != want.status || (want.status == 200 && (got.Body != want.body || got.Header.Get("Content-Type") != want.mime)) {
				t.Errorf("%s got %v, want %+v", path, got, want)
			}
		}
		if got := fetch(t, "GET", "/sub", "", nil); got.Status != 301 || !strings.HasSuffix(got.Header.Get("Location"), "/sub/") {
			t.Errorf("/sub got %v, want a redirect to /sub/", got)
		}
		if got := fetch(t, "GET", "/sub/empty/", "", nil); got.Status != 403 && got.Status != 404 {
			t.Errorf("a directory without an index got %v", got)
		}
		if got := fetch(t, "GET", "/style.css", "", map[string]string{"Range": "bytes=1-3"}); got.Status != 206 || got.Body != "ody" {
			t.Errorf("a range got %v", got)
		}
		if got := fetch(t, "POST", "/style.css", "x", nil); got.Status != 405 {
			t.Errorf("POST to a file got %v", got)
		}
	})
}

// http.index has the names that are tried for a directory, and no other is.
func TestDoorIndex(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, httpDoor+"http.index = start.html main.html\n")
	fetch := browser(t, d)
	for _, file := range []string{"main.html", "both/main.html", "both/start.html", "other/index.html"} {
		d.File(file, file)
	}
	for path, want := range map[string]string{"/": "main.html", "/both/": "both/start.html"} {
		if got := fetch(t, "GET", path, "", nil); got.Status != 200 || got.Body != want {
			t.Errorf("%s got %v, want %s", path, got, want)
		}
	}
	if got := fetch(t, "GET", "/other/", "", nil); got.Status != 403 && got.Status != 404 {
		t.Errorf("a name that is not in the list got %v", got)
	}
}

// No request gets anything from outside the document root.
func TestDoorTraversal(t *testing.T) {
	suite.Everybody(t, httpDoor, func(t *testing.T, d *harness.Daemon) {
		const secret = "the secret"
		for _, path := range []string{"secret.txt", "www-secret/secret.txt"} {
			file := d.Path(path)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(secret), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		d.File("sub/file.txt", "harmless")
		for _, path := range []string{
			"/../secret.txt", "/sub/../../secret.txt", "/./../secret.txt", "//../secret.txt",
			"/%2e%2e/secret.txt", "/%2e%2e%2fsecret.txt", "/..%2fsecret.txt", "/sub/%2e%2e/%2e%2e/secret.txt",
			"/..%5csecret.txt", "/..\\secret.txt", "/%252e%252e/secret.txt", "/..;/secret.txt",
			"/../www-secret/secret.txt", "/" + d.Path("secret.txt"), "/%2f" + strings.TrimPrefix(d.Path("secret.txt"), "/"),
			"/sub/file.txt%00/../../../secret.txt", "secret.txt", "*", "",
			"http://localhost/../secret.txt", "/.%2e/secret.txt", "/%c0%ae%c0%ae/secret.txt",
		} {
			t.Run(path, func(t *testing.T) {
				status, body := rawGet(t, door(t, d), path)
				if strings.Contains(body, secret) {
					t.Errorf("got the secret with status %d", status)
				}
				if status == 200 {
					t.Errorf("status 200 with %q", body)
				}
			})
		}
		d.ExpectWorks()
	})
}

// rawGet sends a request line as it is; a client library would put it right.
func rawGet(t *testing.T, address, target string) (status int, body string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(harness.Patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, "" // closed without an answer, which gives nothing away
	}
	got := harness.ReadHTTP(t, res)
	return got.Status, got.Body
}

// A script that promises less than it says is cut to what it promised, in every
// way of asking, and the log says so.
func TestDoorContentLength(t *testing.T) {
	suite.Everybody(t, httpDoor, func(t *testing.T, d *harness.Daemon) {
		d.Script("more.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\nContent-Length: 4\\n\\nbody and more'")
		fetch := browser(t, d)
		for range 2 {
			if got := fetch(t, "GET", "/more.sh", "", nil); got.Status != 200 || got.Body != "body" {
				t.Errorf("got %v", got)
			}
		}
		d.Log.Expect(`WARNING: \[pool www\] the script's body is longer than its Content-Length, the rest is cut off .*content_length=4 cut_bytes=9`)
		if got := fetch(t, "HEAD", "/more.sh", "", nil); got.Status != 200 || got.Header.Get("Content-Length") != "4" {
			t.Errorf("HEAD got %v", got)
		}
	})
}

// A pool may speak HTTP alone.
func TestListenProtocolHTTP(t *testing.T) {
	suite.Everybody(t, "[www]\nlisten = 127.0.0.1:{{PORT}}\nlisten.protocol = http\nhttp.root = {{WWW}}\npm = ondemand\npm.max_children = 2\n", func(t *testing.T, d *harness.Daemon) {
		got := harness.Browser("http://"+d.Address()).Fetch(t, "GET", "/works.sh", "", nil)
		if got.Status != 200 || got.Body != "works" {
			t.Errorf("got %v", got)
		}
	})
}

// A client that keeps its connection loses no request at a reload: it is told
// with the next response that the connection ends.
func TestDoorReload(t *testing.T) {
	suite.Everybody(t, httpDoor, func(t *testing.T, d *harness.Daemon) {
		before := d.Supervisor("www")
		kept := dialHTTP(t, door(t, d))
		if res, last := kept.get(t, "/works.sh"); res.Status != 200 || last {
			t.Fatalf("got %v, last: %v", res, last)
		}
		if out, code := d.CLI("reload", "--control", d.Control()); code != 0 {
			t.Fatalf("reload ended with %d: %s", code, out)
		}
		if res, last := kept.get(t, "/works.sh"); res.Status != 200 || res.Body != "works" || !last {
			t.Errorf("after the reload: got %v, last: %v", res, last)
		}
		if b, err := kept.ReadByte(); err != io.EOF {
			t.Errorf("after the last response: %q, %v", b, err)
		}
		harness.Eventually(t, harness.Patience, func() error {
			if slices.ContainsFunc(d.Find("anyfpm: pool www"), func(p harness.Proc) bool { return p.PID == before }) {
				return errors.New("the generation before is still there")
			}
			return nil
		})
		if res, last := dialHTTP(t, door(t, d)).get(t, "/works.sh"); res.Status != 200 || last {
			t.Errorf("the new generation: got %v, last: %v", res, last)
		}
	})
}

// An httpConn is a connection to the door.
type httpConn struct {
	net.Conn
	*bufio.Reader
}

func dialHTTP(t *testing.T, address string) httpConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(harness.Patience)); err != nil {
		t.Fatal(err)
	}
	return httpConn{c, bufio.NewReader(c)}
}

// get returns the response, and whether the connection ends with it.
func (c httpConn) get(t *testing.T, target string) (res harness.HTTPResponse, last bool) {
	t.Helper()
	if _, err := fmt.Fprintf(c.Conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	return harness.ReadHTTP(t, r), r.Close
}

// The queue and its limits are the same behind the HTTP door.
func TestDoorBusy(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, "[www]\npm = static\npm.max_children = 1\nqueue.max_length = 0\nlisten.http = 127.0.0.1:{{PORT}}\nhttp.root = {{WWW}}\n")
	gate := d.Gate()
	held := d.Go(harness.Request{Path: "/hold.sh"})
	d.AwaitProcesses("hold.sh", 1)
	got := browser(t, d)(t, "GET", "/works.sh", "", nil)
	if got.Status != 503 || got.Header.Get("Retry-After") == "" {
		t.Errorf("got %v, want 503 with Retry-After", got)
	}
	gate.Open(1)
	<-held
}
