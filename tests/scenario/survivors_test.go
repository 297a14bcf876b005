//go:build integration

package scenario

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// request_terminate_timeout ends a script and all it started: first TERM, then
// KILL. The client gets an answer, the log a line, the slot is free again.
func TestTerminateTimeout(t *testing.T) {
	suite.Everybody(t, oneWorker+"request_terminate_timeout = 1s\n", func(t *testing.T, d *harness.Daemon) {
		for name, script := range map[string]string{
			"family":   "#!/bin/sh\nsleep 1000 &\nsh -c 'sleep 1001; :' &\nwait",
			"stubborn": "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1000; done",
		} {
			t.Run(name, func(t *testing.T) {
				d := d.For(t)
				d.Script(name+".sh", script)
				began := time.Now()
				res, err := d.Try(harness.Request{Path: "/" + name + ".sh"})
				took := time.Since(began)
				if err != nil || (res.Status != 502 && res.Status != 504) {
					t.Errorf("got %d %q, %v, want 504", res.Status, res.Body, err)
				}
				if took < 900*time.Millisecond {
					t.Errorf("ended after %v, before its time", took)
				}
				d.Log.Expect(`WARNING: \[pool www\] child \d+, script '.*/` + name + `.sh' \(request: "GET /` + name + `.sh"\) execution timed out \(\d+\.\d+ sec\), terminating`)
				d.AwaitProcesses("sleep 100", 0)
				harness.Eventually(t, harness.Patience, func() error { // where a second is enough for any script
					if res, err := d.Try(harness.Request{Path: "/works.sh"}); err != nil || res.Body != "works" {
						return fmt.Errorf("the next request got %d %q, %w", res.Status, res.Body, err)
					}
					return nil
				})
			})
		}
	})
}

// Processes that a script leaves behind hold its stdout without holding the
// response or the slot.
func TestGrandchildrenHoldStdout(t *testing.T) {
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		d.Script("parent.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nparent'\nsleep 1000 &\nexit 0")
		res := d.Get("/parent.sh")
		if res.Body != "parent" {
			t.Errorf("got %q", res.Body)
		}
		d.ExpectWorks()
	})
}

// A process that a script left behind is no zombie for long when it ends, also
// when nothing else happens in its pool.
func TestDaemonOfAScriptIsReaped(t *testing.T) {
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		d.Script("daemon.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nsetsid sleep 1000 </dev/null >/dev/null 2>&1 &\nprintf $!\n")
		pid, err := strconv.Atoi(d.Get("/daemon.sh").Body)
		if err != nil {
			t.Fatal(err)
		}
		d.AwaitProcesses("daemon.sh", 0)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, harness.Patience, func() error {
			if state, ok := harness.State(pid); ok {
				return fmt.Errorf("it is in state %c", state)
			}
			return nil
		})
	})
}

// A client that goes away lets a script finish, which is what CGI scripts
// expect; with on_client_abort = terminate it ends the script and all it
// started.
func TestClientAbort(t *testing.T) {
	t.Run("ignore", func(t *testing.T) {
		suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
			gate := d.Gate()
			d.Script("finish.sh", fmt.Sprintf("#!/bin/sh\nread x <%s\nprintf 'Content-Type: text/plain\\n\\n'\n: >%s/finished\n", gate.Path, d.Tmp))
			leave(t, d, "/finish.sh")
			gate.Open(1)
			harness.Eventually(t, harness.Patience, func() error {
				if !d.Exists("tmp/finished") {
					return fmt.Errorf("the script has not finished")
				}
				return nil
			})
			d.Remove("tmp/finished")
			d.ExpectWorks()
		})
	})
	t.Run("terminate", func(t *testing.T) {
		suite.Everybody(t, oneWorker+"on_client_abort = terminate\n", func(t *testing.T, d *harness.Daemon) {
			d.Script("family.sh", "#!/bin/sh\nsleep 1000 &\nwait")
			leave(t, d, "/family.sh")
			d.AwaitProcesses("family.sh", 0)
			d.AwaitProcesses("sleep 1000", 0)
			d.ExpectWorks()
		})
	})
}

// leave asks for a script and goes away when it runs.
func leave(t *testing.T, d *harness.Daemon, path string) {
	t.Helper()
	c := d.Dial()
	c.Send(d.Request(harness.Request{Path: path}).Bytes(1))
	d.AwaitProcesses(path, 1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// kill -9 of the master leaves no supervisor, no script and no grandchild
// after a second, whatever they were doing.
func TestKilledMaster(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 4\n", func(t *testing.T, d *harness.Daemon) {
		d.Script("family.sh", "#!/bin/sh\ntrap '' TERM HUP\nsleep 1000 &\nsh -c 'sleep 1001; :' &\nwait")
		ended := false
		harness.Promptly(t, time.Second, func() time.Duration {
			if ended {
				d.Restart()
			}
			out := d.Go(harness.Request{Path: "/family.sh"})
			d.AwaitProcesses("sleep 100", 3)
			d.Signal(syscall.SIGKILL)
			d.Wait(harness.Patience)
			ended = true
			took := gone(t, d.Family)
			<-out
			return took
		})
	})
}

// kill -9 of a supervisor leaves none of its scripts after a second, is logged,
// and the pool is back: clients wait, they do not fail.
func TestKilledSupervisor(t *testing.T) {
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		d.Script("family.sh", "#!/bin/sh\ntrap '' TERM HUP\nsleep 1000 &\nwait")
		harness.Promptly(t, time.Second, func() time.Duration {
			out := d.Go(harness.Request{Path: "/family.sh"})
			d.AwaitProcesses("sleep 1000", 1)
			before := d.Supervisor("www")
			if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			d.ExpectWorks()
			if after := d.Supervisor("www"); after == before || after == 0 {
				t.Errorf("the supervisor was %d and is %d", before, after)
			}
			d.Log.Expect(`pool www.*SIGKILL`)
			took := gone(t, func() []harness.Proc { return d.Find("sleep 1000") })
			<-out
			return took
		})
	})
}

// gone waits until there are no processes left, and tells how long.
func gone(t *testing.T, left func() []harness.Proc) time.Duration {
	t.Helper()
	began := time.Now()
	harness.Eventually(t, harness.Patience, func() error {
		if left := left(); len(left) > 0 {
			return fmt.Errorf("left: %v", left)
		}
		return nil
	})
	return time.Since(began)
}
