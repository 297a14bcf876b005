//go:build integration

package scenario

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// at sends a request to an address that is no pool's.
func at(t *testing.T, address string, d *harness.Daemon, path string) string {
	t.Helper()
	conn := harness.Dial(t, address)
	conn.Send(d.Request(harness.Request{Path: path}).Bytes(1))
	text := string(conn.Response(1).Stdout)
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	return text
}

// With all workers busy and the queue full the page of pm.status_listen tells
// of the pool, its own clients not included; other requests it refuses. The
// page is there all through a reload that waits for a request.
func TestStatusListen(t *testing.T) {
	suite.Everybody(t, oneWorker+"queue.max_length = 2\npm.status_listen = {{RUN}}/status.sock\n", func(t *testing.T, d *harness.Daemon) {
		address := filepath.Join(d.Run, "status.sock")
		gate := d.Gate()
		var held []<-chan harness.Outcome
		for i := range 3 {
			held = append(held, d.Go(harness.Request{Path: "/hold.sh"}))
			d.AwaitProcesses("hold.sh", 1)
			d.AwaitStatus("in the queue", func(s harness.Status) bool { return s.ListenQueue == i })
		}
		accepted := d.Status().AcceptedConn
		page := at(t, address, d, "/status?full")
		for _, want := range []string{
			"\nlisten queue:         2\n", "\nidle processes:       0\n", "\nactive processes:     1\n", "\ntotal processes:      1\n",
			"\nstate:                Running\n", "\nrequest URI:          /hold.sh\n", "\nscript:               " + d.WWW + "/hold.sh\n",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("no %q in %q", want, page)
			}
		}
		if now := d.Status().AcceptedConn; now != accepted+1 {
			t.Errorf("%d requests are counted, want %d: those of pm.status_listen are none", now, accepted+1)
		}
		if got := at(t, address, d, "/works.sh"); !strings.HasPrefix(got, "Status: 404 ") {
			t.Errorf("another request got %q", got)
		}

		reloaded := make(chan int, 1)
		go func() {
			_, code := d.CLI("reload", "-y", d.Conf)
			reloaded <- code
		}()
		for over := false; !over; {
			select {
			case code := <-reloaded:
				if code != 0 {
					t.Errorf("the reload ended with %d", code)
				}
				over = true
			default:
			}
			if got := at(t, address, d, "/status"); !strings.Contains(got, "\npool:                 www\n") {
				t.Errorf("during the reload the page is %q", got)
			}
			if got := d.Get("/status"); got.Status != 200 {
				t.Errorf("during the reload the page of the pool is %d", got.Status)
			}
		}
		gate.Open(3)
		for _, h := range held {
			if out := <-h; out.Body != "held" {
				t.Errorf("one that waited got %q, %v", out.Body, out.Err)
			}
		}
	})
}

// What the page costs while everything is busy.
func TestStatusIsQuick(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, oneWorker+"queue.max_length = 50\nqueue.timeout = 1h\n")
	gate := d.Gate()
	var held []<-chan harness.Outcome
	for range 51 {
		held = append(held, d.Go(harness.Request{Path: "/hold.sh"}))
	}
	d.AwaitStatus("full", func(s harness.Status) bool { return s.ListenQueue == 50 })
	conn := d.Dial()
	request := d.Request(harness.Request{Path: "/status?json&full", KeepConn: true}).Bytes(1)
	const n = 200
	before := harness.ProcessorTime(t, d.Supervisor("www"))
	for range n {
		conn.Send(request)
		if got := string(conn.Response(1).Stdout); !strings.Contains(got, `"listen queue":50`) {
			t.Fatalf("got %q", got)
		}
	}
	cost := (harness.ProcessorTime(t, d.Supervisor("www")) - before) / n
	t.Logf("a status page takes %v of a processor", cost)
	if cost > 20*time.Millisecond {
		t.Errorf("a status page takes %v of a processor", cost)
	}
	gate.Open(51)
	for _, h := range held {
		<-h
	}
}
