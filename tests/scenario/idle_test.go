//go:build integration

package scenario

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// The tests of this file measure. They do not run beside others.

// An idle instance makes no wake-up at all: not its master, not a supervisor,
// with requests behind it and connections kept open.
func TestNoWakeups(t *testing.T) {
	d := suite.Start(t, oneWorker+"[two]\npm = dynamic\npm.max_children = 3\npm.start_servers = 1\npm.min_spare_servers = 1\npm.max_spare_servers = 2\n[three]\npm = ondemand\npm.max_children = 2\n")
	idle := d.Dial()
	idle.Send(d.Request(harness.Request{Path: "/ping", KeepConn: true}).Bytes(1))
	idle.Response(1)
	d.ExpectWorks("www")
	d.ExpectWorks("two")

	count := func() map[int]int {
		n := make(map[int]int)
		for _, p := range append(d.Family(), harness.Proc{PID: d.PID}) {
			w, err := harness.Wakeups(p.PID)
			if err != nil {
				t.Fatal(err)
			}
			n[p.PID] = w
		}
		return n
	}
	// What the requests above brought with them settles first: timers that
	// are still set, and the runtime's threads going to sleep.
	const quiet = 3 * time.Second
	harness.Eventually(t, time.Minute, func() error {
		before := count()
		harness.Throughout(t, quiet, func() error { return nil })
		after := count()
		for pid, n := range after {
			if n != before[pid] {
				return fmt.Errorf("process %d woke up %d times in %v", pid, n-before[pid], quiet)
			}
		}
		return nil
	})
}

// A large body and a large response each pass through bounded memory, spooled
// and streamed.
func TestLargeBodies(t *testing.T) {
	const size = 256 << 20
	for name, line := range map[string]string{"spooled": "", "streamed": "request_body.streaming = yes\n"} {
		t.Run(name, func(t *testing.T) {
			d := suite.Start(t, oneWorker+line)
			d.Script("count.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nwc -c")
			d.Script("zeros.sh", fmt.Sprintf("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nhead -c %d /dev/zero", size))

			up := d.Dial()
			r := d.Request(harness.Request{Method: "POST", Path: "/count.sh", Params: map[string]string{"CONTENT_LENGTH": fmt.Sprint(size)}})
			up.Send(r.Head(1))
			chunk := harness.Chunks(harness.Stdin, 1, make([]byte, 1<<20))
			for range size >> 20 {
				up.Send(chunk)
			}
			up.Send(harness.Stream(harness.Stdin, 1, nil))
			if res := up.Response(1); strings.TrimSpace(res.Body) != fmt.Sprint(size) {
				t.Errorf("the script read %q bytes", res.Body)
			}

			down := d.Dial()
			down.Send(d.Request(harness.Request{Path: "/zeros.sh"}).Bytes(1))
			total := 0
			for rec := down.Read(); rec.Type != harness.EndRequest; rec = down.Read() {
				_, body, found := bytes.Cut(rec.Content, []byte("\r\n\r\n"))
				if !found {
					body = rec.Content
				}
				total += bytes.Count(body, []byte{0})
			}
			if total != size {
				t.Errorf("the client read %d bytes", total)
			}
			d.ExpectPeakBelow(d.Supervisor("www"), 32)
		})
	}
}

// 10,000 idle kept connections hold no worker and little memory, and requests
// on others are served as before.
func TestIdleConnections(t *testing.T) {
	const n = 10000
	d := suite.Start(t, oneWorker+"rlimit_files = 16384\n")
	d.ExpectWorks()
	pid := d.Supervisor("www")
	before, err := harness.MemoryOf(pid)
	if err != nil {
		t.Fatal(err)
	}
	ping := d.Request(harness.Request{Path: "/ping", KeepConn: true}).Bytes(1)
	for range n {
		c := d.Dial()
		c.Send(ping)
		c.Response(1)
	}
	if s := d.Status(); s.ActiveProcesses > 1 {
		t.Errorf("%d active processes", s.ActiveProcesses)
	}
	after, err := harness.MemoryOf(pid)
	if err != nil {
		t.Fatal(err)
	}
	if each := float64(after.Private-before.Private) / n; each > 4 {
		t.Errorf("an idle connection costs %.1f KiB, want 4 at most", each)
	}
	began := time.Now()
	for range 100 {
		d.ExpectWorks()
	}
	t.Logf("with %d connections idle: %v for a request, %d KiB before, %d KiB after", n, time.Since(began)/100, before.Private, after.Private)
}

// A thousand ondemand pools start in seconds, cost the master little memory
// and no process, and each serves when it is asked.
func TestThousandPools(t *testing.T) {
	const n = 1000
	var conf strings.Builder
	for i := range n {
		fmt.Fprintf(&conf, "[pool%d]\npm = ondemand\npm.max_children = 2\npm.process_idle_timeout = 1s\n", i)
	}
	began := time.Now()
	d := suite.Start(t, conf.String())
	if used := harness.ProcessorTime(t, d.PID); used > 5*time.Second {
		t.Errorf("ready after %v of a processor, want 5 s at most", used)
	}
	if family := d.Family(); len(family) > 0 {
		t.Errorf("processes run that nobody asked for: %v", family)
	}
	m, err := harness.MemoryOf(d.PID)
	if err != nil {
		t.Fatal(err)
	}
	if m.Private > 20<<10 {
		t.Errorf("the master takes %d KiB, want 20 MiB at most", m.Private)
	}
	for _, i := range []int{0, 1, 500, n - 1} {
		d.ExpectWorks(fmt.Sprintf("pool%d", i))
	}
	d.AwaitProcesses("", 0)
	t.Logf("ready after %v, master %d KiB", time.Since(began), m.Private)
}

// Requests over and over leave no descriptor and no memory behind.
func TestNoLeak(t *testing.T) {
	d := suite.Start(t, "[www]\npm = static\npm.max_children = 4\npm.status_path = /status\n")
	d.ExpectWorks()
	pid := d.Supervisor("www")
	const rounds = 300
	load := func() {
		for range rounds {
			d.ExpectWorks()
			d.Get("/missing.sh")
			c := d.Dial()
			c.Send(d.Request(harness.Request{Path: "/works.sh"}).Head(1))
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	load()
	files := harness.OpenFiles(pid)
	// A leak shows each time, what the garbage collector is late with does not.
	for try := 1; ; try++ {
		before, err := harness.MemoryOf(pid)
		if err != nil {
			t.Fatal(err)
		}
		load()
		after, err := harness.MemoryOf(pid)
		if err != nil {
			t.Fatal(err)
		}
		grown := after.Private - before.Private
		if grown <= rounds {
			break
		}
		if try == 5 {
			t.Errorf("%d times %d KiB and more after %d more requests", try, grown, 3*rounds)
			break
		}
	}
	harness.Eventually(t, harness.Patience, func() error {
		if now := harness.OpenFiles(pid); now > files+4 {
			return fmt.Errorf("%d descriptors, %d before", now, files)
		}
		return nil
	})
}
