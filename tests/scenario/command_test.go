//go:build integration

package scenario

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// The commands reach the running master over its control socket, and say by
// their exit code whether it did what they asked.
func TestCommands(t *testing.T) {
	suite.Everybody(t, oneWorker+"env[WORD] = old\n", func(t *testing.T, d *harness.Daemon) {
		run := func(wantCode int, args ...string) string {
			t.Helper()
			out, code := d.CLI(append(args, "-y", d.Conf)...)
			if code != wantCode {
				t.Fatalf("anyfpm %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, wantCode, out)
			}
			return out
		}
		run(0, "check")
		run(0, "reopen")
		d.Log.Expect("NOTICE: error log file re-opened")
		run(0, "reload")
		d.Log.Expect("NOTICE: ready to handle connections")

		good := d.ReadFile("anyfpm.conf")
		d.Configure("[www]\npm = sometimes\n")
		if out, code := d.CLI("check", "-y", d.Conf); code != 78 || !strings.Contains(out, "invalid process manager") {
			t.Errorf("check of a bad configuration: exit code %d\n%s", code, out)
		}
		d.Configure(good)
		d.ExpectWorks()

		run(0, "stop")
		if status := d.Wait(harness.Patience); status.ExitStatus() != 0 {
			t.Errorf("the service ended with code %d", status.ExitStatus())
		}
		if out, code := d.CLI("status", "-y", d.Conf); code == 0 {
			t.Errorf("status of a stopped service: exit code 0\n%s", out)
		}
	})
}

// anyfpm request sends one request, for probes and debugging.
func TestRequestCommand(t *testing.T) {
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		out, code := d.CLI("request", d.Address(), d.WWW+"/works.sh")
		if code != 0 || !strings.Contains(out, "works") {
			t.Errorf("exit code %d\n%s", code, out)
		}
	})
}

// What is named from the working directory is the same for the service, which
// has another.
func TestRequestFromHere(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, oneWorker)
	d.Script("sub/env.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s %s %s' $SCRIPT_NAME $SCRIPT_FILENAME $DOCUMENT_ROOT")
	file := filepath.Join(d.WWW, "sub/env.sh")
	for _, c := range []struct{ args, want string }{
		{"sub/env.sh", "/env.sh " + file + " " + filepath.Dir(file)},
		{"sub/env.sh --root .", "/sub/env.sh " + file + " " + d.WWW},
		{"/env.sh --root sub", "/env.sh " + file + " " + filepath.Dir(file)},
		{"/sub/env.sh --root " + d.WWW, "/sub/env.sh " + file + " " + d.WWW},
	} {
		cmd := exec.Command(suite.Binary, append([]string{"request", d.Address()}, strings.Fields(c.args)...)...)
		cmd.Dir = d.WWW
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.args, out, err, c.want)
		}
	}
}

// php-fpm's own flags do what they do there.
func TestFlagsOfPHPFPM(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, oneWorker)
	if out, code := d.CLI("-t", "-y", d.Conf); code != 0 || !strings.Contains(out, "NOTICE: configuration file "+d.Conf+" test is successful") {
		t.Errorf("-t: exit code %d\n%s", code, out)
	}
	if out, code := d.CLI("-tt", "-y", d.Conf); code != 0 || !strings.Contains(out, "pm.max_children = 1") {
		t.Errorf("-tt: exit code %d\n%s", code, out)
	}
	if out, code := d.CLI("--no-such-flag"); code != 64 {
		t.Errorf("an unknown flag: exit code %d, want 64\n%s", code, out)
	}
	for _, flag := range []string{"-v", "-h"} {
		if out, code := d.CLI(flag); code != 0 || out == "" {
			t.Errorf("%s: exit code %d\n%s", flag, code, out)
		}
	}
}

// Every fault of a configuration is named at once, with its file and line,
// and nothing is started.
func TestFaultsOfConfiguration(t *testing.T) {
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		broken := suite.Service("[one]\npm = sometimes\npm.max_children = 1\n[two]\npm = static\npm.max_childs = 1\n[three]\npm = static\npm.max_children = many\n", d.As())
		bad := harness.Launch(t, broken)
		if status := bad.Wait(harness.Patience); status.ExitStatus() != 78 {
			t.Errorf("exit code %d, want 78", status.ExitStatus())
		}
		for _, want := range []string{
			`anyfpm.conf:\d+\].*'pm'.*invalid process manager`,
			`anyfpm.conf:\d+\].*unknown entry 'pm.max_childs'.*pm\.max_children`,
			`anyfpm.conf:\d+\].*'pm.max_children'.*is not a valid number`,
		} {
			bad.ExpectSaid(want)
		}
	})
}

// With daemonize the starter waits until the service is up and then leaves
// it to itself.
func TestDaemonize(t *testing.T) {
	t.Parallel()
	d := harness.Launch(t, harness.Service{Binary: suite.Binary, Args: []string{"-D"}, Conf: oneWorker, Background: true})
	if status := d.Wait(harness.Patience); status.ExitStatus() != 0 {
		t.Fatalf("the starter ended with code %d\n%s", status.ExitStatus(), d.Output())
	}
	d.ExpectWorks()
	var pid int
	if _, err := fmt.Sscan(d.ReadFile("run/anyfpm.pid"), &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	d.Log.Expect("NOTICE: exiting, bye-bye!")
	d.AwaitProcesses("", 0)
}

// anyfpm run without a configuration serves the quickstart: an index that
// links to each example, each example, and FastCGI beside.
func TestQuickstart(t *testing.T) {
	root := harness.Root(t)
	if out, err := exec.Command("make", "-C", root, "examples").CombinedOutput(); err != nil {
		t.Fatalf("make examples: %v\n%s", err, out)
	}
	address := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	box := harness.NewSandbox(t, harness.Current())
	p := harness.Run(t, harness.Command{
		Args: []string{suite.Binary, "run", "--http", address},
		Env:  []string{"PATH=/usr/local/bin:/usr/bin:/bin", "TMPDIR=" + box.Tmp},
		Dir:  root,
		As:   harness.Current(),
	})
	harness.Eventually(t, harness.Patience, func() error { return harness.Listening(address) })
	browser := harness.Browser("http://" + address)
	index := browser.Fetch(t, "GET", "/", "", nil)
	links := regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllStringSubmatch(index.Body, -1)
	if index.Status != 200 || len(links) < 6 {
		t.Fatalf("the index is %v", index)
	}
	for _, link := range links {
		if got := browser.Fetch(t, "GET", "/"+link[1], "", nil); got.Status != 200 || got.Body == "" {
			t.Errorf("%s got %v", link[1], got)
		}
	}
	if got := browser.Fetch(t, "POST", "/hello.py", "name=Ada", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}); !strings.Contains(got.Body, "Hello, Ada.") {
		t.Errorf("hello.py got %v", got)
	}
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(harness.Patience); status.ExitStatus() != 0 {
		t.Errorf("it ended with code %d", status.ExitStatus())
	}
}

// The quickstart's pool.conf serves the same, by the command in its README.
func TestQuickstartPool(t *testing.T) {
	t.Parallel()
	box := harness.NewSandbox(t, harness.Current())
	http := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	const dir = "examples/quickstart"
	text, err := os.ReadFile(filepath.Join(harness.Root(t), dir, "pool.conf"))
	if err != nil {
		t.Fatal(err)
	}
	// The source may be where only its owner may go.
	if err := os.MkdirAll(box.Path(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(box.Path(dir+"/hello.sh"), []byte("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nHello'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	conf := box.Path("pool.conf")
	adapted := strings.NewReplacer("127.0.0.1:8080", http, "127.0.0.1:9000", box.Path("pool.sock")).Replace(string(text))
	if err := os.WriteFile(conf, []byte(adapted), 0o644); err != nil {
		t.Fatal(err)
	}
	p := harness.Run(t, harness.Command{
		Args: []string{suite.Binary, "run", "-p", ".", "-y", conf},
		Env:  []string{"PATH=/usr/local/bin:/usr/bin:/bin", "TMPDIR=" + box.Tmp},
		Dir:  box.Dir,
		As:   harness.Current(),
	})
	harness.Eventually(t, harness.Patience, func() error { return harness.Listening(http) })
	if got := harness.Browser("http://"+http).Fetch(t, "GET", "/hello.sh", "", nil); got.Body != "Hello" {
		t.Errorf("got %v", got)
	}
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(harness.Patience); status.ExitStatus() != 0 {
		t.Errorf("it ended with code %d", status.ExitStatus())
	}
}

// The directory of run --root is below the working directory.
func TestRootOfTheCommandLine(t *testing.T) {
	t.Parallel()
	box := harness.NewSandbox(t, harness.Current())
	address := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	p := harness.Run(t, harness.Command{
		Args: []string{suite.Binary, "run", "--root", "quickstart", "--http", address, "--listen", box.Path("run.sock")},
		Env:  []string{"PATH=/usr/local/bin:/usr/bin:/bin", "TMPDIR=" + box.Tmp, "XDG_RUNTIME_DIR=" + box.Tmp},
		Dir:  filepath.Join(harness.Root(t), "examples"),
		As:   harness.Current(),
	})
	harness.Eventually(t, harness.Patience, func() error { return harness.Listening(address) })
	if got := harness.Browser("http://"+address).Fetch(t, "GET", "/hello.sh", "", nil); !strings.HasPrefix(got.Body, "Hello from ") {
		t.Errorf("got %v", got)
	}
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(harness.Patience); status.ExitStatus() != 0 {
		t.Errorf("it ended with code %d", status.ExitStatus())
	}
}
