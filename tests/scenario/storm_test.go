//go:build integration

package scenario

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// orphansGone is the second that orphans may live, and what a busy machine may
// take more; by themselves they would live for 1000.
const orphansGone = harness.Patience

// php-src's bug76601 and bug74083: signals to reload with 0 to 24 ms between
// them, here mixed with others and with programs that have to be taken up. No
// signal kills the master, and the last reload is as good as any.
func TestSignalStorms(t *testing.T) {
	t.Parallel()
	d := install(t, "[www]\npm = static\npm.max_children = 10\n[dynamic]\npm = dynamic\npm.max_children = 5\npm.start_servers = 1\npm.min_spare_servers = 1\npm.max_spare_servers = 1\n", harness.Current())
	others := []syscall.Signal{0, syscall.SIGUSR1, syscall.SIGHUP}
	for n := range *storms {
		for gap := range 25 {
			if gap%8 == 7 {
				d.upgrade()
			}
			d.Signal(syscall.SIGUSR2)
			if sig := others[(gap+n)%len(others)]; sig != 0 {
				d.Signal(sig)
			}
			<-time.After(time.Duration(gap) * time.Millisecond)
		}
		d.reload()
		d.ExpectWorks("www")
		d.ExpectWorks("dynamic")
		if !d.runs(d.PID) {
			t.Errorf("storm %d: the last program is not the one that runs", n)
		}
	}
	harness.Eventually(t, harness.Patience, func() error {
		if now := d.Find("anyfpm: pool "); len(now) != 2 {
			return fmt.Errorf("generations are left: %v", now)
		}
		return nil
	})
	d.Log.Reject("SIGKILL")
	d.Stop()
}

// QUIT at any moment of a reload, in place or by another program, ends the
// service in good order. Of the latter's moments one is in the rehearsal, the
// others are after the exec: in the few milliseconds in which a new program is
// not its own master yet, QUIT acts at once (docs/reload.md).
func TestQuitDuringReload(t *testing.T) {
	t.Parallel()
	const moments = 26
	for n := range min(*storms*2, 2*moments) {
		delay := time.Duration(n*(2*moments)/min(*storms*2, 2*moments)/2) * time.Millisecond
		d := install(t, oneWorker, harness.Current())
		switch n % 4 {
		case 1:
			begun := d.program + ".begun"
			d.replace([]byte("#!/bin/sh\ntouch "+begun+"\nexec sleep 1000\n"), 0o755)
			d.Signal(syscall.SIGUSR2)
			harness.Eventually(t, harness.Patience, func() error {
				_, err := os.Stat(begun)
				return err
			})
		case 3:
			d.upgrade()
			d.Signal(syscall.SIGUSR2)
			d.Log.Expect("NOTICE: using inherited socket")
			<-time.After(delay)
		default:
			d.Signal(syscall.SIGUSR2)
			<-time.After(delay)
		}
		d.Stop()
		d.Log.Expect("NOTICE: exiting, bye-bye!")
	}
}

// kill -9 of the master, of a supervisor or of a zygote at a random moment, of
// a reload by another program too, leaves no process behind for longer than a
// second. What was killed below the master comes back by itself; the service
// starts again at once on the same sockets and with the same pid file.
func TestKillsAtRandomMoments(t *testing.T) {
	t.Parallel()
	d := install(t, `
[www]
pm = static
pm.max_children = 2
runner = cgi
[php]
pm = static
pm.max_children = 2
runner = php
[python]
pm = static
pm.max_children = 2
runner = python
runner.isolation = fork
`, harness.Current())
	d.File("pid.php", "<?php echo 'works';")
	d.Script("works.py", "#!/usr/bin/python3\nprint('Content-Type: text/plain\\n\\nworks', end='')\n")
	d.Script("family.sh", "#!/bin/sh\ntrap '' TERM HUP\nsleep 1000 &\nsh -c 'sleep 1001; :' &\nwait")
	works := func() {
		t.Helper()
		for pool, path := range map[string]string{"www": "/works.sh", "php": "/pid.php", "python": "/works.py"} {
			harness.Eventually(t, harness.Patience, func() error {
				if out := <-d.Go(harness.Request{Path: path}, pool); out.Err != nil || out.Body != "works" {
					return fmt.Errorf("pool %s: %q, %v", pool, out.Stdout, out.Err)
				}
				return nil
			})
		}
	}
	works()
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for n := range *kills {
		out := d.Go(harness.Request{Path: "/family.sh"}, "www")
		d.AwaitProcesses("sleep 100", 3)
		victims := []string{"the master", "anyfpm: pool www", "anyfpm: pool python", "python3"} // a zygote or one that it has forked
		victim := victims[(n+random.IntN(2))%len(victims)]
		if n%3 != 0 {
			d.upgrade()
		}
		if n%4 != 3 {
			d.Signal(syscall.SIGUSR2)
		}
		delay := time.Duration(random.IntN(120_000)) * time.Microsecond
		<-time.After(delay)
		pid := d.PID
		if victim != "the master" {
			// It may be one that is just being started.
			harness.Eventually(t, harness.Patience, func() error {
				found := d.Find(victim)
				if len(found) == 0 {
					return fmt.Errorf("there is no %s among %v", victim, d.Family())
				}
				pid = found[random.IntN(len(found))].PID
				return nil
			})
		}
		t.Logf("%d: kill %s after %v", n, victim, delay)
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended just now
		if victim != "the master" {
			d.expectNoOrphans()
			works()
			// The script is one of the pool that was killed, or goes on.
			for _, p := range d.Find("family.sh") {
				_ = syscall.Kill(p.PID, syscall.SIGKILL)
			}
			for _, p := range d.Find("sleep 100") {
				_ = syscall.Kill(p.PID, syscall.SIGKILL)
			}
			<-out
			continue
		}
		d.Wait(harness.Patience)
		harness.Eventually(t, orphansGone, func() error {
			if left := d.Family(); len(left) > 0 {
				return fmt.Errorf("left: %v", left)
			}
			return nil
		})
		<-out
		d.Restart()
		works()
	}
}

// expectNoOrphans waits until the master has no children but supervisors.
func (i *installed) expectNoOrphans() {
	i.t.Helper()
	harness.Eventually(i.t, orphansGone, func() error {
		for _, p := range i.Family() {
			if p.PPID == i.PID && !strings.HasPrefix(p.Args, "anyfpm: pool ") && !strings.Contains(p.Args, " rehearse ") && !strings.HasSuffix(p.Args, "supervise") {
				return fmt.Errorf("left: %v", p)
			}
		}
		return nil
	})
}
