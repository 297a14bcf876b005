//go:build integration

package scenario

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// showEnv prints the environment, sorted.
const showEnv = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nenv | LC_ALL=C sort"

// A script sees env[] and the request, and of the master's environment
// nothing.
func TestClearEnv(t *testing.T) {
	conf := "[www]\npm = static\npm.max_children = 1\nenv[GREETING] = \"hello, $world\"\nenv[FROM_MASTER] = $MASTER_SECRET\nenv[GREETING] = second\n"
	t.Parallel()
	for _, as := range harness.Identities() {
		t.Run(as.Name, func(t *testing.T) {
			t.Parallel()
			service := suite.Service(conf, as)
			service.Env = []string{"MASTER_SECRET=handed on", "MASTER_OTHER=not"}
			d := harness.Start(t, service)
			d.Script("env.sh", showEnv)
			env := d.Get("/env.sh").Body
			for _, line := range []string{"GREETING=hello, $world\n", "FROM_MASTER=handed on\n", "REQUEST_METHOD=GET\n"} {
				if !strings.Contains(env, line) {
					t.Errorf("no %q in\n%s", line, env)
				}
			}
			if strings.Contains(env, "MASTER_") {
				t.Errorf("the master's environment came through:\n%s", env)
			}
		})
	}
}

// With clear_env = no the master's environment comes through, and the
// request wins over it.
func TestKeepEnv(t *testing.T) {
	t.Parallel()
	service := suite.Service("[www]\npm = static\npm.max_children = 1\nclear_env = no\n", harness.Current())
	service.Env = []string{"MASTER_OTHER=seen", "REQUEST_METHOD=EVIL", "HTTP_PROXY=http://proxy.example/"}
	d := harness.Start(t, service)
	d.Script("env.sh", showEnv)
	env := d.Get("/env.sh").Body
	if !strings.Contains(env, "MASTER_OTHER=seen\n") || !strings.Contains(env, "REQUEST_METHOD=GET\n") {
		t.Errorf("got\n%s", env)
	}
}

// A script runs as the pool's user and group with that user's groups alone,
// and cannot become root again.
func TestPrivileges(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\n", func(t *testing.T, d *harness.Daemon) {
		d.Script("who.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\ngrep -E '^(Uid|Gid|Groups|CapPrm|CapEff|CapAmb):' /proc/self/status | tr -s '\\t ' ' '")
		uid, gid := d.As().Workers()
		body := d.Get("/who.sh").Body
		ids := func(n uint32) string { return fmt.Sprintf("%[1]d %[1]d %[1]d %[1]d", n) }
		if want := "Uid: " + ids(uid); !strings.Contains(body, want+"\n") {
			t.Errorf("no %q in\n%s", want, body)
		}
		if want := "Gid: " + ids(gid); !strings.Contains(body, want+"\n") {
			t.Errorf("no %q in\n%s", want, body)
		}
		if uid != 0 && !strings.Contains(body, "CapEff: 0000000000000000\n") {
			t.Errorf("capabilities are left:\n%s", body)
		}
		if d.As().PoolUser != "" && strings.Contains(body, "Groups: 0") {
			t.Errorf("root's groups are left:\n%s", body)
		}
		owner, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.Supervisor("www")))
		if err != nil {
			t.Fatal(err)
		}
		if want := "Uid:\t" + strings.ReplaceAll(ids(uid), " ", "\t"); !strings.Contains(string(owner), want) {
			t.Errorf("the supervisor is not %d:\n%s", uid, owner)
		}
	})
}

// Root's pools must name a user, and the user may not be root, unless -R
// says that this is meant.
func TestRootIsRefused(t *testing.T) {
	needsRoot(t)
	t.Parallel()
	nobodyAtAll := harness.Current()
	nobodyAtAll.PoolUser = ""
	for name, c := range map[string]struct{ conf, log string }{
		"no user": {"[www]\npm = static\npm.max_children = 1\n", `ALERT: \[pool www\] user has not been defined`},
		"root":    {"[www]\nuser = root\npm = static\npm.max_children = 1\n", `please specify user and group other than root`},
	} {
		t.Run(name, func(t *testing.T) {
			d := harness.Launch(t, suite.Service(c.conf, nobodyAtAll))
			if status := d.Wait(harness.Patience); status.ExitStatus() != 78 {
				t.Errorf("exit code %d, want 78", status.ExitStatus())
			}
			d.ExpectSaid(c.log)
			allowed := suite.Service(c.conf, nobodyAtAll)
			allowed.Args = []string{"-R"}
			harness.Start(t, allowed).ExpectWorks()
		})
	}
}

// chdir is where a pool's processes are; scripts are in their own directory
// all the same, as CGI wants it.
func TestChdir(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\nchdir = {{TMP}}\n", func(t *testing.T, d *harness.Daemon) {
		d.ExpectWorks()
		got, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", d.Supervisor("www")))
		if err != nil || got != d.Tmp {
			t.Errorf("the supervisor is in %q, %v, want %q", got, err, d.Tmp)
		}
	})
}

// chroot moves a pool's world: paths of requests are inside it.
func TestChroot(t *testing.T) {
	needsRoot(t)
	t.Parallel()
	d := suite.Start(t, "[www]\npm = static\npm.max_children = 1\nchroot = {{WWW}}\n")
	d.Program("inside.cgi", `
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	char dir[4096];
	printf("Content-Type: text/plain\n\n%s %s", getcwd(dir, sizeof dir), access("/etc/passwd", F_OK) ? "alone" : "not alone");
	return 0;
}`, "-static")
	res := d.Do(harness.Request{Path: "/inside.cgi", Root: "/"})
	expectBody(t, res, "/ alone")
}

// rlimit_files and rlimit_core are the limits of scripts.
func TestLimits(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\nrlimit_files = 321\nrlimit_core = 0\n", func(t *testing.T, d *harness.Daemon) {
		d.Script("limits.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s' $(ulimit -n)")
		expectBody(t, d.Get("/limits.sh"), "321")
	})
}

// process.priority is the nice value of scripts.
func TestPriority(t *testing.T) {
	needsRoot(t)
	t.Parallel()
	d := suite.Start(t, "[www]\npm = static\npm.max_children = 1\nprocess.priority = 7\n")
	d.Script("nice.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s' $(nice)")
	expectBody(t, d.Get("/nice.sh"), "7")
}

// A supervisor that gave up root is its user's to trace, and may dump core, if
// process.dumpable says so.
func TestDumpable(t *testing.T) {
	needsRoot(t)
	t.Parallel()
	d := suite.Start(t, "[no]\npm = static\npm.max_children = 1\n[yes]\npm = static\npm.max_children = 1\nprocess.dumpable = yes\n")
	for pool, dumpable := range map[string]bool{"no": false, "yes": true} {
		d.ExpectWorks(pool)
		// The files of a process that may not be dumped are root's.
		info, err := os.Stat(fmt.Sprintf("/proc/%d/environ", d.Supervisor(pool)))
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; (owner != 0) != dumpable {
			t.Errorf("process.dumpable = %s: the process is owned by %d", pool, owner)
		}
	}
}

// needsRoot leaves out what an ordinary user cannot do at all.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can do this")
	}
}
