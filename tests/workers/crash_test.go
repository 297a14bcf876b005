//go:build integration

package workers

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// With all workers killed at once, again and again, while GET requests come in
// through nginx, no request fails but one whose response had begun. The workers'
// zygote may be killed as well.
func TestCrashOfAllWorkers(t *testing.T) {
	const workers, clients = 4, 8
	for name, tt := range map[string]struct{ conf, script string }{
		"persistent":    {persistent, pidScript},
		"with a zygote": {persistent + "runner.preload[] = json\n", pidScript},
		"fork":          {"runner = python\n", pidScript},
		"php":           {"runner = php\nsecurity.limit_extensions =\n", "<?php header('Content-Type: text/plain'); echo getmypid();"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := suite.Start(t, static(workers)+tt.conf)
			d.File("x", tt.script)
			web := harness.StartNginx(t, harness.Site{Upstream: d.Address(), KeepAlive: clients, Root: d.WWW}, harness.Current())
			stop := make(chan struct{})
			var answered [clients]atomic.Int64
			faults := make(chan error, clients)
			var running sync.WaitGroup
			for i := range clients {
				running.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if err := fetch(string(web.Browser) + "/x"); err != nil {
							faults <- err
							return
						}
						answered[i].Add(1)
					}
				})
			}
			all := func(than []int64) bool {
				for i := range answered {
					if answered[i].Load() < than[i]+2 {
						return false
					}
				}
				return true
			}
			for range *crashes {
				// Not before every client has got over the last crash: a request
				// has two attempts, and may be in one crash but not in two.
				var before []int64
				for i := range answered {
					before = append(before, answered[i].Load())
				}
				s := d.AwaitStatus("all at work", func(s harness.Status) bool {
					return len(faults) > 0 || len(s.Processes) >= workers && all(before)
				})
				if len(faults) > 0 {
					break
				}
				targets := pids(s)
				if name == "with a zygote" {
					supervisor := d.Supervisor("www")
					targets = nil
					for _, p := range d.Find("anyfpm: pool www") {
						if p.PID != supervisor {
							targets = append(targets, p.PID)
						}
					}
				}
				for _, pid := range targets {
					if pid > 1 {
						_ = syscall.Kill(pid, syscall.SIGKILL) // a fork may be over by now
					}
				}
			}
			close(stop)
			running.Wait()
			close(faults)
			for err := range faults {
				t.Error(err)
			}
			total := int64(0)
			for i := range answered {
				total += answered[i].Load()
			}
			t.Logf("%d requests answered", total)
		})
	}
}

// fetch wants a whole answer, or half of one: what has begun when its worker dies
// cannot be saved, only told from what is whole.
func fetch(url string) error {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("got %d %q", res.StatusCode, body)
	case err == nil && len(body) == 0:
		return fmt.Errorf("an empty body looks whole")
	}
	return nil
}
