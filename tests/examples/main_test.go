//go:build integration

package examples

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

var suite harness.Suite

func TestMain(m *testing.M) { os.Exit(suite.Run(m)) }

// everybody runs an example of a runner as every identity there is. Nothing
// of its files is changed but where they lie, whose they are, and the port;
// build is called with the directory of the copy before anything starts.
func everybody(t *testing.T, name string, build func(t *testing.T, dir string), test func(t *testing.T, web harness.Browser)) {
	t.Helper()
	t.Parallel()
	for _, as := range harness.Identities() {
		t.Run(as.Name, func(t *testing.T) {
			t.Parallel()
			box := harness.NewSandbox(t, as)
			source := filepath.Join(harness.Root(t), "examples", name)
			if err := os.CopyFS(box.WWW, os.DirFS(source)); err != nil {
				t.Fatal(err)
			}
			if build != nil {
				build(t, box.WWW)
			}
			test(t, serve(t, name, box.WWW, as))
		})
	}
}

// serve starts the service and the web server of an example whose copy is in
// dir.
func serve(t *testing.T, name, dir string, as harness.Identity) harness.Browser {
	t.Helper()
	home := "/srv/" + name
	conf := read(t, filepath.Join(dir, "pool.conf"))
	first := strings.Index(conf, "\n["+name+"]\n")
	if first < 0 {
		t.Fatalf("examples/%s/pool.conf has no pool %s", name, name)
	}
	conf = strings.NewReplacer("/run/anyfpm/", "{{RUN}}/", home, dir).Replace(conf[first:])
	if as.PoolUser == "" {
		conf = strings.NewReplacer("user  = www-data\n", "", "group = www-data\n", "", "listen.owner = www-data\n", "").Replace(conf)
	}
	d := harness.Start(t, suite.Service(conf, as))

	port := harness.FreePort(t)
	site := strings.NewReplacer(
		"/run/anyfpm/", d.Run+"/", home, dir, "listen 80;", fmt.Sprintf("listen 127.0.0.1:%d;", port),
		"include fastcgi_params;", "include /etc/nginx/fastcgi_params;",
	).Replace(read(t, filepath.Join(dir, "nginx.conf")))
	harness.StartNginx(t, harness.Site{Upstream: d.Address(), Root: dir, HTTP: site}, as)
	return harness.Browser(fmt.Sprintf("http://127.0.0.1:%d", port))
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// run runs a command that prepares an example.
func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot run %s %v: %v\n%s\ninstall what scripts/install-test-deps lists", name, args, err, out)
	}
}

// expect fails the test unless the answer has a status and all of some texts.
func expect(t *testing.T, got harness.HTTPResponse, status int, texts ...string) {
	t.Helper()
	if got.Status != status {
		t.Errorf("got %v, want status %d", got, status)
		return
	}
	for _, text := range texts {
		if !strings.Contains(got.Body, text) {
			t.Errorf("no %q in %v", text, got)
		}
	}
}

var form = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
