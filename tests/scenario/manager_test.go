//go:build integration

package scenario

import (
	"fmt"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// pm.max_children bounds how many scripts run at the same time, with every
// process manager, and all of them are used.
func TestMaxChildren(t *testing.T) {
	for _, pm := range []string{
		"pm = static",
		"pm = ondemand",
		"pm = dynamic\npm.start_servers = 1\npm.min_spare_servers = 1\npm.max_spare_servers = 2",
	} {
		name, _, _ := strings.Cut(strings.TrimPrefix(pm, "pm = "), "\n")
		t.Run(name, func(t *testing.T) {
			conf := "[www]\n" + pm + "\npm.max_children = 3\npm.status_path = /status\n"
			suite.Everybody(t, conf, func(t *testing.T, d *harness.Daemon) {
				gate := d.Gate()
				const n = 8
				var running []<-chan harness.Outcome
				for range n {
					running = append(running, d.Go(harness.Request{Path: "/hold.sh"}))
				}
				d.AwaitProcesses("hold.sh", 3)
				s := d.AwaitStatus("the rest waiting", func(s harness.Status) bool { return s.ListenQueue == n-3 })
				if s.ProcessManager != name {
					t.Errorf("the status page says %q", s.ProcessManager)
				}
				gate.Open(n)
				for _, r := range running {
					if out := <-r; out.Err != nil || out.Body != "held" {
						t.Errorf("got %q, %v", out.Body, out.Err)
					}
				}
				if s := d.Status(); s.AcceptedConn < n {
					t.Errorf("accepted conn is %d, want at least %d", s.AcceptedConn, n)
				}
			})
		})
	}
}

// An ondemand pool costs no process until somebody asks, and none again when
// nobody has asked for pm.process_idle_timeout. Then it starts once more.
func TestOndemandCostsNoProcess(t *testing.T) {
	conf := "[www]\npm = ondemand\npm.max_children = 2\npm.process_idle_timeout = 1s\n"
	suite.Everybody(t, conf, func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		for range 2 {
			d.AwaitProcesses("", 0)
			held := d.Go(harness.Request{Path: "/hold.sh"})
			d.AwaitProcesses("hold.sh", 1)
			if d.Supervisor("www") == 0 {
				t.Errorf("no supervisor during a request")
			}
			gate.Open(1)
			if out := <-held; out.Err != nil || out.Body != "held" {
				t.Errorf("got %q, %v", out.Body, out.Err)
			}
			harness.Eventually(t, harness.Patience, func() error {
				if family := d.Family(); len(family) > 0 {
					return fmt.Errorf("still there: %v", family)
				}
				return nil
			})
		}
	})
}

// A pool has a supervisor of its own, and what one pool does is no other's
// concern.
func TestPoolsAreApart(t *testing.T) {
	conf := "[a]\npm = static\npm.max_children = 1\n[b]\npm = static\npm.max_children = 1\nenv[WHO] = b\n"
	suite.Everybody(t, conf, func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		d.Script("who.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s' \"$WHO\"")
		held := d.Go(harness.Request{Path: "/hold.sh"}, "a")
		d.AwaitProcesses("hold.sh", 1)
		if res := d.Get("/who.sh", "b"); res.Body != "b" {
			t.Errorf("pool b says %q", res.Body)
		}
		if a, b := d.Supervisor("a"), d.Supervisor("b"); a == 0 || b == 0 || a == b {
			t.Errorf("supervisors are %d and %d", a, b)
		}
		gate.Open(1)
		<-held
	})
}
