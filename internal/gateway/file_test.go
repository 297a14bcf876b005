package gateway

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestServesFiles(t *testing.T) {
	root := site{"index.html": "<p>home", "a.css": "body{}", "data": "0123456789", "dir/index.html": "in dir"}.make(t)
	s := serve(t, Config{Root: root, Backend: dump})
	for path, want := range map[string]struct{ body, contentType string }{
		"/":      {"<p>home", "text/html; charset=utf-8"},
		"/a.css": {"body{}", "text/css; charset=utf-8"},
		"/data":  {"0123456789", "text/plain; charset=utf-8"},
		"/dir/":  {"in dir", "text/html; charset=utf-8"},
	} {
		resp, body := get(t, s, path)
		if resp.StatusCode != 200 || body != want.body || resp.Header.Get("Content-Type") != want.contentType {
			t.Errorf("%s: %d, %q, %q", path, resp.StatusCode, body, resp.Header.Get("Content-Type"))
		}
	}
}

func TestFileConditions(t *testing.T) {
	s := serve(t, Config{Root: site{"data": "0123456789"}.make(t), Backend: dump})
	resp, _ := get(t, s, "/data")
	etag := resp.Header.Get("ETag")
	for _, c := range []struct {
		method, header, value string
		status                int
		body                  string
	}{
		{"HEAD", "", "", 200, ""},
		{"GET", "If-None-Match", etag, 304, ""},
		{"GET", "If-None-Match", `"other"`, 200, "0123456789"},
		{"GET", "If-Modified-Since", resp.Header.Get("Last-Modified"), 304, ""},
		{"GET", "Range", "bytes=2-4", 206, "234"},
		{"GET", "Range", "bytes=20-", 416, "invalid range: failed to overlap\n"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+"/data", nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		if resp, body := do(t, s, r); resp.StatusCode != c.status || body != c.body {
			t.Errorf("%s with %s %s: %d, %q", c.method, c.header, c.value, resp.StatusCode, body)
		}
	}
}

// TestETagChanges writes a file again with the same length within a second.
func TestETagChanges(t *testing.T) {
	root := site{"data": "old"}.make(t)
	s := serve(t, Config{Root: root, Backend: dump})
	written := time.Unix(1_000_000_000, 0)
	if err := os.Chtimes(filepath.Join(root, "data"), written, written); err != nil {
		t.Fatal(err)
	}
	before, _ := get(t, s, "/data")
	if err := os.WriteFile(filepath.Join(root, "new"), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	written = written.Add(4 * time.Millisecond) // as fine as some kernels' clocks get
	if err := os.Chtimes(filepath.Join(root, "new"), written, written); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(root, "new"), filepath.Join(root, "data")); err != nil {
		t.Fatal(err)
	}
	after, body := get(t, s, "/data")
	if body != "new" || before.Header.Get("ETag") == after.Header.Get("ETag") {
		t.Errorf("%q has the ETag of the old file", body)
	}
}

func TestFileRefusals(t *testing.T) {
	s := serve(t, Config{Root: testSite(t), Backend: dump, ScriptExtensions: []string{".php"}})
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"POST", "/page.html", 405}, {"DELETE", "/page.html", 405}, {"TRACE", "/run.cgi", 405},
		{"GET", "/none", 404}, {"GET", "/.htpasswd", 404}, {"GET", "/out", 404}, {"GET", "/dir%2Fpage.html", 404},
		{"GET", "/empty/", 403}, {"GET", "/page.html%00", 400}, {"GET", "/%2e%2e/x", 400},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, body := do(t, s, r)
		if resp.StatusCode != c.status || !strings.Contains(body, "<h1>"+resp.Status+"</h1>") {
			t.Errorf("%s %s: %s, %q", c.method, c.path, resp.Status, body)
		}
	}
}

// TestAllow has each 405 name the methods that there are (RFC 9110 §15.5.6).
func TestAllow(t *testing.T) {
	s := serve(t, Config{Root: testSite(t), Backend: dump})
	for _, c := range []struct{ method, path, allow string }{
		{"POST", "/page.html", "GET, HEAD"}, {"TRACE", "/page.html", "GET, HEAD"},
		{"TRACE", "/run.cgi", scriptMethods}, {"TRACE", "/none", scriptMethods}, {"TRACE", "/dir", scriptMethods},
		{"CONNECT", "/run.cgi", scriptMethods}, {"CONNECT", "", scriptMethods},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, _ := do(t, s, r); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %s, Allow: %s", c.method, c.path, resp.Status, resp.Header.Get("Allow"))
		}
	}
}

func TestDirectoryRedirect(t *testing.T) {
	s := serve(t, Config{Root: testSite(t), Backend: dump})
	for _, c := range []struct {
		method, path string
		status       int
		location     string
	}{
		{"GET", "/dir", 301, "/dir/"},
		{"GET", "//dir?a=b&c=//x", 301, "/dir/?a=b&c=//x"},
		{"GET", "/a%20b", 301, "/a%20b/"},
		{"POST", "/dir", 308, "/dir/"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, _ := do(t, s, r); resp.StatusCode != c.status || resp.Header.Get("Location") != c.location {
			t.Errorf("%s %s: %d to %q", c.method, c.path, resp.StatusCode, resp.Header.Get("Location"))
		}
	}
}

// TestRootIsReplaced moves the document root to another release, as a
// deployment does.
func TestRootIsReplaced(t *testing.T) {
	link := filepath.Join(t.TempDir(), "current")
	point := func(root string) {
		next := link + ".next"
		if err := os.Symlink(root, next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, link); err != nil {
			t.Fatal(err)
		}
	}
	point(site{"page": "old"}.make(t))
	s := serve(t, Config{Root: link, Backend: dump})
	if _, body := get(t, s, "/page"); body != "old" {
		t.Errorf("got %q", body)
	}
	point(site{"page": "new"}.make(t))
	if _, body := get(t, s, "/page"); body != "new" {
		t.Errorf("got %q", body)
	}
}

func TestValidate(t *testing.T) {
	_, err := New(Config{Root: "relative", Index: []string{"ok", "a/b", ".hidden"}, ScriptExtensions: []string{""}})
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, want := range []string{"no backend", `"relative"`, `"a/b"`, `".hidden"`, "extension is empty"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	for _, root := range []string{"/nowhere", "/etc/passwd"} {
		if _, err := New(Config{Root: root, Backend: dump}); err == nil {
			t.Errorf("%s is taken for a document root", root)
		}
	}
}
