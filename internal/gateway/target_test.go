package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// secret is in every file that nobody may get.
const secret = "SECRET"

func testSite(t testing.TB) (root string) {
	outside := site{"passwd": secret, "evil.cgi*": secret, "dir/x": secret}.make(t)
	root = site{
		"index.html":         "home",
		"page.html":          "page",
		"style.css":          "css",
		"a b/ü.txt":          "odd",
		"run.cgi*":           secret,
		"app.php":            secret,
		"upper.PHP":          secret,
		"run.cgi~":           secret,
		".htpasswd":          secret,
		".git/config":        secret,
		"dir/page.html":      "page in dir",
		"scripts/index.cgi*": secret,
		"both/index.html":    "static first",
		"both/index.cgi*":    secret,
		"empty/":             "",
		"hidden/.index":      secret,
		"in>":                "page.html",
		"indir>":             "dir",
		"script-link>":       "run.cgi",
		"out>":               filepath.Join(outside, "passwd"),
		"outdir>":            outside,
		"updir>":             "..",
		"dangling>":          "nowhere",
		"loop>":              "loop",
		"fifo-dir/x":         "",
	}.make(t)
	return root
}

func TestResolve(t *testing.T) {
	root := testSite(t)
	g := newGateway(t, Config{Root: root, Backend: dump, ScriptExtensions: []string{".php"}, Virtual: []string{"/status", "/.ping"}})
	dir, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	file := func(name string) target { return target{kind: isFile, name: name} }
	script := func(name, pathInfo string) target { return target{kind: isScript, name: name, pathInfo: pathInfo} }
	for _, c := range []struct {
		url  string
		want target
	}{
		{"/", file("index.html")},
		{"/?query", file("index.html")},
		{"/page.html", file("page.html")},
		{"//page.html", file("page.html")},
		{"/dir//page.html", file("dir/page.html")},
		{"/a%20b/%C3%BC.txt", file("a b/ü.txt")},
		{"/in", file("in")},
		{"/indir/page.html", file("indir/page.html")},
		{"/both/", file("both/index.html")},

		{"/run.cgi", script("run.cgi", "")},
		{"/run.cgi/", script("run.cgi", "/")},
		{"/run.cgi/a/b", script("run.cgi", "/a/b")},
		{"/run.cgi//a//.git/b~", script("run.cgi", "//a//.git/b~")},
		{"/run.cgi/http:/x%20y", script("run.cgi", "/http:/x y")},
		{"/app.php/x", script("app.php", "/x")},
		{"/upper.PHP", script("upper.PHP", "")},
		{"/script-link", script("script-link", "")},
		{"/scripts/", script("scripts/index.cgi", "")},
		{"/status", script("status", "")},
		{"/.ping", script(".ping", "")},

		{"/dir", target{kind: isDirectory, name: "dir"}},
		{"//dir", target{kind: isDirectory, name: "dir"}},
		{"/indir", target{kind: isDirectory, name: "indir"}},

		{"/none", refused(404)},
		{"/none/none", refused(404)},
		{"/page.html/", refused(404)},
		{"/page.html/x", refused(404)},
		{"/dir/", refused(403)},
		{"/empty/", refused(403)},
		{"/hidden/", refused(403)},
		{"/run.cgi~", refused(404)},
		{"/.htpasswd", refused(404)},
		{"/.git/config", refused(404)},
		{"/%2egit/config", refused(404)},
		{"/hidden/.index", refused(404)},

		{"/../passwd", refused(400)},
		{"/dir/../page.html", refused(400)},
		{"/dir/./page.html", refused(400)},
		{"/%2e%2e/passwd", refused(400)},
		{"/run.cgi/../x", refused(400)},
		{"/page.html%00.cgi", refused(400)},
		{"/dir%2fpage.html", refused(404)},
		{"/dir%2Fpage.html", refused(404)},
		{"/..%2fpasswd", refused(404)},
		{"/" + strings.Repeat("x", 300), refused(404)},
		{"/" + strings.Repeat("x/", 3000), refused(404)},

		{"/out", refused(404)},
		{"/outdir/passwd", refused(404)},
		{"/outdir/evil.cgi", refused(404)},
		{"/outdir/", refused(404)},
		{"/updir/x", refused(404)},
		{"/dangling", refused(404)},
		{"/loop", refused(404)},
	} {
		u, err := url.ParseRequestURI(c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		if got := g.resolve(dir, u); got != c.want {
			t.Errorf("%.80s: got %+v, want %+v", c.url, got, c.want)
		}
	}
	for _, path := range []string{"", "*", "page.html"} {
		if got := g.resolve(dir, &url.URL{Path: path}); got != refused(400) {
			t.Errorf("%q: got %+v", path, got)
		}
	}
}

func TestResolveApplication(t *testing.T) {
	root := testSite(t)
	g := newGateway(t, Config{Root: root, Backend: dump, ScriptExtensions: []string{".php"}, Application: true})
	dir, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for path, want := range map[string]target{
		"/style.css":          {kind: isFile, name: "style.css"},
		"/dir":                {kind: isDirectory, name: "dir"},
		"/dir/":               {kind: isScript, pathInfo: "/dir/"},
		"/users/7":            {kind: isScript, pathInfo: "/users/7"},
		"/.well-known/x":      {kind: isScript, pathInfo: "/.well-known/x"},
		"/app.php":            {kind: isScript, pathInfo: "/app.php"},
		"/run.cgi/x":          {kind: isScript, pathInfo: "/run.cgi/x"},
		"/users/../style.css": refused(400),
	} {
		if got := g.resolve(dir, &url.URL{Path: path}); got != want {
			t.Errorf("%s: got %+v, want %+v", path, got, want)
		}
	}
}

// FuzzResolve asks for any path: no answer is ever a file that nobody may get,
// and what goes to a script is what the URL said.
func FuzzResolve(f *testing.F) {
	for _, path := range []string{
		"/", "/page.html", "/run.cgi/x//y", "/%2e%2e/passwd", "/out", "/outdir/passwd", "/a%20b/%c3%bc.txt",
		"/dir%2f..", "/.git/config", "/app.php", "/dir/", "/scripts/", "/updir/../x", "/run.cgi~", "//dir",
	} {
		f.Add(path)
	}
	root := testSite(f)
	g, err := New(Config{Root: root, ScriptExtensions: []string{".php"}, Backend: prints("Status: 200\n\nran")})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Host != "" || u.Opaque != "" {
			return
		}
		w := httptest.NewRecorder()
		r := &http.Request{Method: http.MethodGet, URL: u, RequestURI: path, Header: http.Header{}, Proto: "HTTP/1.1"}
		g.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), secret) {
			t.Fatalf("%q gives %q", path, w.Body)
		}
		to, err := url.Parse(w.Header().Get("Location"))
		if err != nil || to.Host != "" || to.Scheme != "" || strings.HasPrefix(to.Path, "//") {
			t.Fatalf("%q redirects to %q", path, to)
		}

		dir, err := os.OpenRoot(root)
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		switch got := g.resolve(dir, u); got.kind {
		case isScript:
			if info, err := dir.Stat(got.name); err != nil || !g.scriptFile(info) {
				t.Errorf("%q runs %q", path, got.name)
			}
			if !strings.HasSuffix(u.Path, got.pathInfo) || strings.Contains(got.pathInfo+"/", "/../") {
				t.Errorf("%q has the path info %q", path, got.pathInfo)
			}
		case isFile, isDirectory:
			if !filepath.IsLocal(got.name) || strings.Contains("/"+got.name, "/.") {
				t.Errorf("%q leads to %q", path, got.name)
			}
		case isRefused:
			if got.status < 400 || got.status > 499 {
				t.Errorf("%q is refused with %d", path, got.status)
			}
		}
	})
}

// TestCorpus fails when the committed inputs of FuzzResolve are gone.
func TestCorpus(t *testing.T) {
	inputs, err := filepath.Glob("testdata/fuzz/FuzzResolve/*")
	if err != nil || len(inputs) < 10 {
		t.Errorf("%d inputs, want at least 10", len(inputs))
	}
}
