//go:build integration

package scenario

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A reload adds pools and removes them, gives them other names, addresses and
// users. What runs in a pool that goes away or moves is finished.
func TestPoolsChangeAtReload(t *testing.T) {
	const pool = "[%s]\npm = static\npm.max_children = 2\n"
	pools := func(names ...string) string {
		var conf strings.Builder
		for _, name := range names {
			fmt.Fprintf(&conf, pool, name)
		}
		return conf.String()
	}
	suite.Everybody(t, pools("stays", "moves", "goes", "before"), func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		d.Script("who.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; id -un")
		var running []<-chan harness.Outcome
		for _, name := range []string{"moves", "goes"} {
			running = append(running, d.Go(harness.Request{Path: "/hold.sh"}, name))
		}
		d.AwaitProcesses("hold.sh", 2)
		old := map[string]string{"moves": d.Address("moves"), "goes": d.Address("goes"), "before": d.Address("before")}
		user := "nobody"
		conf := pools("stays") + "user = " + user + "\n" + pools("moves") + "listen = {{RUN}}/elsewhere.sock\n" +
			pools("comes") + pools("after") + "listen = " + old["before"] + "\n"
		if syscall.Geteuid() != 0 || d.As().PoolUser == "" {
			conf = strings.Replace(conf, "user = "+user+"\n", "", 1)
			user = ""
		}
		d.Configure(conf)
		if out, code := d.CLI("reload", "--control", d.Control()); code != 0 {
			t.Fatalf("reload ended with %d: %s", code, out)
		}
		for _, name := range []string{"stays", "moves", "comes", "after"} {
			d.ExpectWorks(name)
		}
		if got := strings.TrimSpace(d.Get("/who.sh", "stays").Body); user != "" && got != user {
			t.Errorf("the pool with another user runs as %q", got)
		}
		for _, name := range []string{"moves", "goes"} {
			if _, err := os.Lstat(old[name]); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the old socket of %s is left: %v", name, err)
			}
			if c, err := net.Dial("unix", old[name]); err == nil {
				t.Errorf("the old address of %s still answers: %v", name, c.Close())
			}
		}
		if len(d.Find("anyfpm: pool before")) > 0 {
			harness.Eventually(t, harness.Patience, func() error {
				if left := d.Find("anyfpm: pool before"); len(left) > 0 {
					return fmt.Errorf("the old name is left: %v", left)
				}
				return nil
			})
		}
		gate.Open(2)
		for _, out := range running {
			if out := <-out; out.Err != nil || out.Body != "held" {
				t.Errorf("a request of before the reload got %q, %v", out.Body, out.Err)
			}
		}
	})
}

// A reload makes the files of a running service again: its sockets, the pid file
// and, as php-fpm's does, a log that was moved away. What runs is finished.
func TestReloadMakesFilesAgain(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 2\n[idle]\npm = ondemand\npm.max_children = 2\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		running := d.Go(harness.Request{Path: "/hold.sh"}, "www")
		d.AwaitProcesses("hold.sh", 1)
		files := []string{d.Address("www"), d.Address("idle"), d.Control(), d.PIDFile()}
		for round := range 2 {
			for _, name := range files {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Rename(d.Log.Path, fmt.Sprint(d.Log.Path, ".", round)); err != nil {
				t.Fatal(err)
			}
			d.Signal(syscall.SIGUSR2)
			d.Log.Expect("NOTICE: ready to handle connections")
			d.ExpectWorks("www")
			d.ExpectWorks("idle")
			if out, code := d.CLI("status", "--control", d.Control()); code != 0 {
				t.Errorf("status ended with %d: %s", code, out)
			}
			if pid, err := os.ReadFile(d.PIDFile()); err != nil || string(pid) != strconv.Itoa(d.PID) {
				t.Errorf("the pid file has %q, %v, want %d", pid, err, d.PID)
			}
		}
		gate.Open(1)
		if out := <-running; out.Err != nil || out.Body != "held" {
			t.Errorf("a request of before got %q, %v", out.Body, out.Err)
		}
	})
}

// The reload of one pool takes up what changed for it and nothing else; one of
// a pool that does not exist is refused.
func TestReloadOfOnePool(t *testing.T) {
	conf := func(word string) string {
		var conf strings.Builder
		for _, name := range []string{"one", "two"} {
			fmt.Fprintf(&conf, "[%s]\npm = static\npm.max_children = 1\nping.path = /ping\nping.response = %s\n", name, word)
		}
		return conf.String()
	}
	suite.Everybody(t, conf("old"), func(t *testing.T, d *harness.Daemon) {
		two := d.Supervisor("two")
		d.Configure(conf("new"))
		if out, code := d.CLI("reload", "one", "--control", d.Control()); code != 0 {
			t.Fatalf("reload ended with %d: %s", code, out)
		}
		for name, want := range map[string]string{"one": "new", "two": "old"} {
			if got := d.Get("/ping", name).Body; got != want {
				t.Errorf("pool %s answers %q, want %q", name, got, want)
			}
		}
		if now := d.Supervisor("two"); now != two {
			t.Errorf("the supervisor of the other pool was %d and is %d", two, now)
		}
		if out, code := d.CLI("reload", "three", "--control", d.Control()); code != 1 || !strings.Contains(out, "no such pool") {
			t.Errorf("reload of no pool ended with %d: %s", code, out)
		}
	})
}

// A pool whose new workers do not start keeps the old ones; the command says
// so, the others are new.
func TestReloadOfPoolThatDoesNotStart(t *testing.T) {
	conf := func(word, broken string) string {
		return "[one]\npm = static\npm.max_children = 1\nping.path = /ping\nping.response = " + word + "\n" + broken +
			"[two]\npm = static\npm.max_children = 1\nping.path = /ping\nping.response = " + word + "\n"
	}
	suite.Everybody(t, conf("old", ""), func(t *testing.T, d *harness.Daemon) {
		d.Configure(conf("new", "runner = fastcgi\nrunner.command = /bin/false\n"))
		out, code := d.CLI("reload", "--control", d.Control())
		if code != 1 || !strings.Contains(out, "[pool one]") || strings.Contains(out, "[pool two]") {
			t.Errorf("reload ended with %d: %s", code, out)
		}
		d.Log.Expect(`ERROR: \[pool one\] reload failed, the old generation goes on: `)
		for name, want := range map[string]string{"one": "old", "two": "new"} {
			if got := d.Get("/ping", name).Body; got != want {
				t.Errorf("pool %s answers %q, want %q", name, got, want)
			}
		}
		d.ExpectWorks("one")
		if out, _ := d.CLI("status", "--control", d.Control()); !strings.Contains(out, "the last reload failed: [pool one]") {
			t.Errorf("status says nothing of it: %s", out)
		}
	})
}

// With drain_delay the service goes on accepting after QUIT or TERM, until a
// second TERM or the end of the delay.
func TestDrainDelay(t *testing.T) {
	t.Run("again", func(t *testing.T) {
		suite.Everybody(t, "[global]\ndrain_delay = 1h\n"+oneWorker, func(_ *testing.T, d *harness.Daemon) {
			d.Signal(syscall.SIGQUIT)
			d.Log.Expect("NOTICE: Finishing")
			d.ExpectWorks()
			d.Signal(syscall.SIGTERM)
			d.Log.Expect("NOTICE: Terminating")
			d.Wait(harness.Patience)
		})
	})
	t.Run("over", func(t *testing.T) {
		suite.Everybody(t, "[global]\ndrain_delay = 1s\n"+oneWorker, func(_ *testing.T, d *harness.Daemon) {
			d.Signal(syscall.SIGTERM)
			d.Log.Expect("NOTICE: Terminating")
			d.Wait(harness.Patience)
			d.Log.Expect("NOTICE: exiting, bye-bye!")
		})
	})
}
