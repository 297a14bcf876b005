//go:build integration

package webserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// examples/nginx works as its README says: nothing of it is changed but where
// it lies.
func TestExampleNginx(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(harness.Root(t), "examples", "nginx")
	conf := read(t, filepath.Join(dir, "pool.conf"))
	_, conf, found := strings.Cut(conf, "[site]\n")
	if !found {
		t.Fatal("examples/nginx/pool.conf has no pool site")
	}
	as := harness.Current()
	if as.PoolUser == "" {
		conf = strings.NewReplacer("user  = www-data\n", "", "group = www-data\n", "", "listen.owner = www-data\n", "").Replace(conf)
	}
	d := harness.Start(t, suite.Service("[site]\n"+strings.ReplaceAll(conf, "/run/anyfpm/", "{{RUN}}/"), as))
	d.Script("cgi-bin/hello.sh", read(t, filepath.Join(dir, "..", "quickstart", "hello.sh")))
	d.File("style.css", "body{}")

	port := harness.FreePort(t)
	site := strings.NewReplacer(
		"/run/anyfpm/", d.Run+"/", "/srv/site", d.WWW, "listen 80;", fmt.Sprintf("listen 127.0.0.1:%d;", port),
		"include fastcgi_params;", "include /etc/nginx/fastcgi_params;",
	).Replace(read(t, filepath.Join(dir, "nginx.conf")))
	harness.StartNginx(t, harness.Site{Upstream: d.Address(), Root: d.WWW, HTTP: site}, as)

	browser := harness.Browser(fmt.Sprintf("http://127.0.0.1:%d", port))
	got := browser.Fetch(t, "GET", "/cgi-bin/hello.sh/some/path?name=you", "", nil)
	for _, line := range []string{"SCRIPT_NAME=/cgi-bin/hello.sh\n", "PATH_INFO=/some/path\n", "QUERY_STRING=name=you\n"} {
		if !strings.Contains(got.Body, line) {
			t.Errorf("no %q in %v", line, got)
		}
	}
	if got := browser.Fetch(t, "GET", "/style.css", "", nil); got.Body != "body{}" {
		t.Errorf("a file got %v", got)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
