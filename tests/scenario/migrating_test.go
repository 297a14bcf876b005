//go:build integration

package scenario

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

var iniBlock = regexp.MustCompile("(?s)```ini\n(.*?)```")

// fromGuide returns the configurations in a page of the documentation.
func fromGuide(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, match := range iniBlock.FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, match[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("docs/%s has no configuration", page)
	}
	return blocks
}

// guided is a configuration of a guide, with other paths and users.
func guided(t *testing.T, page string, n int, change ...string) string {
	t.Helper()
	conf := strings.NewReplacer(change...).Replace(fromGuide(t, page)[n])
	for i := 0; i < len(change); i += 2 {
		if !strings.Contains(fromGuide(t, page)[n], change[i]) {
			t.Fatalf("the configuration has no %q", change[i])
		}
	}
	return conf
}

// answer is what a server says to a request, as `anyfpm request` shows it.
func answer(t *testing.T, socket string, args ...string) string {
	t.Helper()
	out, _ := exec.Command(suite.Binary, append([]string{"request", "-i", socket}, args...)...).Output()
	return string(out)
}

// The pool of the guide serves in fcgiwrap's place, at the socket that systemd
// opened for fcgiwrap, as the same user: scripts that work get and give the
// same, and those that do not get what the guide says.
func TestInPlaceOfFcgiwrap(t *testing.T) {
	t.Parallel()
	as := harness.Current()
	if as.PoolUser != "" {
		as = harness.Nobody() // the unit has a user, and so the service none to change
	}
	box := harness.NewSandbox(t, as)
	path := box.Path("run", "fcgiwrap.socket")
	s := suite.Service(guided(t, "migrating-from-fcgiwrap.md", 0, "/run/fcgiwrap.socket", path), as)
	s.Binary, s.Args = "/usr/bin/python3", []string{"-c", handOver, "systemd", path, "--", suite.Binary}
	s.Env = []string{"SITE=of fcgiwrap"}
	d := harness.Start(t, s)

	old := box.Path("run", "old.socket")
	harness.Run(t, harness.Command{
		Args: []string{"/usr/sbin/fcgiwrap", "-f", "-c", "2", "-s", "unix:" + old}, Dir: "/", As: as,
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SITE=of fcgiwrap"},
	})
	harness.Eventually(t, harness.Patience, func() error { return harness.Listening(old) })

	d.Script("env.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; pwd; cat; env | grep -E '^(SITE|PATH|QUERY|REQUEST_M|SCRIPT|CONTENT_L|SERVER_P|HTTP_)' | sort\n")
	d.Script("status.sh", "#!/bin/sh\nprintf 'Status: 418 teapot\\nX-A: b\\n\\nbody'\n")
	d.Script("crash.sh", "#!/bin/sh\nexit 3\n")
	d.File("plain.txt", "text")
	for _, args := range [][]string{
		{d.WWW + "/env.sh?a=b&c"}, {d.WWW + "/env.sh", "--body", "the body"},
		{d.WWW + "/env.sh", "--param", "HTTP_X_Y=z"}, {d.WWW + "/status.sh"},
	} {
		if want, got := answer(t, old, args...), answer(t, path, args...); got != want || got == "" {
			t.Errorf("%v: fcgiwrap says %q, anyfpm %q", args, want, got)
		}
	}
	for script, statuses := range map[string][2]string{
		"missing.sh": {"403 Forbidden", "404 Not Found"},
		"plain.txt":  {"403 Forbidden", "502 Bad Gateway"},
		"crash.sh":   {"502 Bad Gateway", "502 Bad Gateway"},
	} {
		for i, socket := range []string{old, path} {
			if got := answer(t, socket, filepath.Join(d.WWW, script)); !strings.HasPrefix(got, "Status: "+statuses[i]) {
				t.Errorf("%s at %s: got %q", script, socket, got)
			}
		}
	}
}

// The pool that the guide makes of a command line of spawn-fcgi runs the same
// program as the same user with the same socket.
func TestInPlaceOfSpawnFCGI(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("spawn-fcgi changes its user as root only")
		return
	}
	box := harness.NewSandbox(t, harness.Current())
	box.File("who.php", "<?php echo getenv('SITE'), ' ', fileowner('/proc/self'), ' ', $_GET['a'], \"\\n\";")
	old := box.Path("run", "old.sock")
	harness.Run(t, harness.Command{
		Args: []string{"/usr/bin/spawn-fcgi", "-n", "-s", old, "-M", "0660", "-U", "www-data", "-u", "www-data", "-g", "www-data", "--", "/usr/bin/php-cgi", "-n"},
		Env:  []string{"PATH=/usr/bin:/bin", "SITE=spawned"}, Dir: "/", As: harness.Current(),
	})
	harness.Eventually(t, harness.Patience, func() error { return harness.Listening(old) })

	next := box.Path("run", "app.sock")
	s := suite.Service("pid = "+box.Path("run", "unused.pid")+"\n"+guided(t, "migrating-from-fcgiwrap.md", 1,
		"/run/app.sock", next, "pid = /run/app.pid", "", "/usr/bin/app --flag", "/usr/bin/php-cgi -n"), harness.Current())
	s.Env = []string{"SITE=spawned"}
	d := harness.Start(t, s)
	if workers := d.Find("php-cgi"); len(workers) != 4 {
		t.Errorf("the workers are %v", workers)
	}
	for _, query := range []string{"1", "2", "3"} {
		script := box.Path("www", "who.php") + "?a=" + query
		if want, got := answer(t, old, script), answer(t, next, script); got != want || !strings.Contains(got, "spawned 33 "+query) {
			t.Errorf("spawn-fcgi's program says %q, anyfpm's %q", want, got)
		}
	}
	before, err := os.Stat(old)
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(next)
	if err != nil || after.Mode() != before.Mode() {
		t.Errorf("the mode of the socket was %v and is %v, %v", before.Mode(), after.Mode(), err)
	}
}
