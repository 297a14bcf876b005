//go:build integration

package webserver

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A full queue reaches the browser as 503 with Retry-After, and nginx may
// turn to another server.
func TestBusy(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\nqueue.max_length = 0\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		held := d.Go(harness.Request{Path: "/hold.sh"})
		d.AwaitProcesses("hold.sh", 1)
		web := behind(t, d, harness.Site{KeepAlive: 2})
		if got := web.Fetch(t, "GET", "/works.sh", "", nil); got.Status != 503 || got.Header.Get("Retry-After") == "" {
			t.Errorf("got %v, want 503 with Retry-After", got)
		}
		gate.Open(1)
		<-held
		// The worker is free when its process is gone, a moment after its answer.
		harness.Eventually(t, harness.Patience, func() error {
			if got := web.Fetch(t, "GET", "/works.sh", "", nil); got.Body != "works" {
				return fmt.Errorf("then got %v", got)
			}
			return nil
		})
	})
}

// Kept connections pin no worker: more of nginx's than there are workers
// stay open while one worker serves them all.
func TestKeepAliveHoldsNoWorker(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\n", func(t *testing.T, d *harness.Daemon) {
		web := behind(t, d, harness.Site{KeepAlive: 32})
		var all sync.WaitGroup
		var served atomic.Int32
		for range 16 {
			all.Go(func() {
				for range 5 {
					if got := web.Fetch(t, "GET", "/works.sh", "", nil); got.Body == "works" {
						served.Add(1)
					}
				}
			})
		}
		all.Wait()
		if n := served.Load(); n != 16*5 {
			t.Errorf("%d of %d were served", n, 16*5)
		}
	})
}

// Requests through nginx, which keeps connections, survive reloads.
func TestReload(t *testing.T) {
	for name, listen := range map[string]string{"unix": "", "tcp": "listen = 127.0.0.1:{{PORT}}\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := suite.Start(t, pool+listen)
			web := behind(t, d, harness.Site{KeepAlive: 4})
			var stop atomic.Bool
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					for !stop.Load() {
						if got := web.Fetch(t, "GET", "/works.sh", "", nil); got.Body != "works" {
							t.Errorf("got %v", got)
							return
						}
					}
				})
			}
			for range 5 {
				d.Signal(syscall.SIGUSR2)
				d.Log.Expect("NOTICE: ready to handle connections")
			}
			stop.Store(true)
			all.Wait()
		})
	}
}
