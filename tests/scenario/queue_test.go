//go:build integration

package scenario

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

const oneWorker = "[www]\npm = static\npm.max_children = 1\npm.status_path = /status\nping.path = /ping\n"

// With all workers busy requests wait their turn, first come first served,
// and the status page says how many; nobody has to be free to answer it.
func TestQueue(t *testing.T) {
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		d.Script("order.sh", fmt.Sprintf("#!/bin/sh\nread x <%s\necho $QUERY_STRING >>%s/order\nprintf 'Content-Type: text/plain\\n\\nok'", gate.Path, d.Tmp))
		const n = 5
		var waiting []<-chan harness.Outcome
		for i := range n {
			waiting = append(waiting, d.Go(harness.Request{Path: "/order.sh?" + strconv.Itoa(i)}))
			d.AwaitProcesses("order.sh", 1)
			d.AwaitStatus("in the queue", func(s harness.Status) bool { return s.ListenQueue == i })
		}
		if s := d.Status(); s.MaxListenQueue < n-1 {
			t.Errorf("max listen queue is %d, want at least %d", s.MaxListenQueue, n-1)
		}
		if res := d.Get("/ping"); res.Body != "pong" {
			t.Errorf("ping got %q", res.Body)
		}
		gate.Open(n)
		for i, w := range waiting {
			if out := <-w; out.Err != nil || out.Body != "ok" {
				t.Errorf("request %d got %q, %v", i, out.Body, out.Err)
			}
		}
		order := d.ReadFile("tmp/order")
		d.Remove("tmp/order")
		if order != "0\n1\n2\n3\n4\n" {
			t.Errorf("served in the order %q", order)
		}
	})
}

// A full queue is 503 with Retry-After at once, and a log line.
func TestQueueFull(t *testing.T) {
	suite.Everybody(t, oneWorker+"queue.max_length = 2\nqueue.timeout = 1h\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		var served []<-chan harness.Outcome
		for i := range 3 {
			served = append(served, d.Go(harness.Request{Path: "/hold.sh"}))
			d.AwaitProcesses("hold.sh", 1)
			d.AwaitStatus("in the queue", func(s harness.Status) bool { return s.ListenQueue == i })
		}
		expectBusy(t, d.Get("/hold.sh")) // or it would wait for an hour
		d.Log.Expect(`WARNING: \[pool www\].*503`)
		gate.Open(3)
		for _, w := range served {
			if out := <-w; out.Err != nil || out.Body != "held" {
				t.Errorf("one that waited got %q, %v", out.Body, out.Err)
			}
		}
		d.ExpectWorks()
	})
}

// With queue.max_length = 0 nobody waits.
func TestNoQueue(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, oneWorker+"queue.max_length = 0\n")
	gate := d.Gate()
	first := d.Go(harness.Request{Path: "/hold.sh"})
	d.AwaitProcesses("hold.sh", 1)
	expectBusy(t, d.Get("/hold.sh"))
	gate.Open(1)
	if out := <-first; out.Body != "held" {
		t.Errorf("the first got %q, %v", out.Body, out.Err)
	}
}

// Who waits longer than queue.timeout gets 503 with Retry-After, too.
func TestQueueTimeout(t *testing.T) {
	suite.Everybody(t, oneWorker+"queue.timeout = 1s\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		first := d.Go(harness.Request{Path: "/hold.sh"})
		d.AwaitProcesses("hold.sh", 1)
		out := <-d.Go(harness.Request{Path: "/hold.sh"})
		expectBusy(t, out.Response)
		if out.Took < 900*time.Millisecond {
			t.Errorf("waited %v, want a second", out.Took)
		}
		d.Log.Expect(`WARNING: \[pool www\].*503`)
		gate.Open(1)
		if out := <-first; out.Body != "held" {
			t.Errorf("the first got %q, %v", out.Body, out.Err)
		}
	})
}

// A client that goes away gives up its place in the queue.
func TestQueueLeft(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, oneWorker)
	gate := d.Gate()
	d.Script("mark.sh", fmt.Sprintf("#!/bin/sh\n: >%s/ran\n", d.Tmp))
	first := d.Go(harness.Request{Path: "/hold.sh"})
	d.AwaitProcesses("hold.sh", 1)
	left, aborted := d.Dial(), d.Dial()
	left.Send(d.Request(harness.Request{Path: "/mark.sh"}).Bytes(1))
	aborted.Send(d.Request(harness.Request{Path: "/mark.sh", KeepConn: true}).Bytes(1))
	d.AwaitStatus("two waiting", func(s harness.Status) bool { return s.ListenQueue == 2 })
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	aborted.Send(harness.Record{Type: harness.AbortRequest, ID: 1}.Bytes())
	d.AwaitStatus("nobody waiting", func(s harness.Status) bool { return s.ListenQueue == 0 })
	if res := aborted.Response(1); len(res.Stdout) != 0 {
		t.Errorf("the aborted request got %q", res.Stdout)
	}
	gate.Open(1)
	<-first
	d.ExpectWorks()
	if d.Exists("tmp/ran") {
		t.Errorf("a request without a client was run")
	}
}

// How long a request waited is told to the script.
func TestQueueTimeIsTold(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, oneWorker)
	gate := d.Gate()
	d.Script("time.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s' \"$REQUEST_QUEUE_TIME\"")
	first := d.Go(harness.Request{Path: "/hold.sh"})
	d.AwaitProcesses("hold.sh", 1)
	second := d.Go(harness.Request{Path: "/time.sh"})
	d.AwaitStatus("one waiting", func(s harness.Status) bool { return s.ListenQueue == 1 })
	gate.Open(1)
	<-first
	out := <-second
	waited, err := strconv.ParseFloat(out.Body, 64)
	if err != nil || waited <= 0 || waited > out.Took.Seconds() {
		t.Errorf("REQUEST_QUEUE_TIME is %q after a wait of %v at most", out.Body, out.Took)
	}
}

func expectBusy(t *testing.T, res harness.Response) {
	t.Helper()
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if res.Status != 503 || err != nil || seconds < 1 {
		t.Errorf("got %d with Retry-After %q, want 503 with a number of seconds", res.Status, res.Header.Get("Retry-After"))
	}
}
