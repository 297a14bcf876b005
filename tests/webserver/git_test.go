//go:build integration

package webserver

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// git's own CGI program behind nginx: clone, push and fetch of a repository
// of more than 50 MB that does not compress, byte for byte, with bodies
// streamed through.
func TestGitHTTPBackend(t *testing.T) {
	const backend = "/usr/lib/git-core/git-http-backend"
	if _, err := os.Stat(backend); err != nil {
		t.Fatalf("git is missing: run scripts/install-test-deps")
	}
	suite.Everybody(t, pool+"request_body.streaming = yes\n", func(t *testing.T, d *harness.Daemon) {
		g := newGit(t, d)
		web := behind(t, d, harness.Site{Location: fmt.Sprintf(`
			fastcgi_param SCRIPT_FILENAME %s;
			fastcgi_param SCRIPT_NAME "";
			fastcgi_param PATH_INFO $uri;
			fastcgi_param GIT_PROJECT_ROOT %s;
			fastcgi_param GIT_HTTP_EXPORT_ALL "";
			fastcgi_param REMOTE_USER tester;
			fastcgi_request_buffering off;
			fastcgi_buffering off;`, backend, g.root)})
		url := string(web.Browser) + "/project.git"

		first := g.write("first", 55<<20)
		g.run("seed", "init", "-q", "-b", "main")
		g.run("seed", "add", ".")
		g.run("seed", "commit", "-q", "-m", "55 MB")
		g.run("seed", "push", "-q", url, "main")

		g.run("", "clone", "-q", url, "clone")
		g.expect("clone/first", first)

		second := g.write("second", 5<<20)
		g.run("seed", "add", ".")
		g.run("seed", "commit", "-q", "-m", "5 MB more")
		g.run("seed", "push", "-q", url, "main")
		g.run("clone", "fetch", "-q", "origin")
		g.run("clone", "merge", "-q", "--ff-only", "origin/main")
		g.expect("clone/second", second)
		g.run("clone", "fsck", "--strict")
		d.ExpectPeakBelow(d.Supervisor("www"), 32)
	})
}

// A gitUser is git on the client's side.
type gitUser struct {
	t    *testing.T
	home string // working copies
	root string // what the server serves
}

// newGit makes an empty project that the service's scripts may write.
func newGit(t *testing.T, d *harness.Daemon) *gitUser {
	t.Helper()
	g := &gitUser{t: t, home: t.TempDir(), root: d.Path("git")}
	project := filepath.Join(g.root, "project.git")
	if err := os.MkdirAll(filepath.Join(g.home, "seed"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.run("", "init", "-q", "--bare", "-b", "main", project)
	g.run("", "--git-dir", project, "config", "http.receivepack", "true")
	uid, gid := d.As().Workers()
	err := filepath.WalkDir(g.root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, int(uid), int(gid))
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *gitUser) run(dir string, args ...string) {
	g.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = filepath.Join(g.home, dir)
	cmd.Env = []string{
		"PATH=/usr/bin:/bin", "HOME=" + g.home, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org",
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		g.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// write writes random bytes into the seed and returns their sum.
func (g *gitUser) write(name string, size int) string {
	g.t.Helper()
	b := make([]byte, size)
	var seed [32]byte
	copy(seed[:], name)
	if _, err := rand.NewChaCha8(seed).Read(b); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(g.home, "seed", name), b, 0o600); err != nil {
		g.t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

func (g *gitUser) expect(path, sum string) {
	g.t.Helper()
	b, err := os.ReadFile(filepath.Join(g.home, path))
	if err != nil {
		g.t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != sum {
		g.t.Errorf("%s has the sum %s, want %s", path, got, sum)
	}
}
