//go:build integration

package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// USR1 reopens every log and touches no script.
func TestReopen(t *testing.T) {
	suite.Everybody(t, oneWorker+"access.log = {{LOG}}/access.log\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		d.ExpectWorks()
		running := d.Go(harness.Request{Path: "/hold.sh"})
		before := d.AwaitProcesses("hold.sh", 1)
		access := filepath.Join(d.Logs, "access.log")
		for _, file := range []string{d.Log.Path, access} {
			if err := os.Rename(file, file+".1"); err != nil {
				t.Fatal(err)
			}
		}
		d.Signal(syscall.SIGUSR1)
		d.Log.Expect("NOTICE: error log file re-opened")
		d.Log.Expect("NOTICE: access log file re-opened")
		if after := d.AwaitProcesses("hold.sh", 1); after[0].PID != before[0].PID {
			t.Errorf("the script was %v and is %v", before, after)
		}
		gate.Open(1)
		if out := <-running; out.Body != "held" {
			t.Errorf("got %q, %v", out.Body, out.Err)
		}
		harness.Follow(t, access).Expect("GET /hold.sh.* 200$")
		if log := harness.Follow(t, access+".1"); log.Count("hold") != 0 {
			t.Errorf("the old access log got the new line")
		}
	})
}

// USR2 and HUP read the configuration again. The sockets stay, what runs
// finishes, and no request in between is lost.
func TestReload(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGUSR2, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			suite.Everybody(t, oneWorker+"env[WORD] = old\n", func(t *testing.T, d *harness.Daemon) {
				gate := d.Gate()
				d.Script("word.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s' \"$WORD\"")
				if res := d.Get("/word.sh"); res.Body != "old" {
					t.Fatalf("before the reload the word is %q", res.Body)
				}
				running := d.Go(harness.Request{Path: "/hold.sh"})
				d.AwaitProcesses("hold.sh", 1)

				d.Configure(oneWorker + "env[WORD] = new\n")
				d.Signal(sig)
				d.Log.Expect("NOTICE: Reloading in progress")
				d.Log.Expect("NOTICE: ready to handle connections")
				if res := d.Get("/word.sh"); res.Body != "new" {
					t.Errorf("after the reload the word is %q", res.Body)
				}
				gate.Open(1)
				if out := <-running; out.Err != nil || out.Body != "held" {
					t.Errorf("the one that ran got %q, %v", out.Body, out.Err)
				}
				if !harness.Alive(d.PID) {
					t.Errorf("the master's pid changed")
				}
			})
		})
	}
}

// A kept connection outlives the generation that accepted it: it goes to the
// next one, with the request that may be in it already, and the old generation
// need not stay for it.
func TestKeptConnectionOutlivesReload(t *testing.T) {
	conf := func(word string) string { return oneWorker + "ping.path = /ping\nping.response = " + word + "\n" }
	suite.Everybody(t, conf("1")+"[tcp]\nlisten = 127.0.0.1:{{PORT}}\nping.path = /ping\nping.response = 1\npm = static\npm.max_children = 1\n", func(t *testing.T, d *harness.Daemon) {
		ping := d.Request(harness.Request{Path: "/ping", KeepConn: true}).Bytes(1)
		conns := []*harness.Conn{d.Dial(), d.Dial("tcp")}
		for _, c := range conns {
			c.Send(ping)
			if got := c.Response(1).Body; got != "1" {
				t.Fatalf("before the reload: %q", got)
			}
		}
		port := d.Address("tcp")
		for _, word := range []string{"2", "3"} {
			d.Configure(conf(word) + "[tcp]\nlisten = " + port + "\nping.path = /ping\nping.response = " + word + "\npm = static\npm.max_children = 1\n")
			old := d.Supervisor("www")
			if out, code := d.CLI("reload", "--control", d.Control()); code != 0 {
				t.Fatalf("reload ended with %d: %s", code, out)
			}
			harness.Eventually(t, harness.Patience, func() error {
				for _, p := range d.Find("anyfpm: pool www") {
					if p.PID == old {
						return fmt.Errorf("the old generation is still there")
					}
				}
				return nil
			})
			for _, c := range conns {
				c.Send(ping)
				if got := c.Response(1).Body; got != word {
					t.Errorf("after the reload: %q, want %q", got, word)
				}
			}
		}
	})
}

// A configuration with faults changes nothing: the old one goes on serving.
func TestReloadOfBadConfiguration(t *testing.T) {
	suite.Everybody(t, oneWorker, func(_ *testing.T, d *harness.Daemon) {
		d.Configure("[www]\npm = sometimes\n")
		d.Signal(syscall.SIGUSR2)
		d.Log.Expect("ERROR: .*invalid process manager")
		d.ExpectWorks()
		d.Configure(oneWorker)
		d.Signal(syscall.SIGUSR2)
		d.Log.Expect("NOTICE: ready to handle connections")
		d.ExpectWorks()
	})
}

// Requests that come one after the other during ten reloads are all answered.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, "[www]\npm = static\npm.max_children = 4\n")
	var stop atomic.Bool
	type tally struct {
		served int
		failed []string
	}
	results := make(chan tally)
	const clients = 4
	for range clients {
		go func() {
			var n tally
			for !stop.Load() {
				out := <-d.Go(harness.Request{Path: "/works.sh"})
				if out.Err == nil && out.Body == "works" {
					n.served++
				} else {
					n.failed = append(n.failed, string(out.Stdout)+" "+fmtErr(out.Err))
				}
			}
			results <- n
		}()
	}
	for range 10 {
		d.Signal(syscall.SIGUSR2)
		d.Log.Expect("NOTICE: ready to handle connections")
	}
	stop.Store(true)
	served := 0
	for range clients {
		n := <-results
		served += n.served
		for _, f := range n.failed {
			t.Errorf("a request failed: %s", f)
		}
	}
	if served == 0 {
		t.Errorf("nothing was served")
	}
}

func fmtErr(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
