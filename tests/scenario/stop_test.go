//go:build integration

package scenario

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// QUIT stops gracefully: what runs and what waits is finished, new
// connections are refused, and then everything is gone.
func TestQuitFinishes(t *testing.T) {
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		running := d.Go(harness.Request{Path: "/hold.sh"})
		d.AwaitProcesses("hold.sh", 1)
		waiting := d.Go(harness.Request{Path: "/hold.sh"})
		d.AwaitStatus("one waiting", func(s harness.Status) bool { return s.ListenQueue == 1 })
		idle := d.Dial()
		idle.Send(d.Request(harness.Request{Path: "/ping", KeepConn: true}).Bytes(1))
		idle.Response(1)

		d.Signal(syscall.SIGQUIT)
		d.Log.Expect("NOTICE: Finishing")
		idle.ExpectClosed()
		harness.Eventually(t, harness.Patience, func() error {
			c, err := net.Dial("unix", d.Address())
			if err != nil {
				return nil
			}
			return fmt.Errorf("a new connection is still accepted: %w", c.Close())
		})
		gate.Open(2)
		for name, out := range map[string]<-chan harness.Outcome{"running": running, "waiting": waiting} {
			if out := <-out; out.Err != nil || out.Body != "held" {
				t.Errorf("the %s request got %q, %v", name, out.Body, out.Err)
			}
		}
		if status := d.Wait(harness.Patience); status.ExitStatus() != 0 {
			t.Errorf("exit code %d", status.ExitStatus())
		}
		d.Log.Expect("NOTICE: exiting, bye-bye!")
	})
}

// process_control_timeout bounds a graceful stop.
func TestQuitHasAnEnd(t *testing.T) {
	suite.Everybody(t, "[global]\nprocess_control_timeout = 1s\n"+oneWorker, func(t *testing.T, d *harness.Daemon) {
		d.Gate() // which stays closed
		running := d.Go(harness.Request{Path: "/hold.sh"})
		d.AwaitProcesses("hold.sh", 1)
		took := d.Stop()
		if took < 900*time.Millisecond { // without a limit it would take for ever
			t.Errorf("it took %v, want a second", took)
		}
		if out := <-running; out.Status == 200 {
			t.Errorf("the request that was cut off got %d %q", out.Status, out.Body)
		}
	})
}

// TERM and INT stop at once: scripts and all they started are ended.
func TestTermIsFast(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			suite.Everybody(t, oneWorker, func(_ *testing.T, d *harness.Daemon) {
				d.Script("family.sh", "#!/bin/sh\nsleep 1000 &\nsh -c 'sleep 1001; :' &\nwait")
				out := d.Go(harness.Request{Path: "/family.sh"})
				d.AwaitProcesses("sleep 100", 3)
				d.Signal(sig)
				d.Log.Expect("NOTICE: Terminating")
				d.Wait(harness.Patience)
				d.Log.Expect("NOTICE: exiting, bye-bye!")
				d.Log.Reject("does not end|SIGKILL") // nobody had to wait for them
				<-out
			})
		})
	}
}

// TERM overrides a QUIT that takes too long for the operator.
func TestTermAfterQuit(t *testing.T) {
	suite.Everybody(t, oneWorker, func(_ *testing.T, d *harness.Daemon) {
		d.Gate()
		out := d.Go(harness.Request{Path: "/hold.sh"})
		d.AwaitProcesses("hold.sh", 1)
		d.Signal(syscall.SIGQUIT)
		d.Log.Expect("NOTICE: Finishing")
		d.Signal(syscall.SIGTERM)
		d.Log.Expect("NOTICE: Terminating")
		d.Wait(harness.Patience)
		<-out
	})
}

// A script that ignores TERM is killed.
func TestStopOfStubbornScript(t *testing.T) {
	suite.Everybody(t, oneWorker, func(_ *testing.T, d *harness.Daemon) {
		d.Script("stubborn.sh", "#!/bin/sh\ntrap '' TERM INT QUIT HUP\nwhile :; do sleep 1000; done")
		out := d.Go(harness.Request{Path: "/stubborn.sh"})
		d.AwaitProcesses("sleep 1000", 1) // so it ignores them by now
		d.Signal(syscall.SIGTERM)
		d.Wait(harness.Patience)
		d.Log.Reject("does not end") // its supervisor has seen to it
		<-out
	})
}

// The pid file holds the master's pid while it runs. It and the sockets have
// the permissions that php-fpm gives them.
func TestFilesOfAService(t *testing.T) {
	suite.Everybody(t, oneWorker+"listen.mode = 0600\n", func(t *testing.T, d *harness.Daemon) {
		if text := strings.TrimSpace(d.ReadFile("run/anyfpm.pid")); text != fmt.Sprint(d.PID) {
			t.Errorf("the pid file says %q, the pid is %d", text, d.PID)
		}
		info, err := os.Stat(d.Address())
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode(); mode != 0o600|os.ModeSocket {
			t.Errorf("the socket's mode is %v", mode)
		}
		uid, _ := d.As().Workers()
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != uid {
			t.Errorf("the socket belongs to %d, want %d", owner, uid)
		}
	})
}

// A second instance on the same sockets is refused and does no harm to the
// first; after a kill -9 a new one starts at once on what the dead one left.
func TestSecondInstance(t *testing.T) {
	t.Parallel()
	first := suite.Start(t, oneWorker)
	conf := "[www]\nlisten = " + first.Address() + "\npm = static\npm.max_children = 1\n"

	second := harness.Launch(t, suite.Service(conf, harness.Current()))
	if status := second.Wait(harness.Patience); status.ExitStatus() != 78 {
		t.Errorf("the second ended with code %d, want 78", status.ExitStatus())
	}
	second.ExpectSaid("ERROR: .*" + first.Address())
	first.ExpectWorks()

	first.Signal(syscall.SIGKILL)
	first.Wait(harness.Patience)
	suite.Start(t, conf).ExpectWorks()
}
