//go:build integration

package scenario

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// make soak makes these longer.
var (
	reloads = flag.Int("reloads", 6, "reload so many `times` under load")
	storms  = flag.Int("storms", 3, "send so many storms of signals")
	kills   = flag.Int("kills", 4, "kill so many processes at random moments")
)

// Requests through nginx over kept and new connections, by unix socket and
// TCP, short ones as fast as they go and slow ones that are always in flight,
// are all answered however often the service is reloaded, by signal and by
// command, in place and by another program. They are POSTs, which nginx does
// not send again. Nothing is left of any generation.
func TestReloadsUnderLoad(t *testing.T) {
	const pools = `
[unix]
pm = static
pm.max_children = 4
runner = php
[tcp]
listen = %s
pm = dynamic
pm.max_children = 4
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
runner = php
[idle]
pm = ondemand
pm.max_children = 2
runner = cgi
`
	d := install(t, fmt.Sprintf(pools, "127.0.0.1:{{PORT}}"), harness.Current())
	d.File("hello.php", "<?php echo 'hello ', strlen(file_get_contents('php://input'));")
	d.File("slow.php", "<?php usleep(300000); echo 'slow ', strlen(file_get_contents('php://input'));")
	sites := map[string]*harness.Nginx{}
	for name, site := range map[string]harness.Site{
		"unix":      {Upstream: d.Address("unix")},
		"unix kept": {Upstream: d.Address("unix"), KeepAlive: 8},
		"tcp kept":  {Upstream: d.Address("tcp"), KeepAlive: 8},
	} {
		site.Root = d.WWW
		sites[name] = harness.StartNginx(t, site, harness.Current())
	}
	before := len(d.Family())

	var loads sync.WaitGroup
	var stop atomic.Bool
	var slow atomic.Int64
	running := map[string]*wrk{}
	for name, n := range sites {
		running[name] = startWrk(t, string(n.Browser)+"/hello.php")
		loads.Go(func() {
			for !stop.Load() {
				if got, err := post(string(n.Browser)+"/slow.php", "four"); err != nil || got != "200 slow 4" {
					t.Errorf("a slow request, %s: %q, %v", name, got, err)
				}
				slow.Add(1)
			}
		})
	}
	began := time.Now()
	for i := range *reloads {
		switch i % 10 {
		case 3, 7:
			d.Signal(syscall.SIGUSR2)
			d.Log.Expect("NOTICE: ready to handle connections")
		case 5:
			d.upgrade()
			fallthrough
		default:
			d.reload()
			d.Log.Expect("NOTICE: ready to handle connections")
		}
	}
	took := time.Since(began)
	stop.Store(true)
	loads.Wait()
	requests := 0
	for name, w := range running {
		requests += w.end(name)
	}
	for name, n := range sites {
		for _, line := range n.Log.Lines() {
			if strings.Contains(line, "[error]") || strings.Contains(line, "[alert]") {
				t.Errorf("nginx, %s: %s", name, line)
			}
		}
	}
	t.Logf("%d reloads in %v, %d requests and %d slow ones", *reloads, took, requests, slow.Load())
	if requests == 0 || slow.Load() == 0 {
		t.Errorf("there was no load")
	}
	harness.Eventually(t, harness.Patience, func() error {
		// A dynamic pool may have one worker more or less.
		if now := len(d.Family()); now > before+2 {
			return fmt.Errorf("%d processes are left, there were %d: %v", now, before, d.Family())
		}
		return nil
	})
}

// A wrk is a load that goes on until it is ended.
type wrk struct {
	t   *testing.T
	cmd *exec.Cmd
	out *strings.Builder
}

func startWrk(t *testing.T, url string) *wrk {
	t.Helper()
	script := filepath.Join(t.TempDir(), "post.lua")
	if err := os.WriteFile(script, []byte("wrk.method = 'POST'\nwrk.body = 'four'\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := &wrk{t: t, cmd: exec.Command("wrk", "-t1", "-c4", "-d1h", "--timeout", "30s", "-s", script, url), out: &strings.Builder{}}
	w.cmd.Stdout, w.cmd.Stderr = w.out, w.out
	if err := w.cmd.Start(); err != nil {
		t.Fatalf("wrk is missing, run scripts/install-test-deps: %v", err)
	}
	t.Cleanup(func() { _ = w.cmd.Process.Kill() })
	return w
}

// end ends the load and returns how many requests there were; failed ones fail
// the test.
func (w *wrk) end(name string) int {
	w.t.Helper()
	_ = w.cmd.Process.Signal(syscall.SIGINT)
	_ = w.cmd.Wait()
	out := w.out.String()
	if failed := regexp.MustCompile(`(Socket errors|Non-2xx or 3xx responses): .*`).FindString(out); failed != "" {
		w.t.Errorf("%s: %s", name, failed)
	}
	var requests int
	if found := regexp.MustCompile(`(\d+) requests in`).FindString(out); found == "" {
		w.t.Errorf("%s: wrk says %q", name, out)
	} else if _, err := fmt.Sscan(found, &requests); err != nil {
		w.t.Error(err)
	}
	return requests
}

// post sends a request over a connection of its own.
func post(url, body string) (string, error) {
	res, err := harness.Client().Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var text strings.Builder
	_, err = fmt.Fprintf(&text, "%d ", res.StatusCode)
	if err == nil {
		_, err = io.Copy(&text, res.Body)
	}
	return text.String(), err
}
