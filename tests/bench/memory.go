package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

func idleMemory(t harness.T, o options) []figure {
	d := anyfpm(t, o)
	d.ExpectWorks()
	m := memoryOf(t, d.Supervisor("www"))
	return []figure{{"private memory", float64(m.Private) / 1024, 8, "MiB"}}
}

func bodyMemory(t harness.T, o options) []figure {
	const size = 1 << 30
	d := anyfpm(t, o)
	d.Script("count.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nwc -c")
	d.Script("zeros.sh", fmt.Sprintf("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nhead -c %d /dev/zero", size))
	began := time.Now()
	upload(t, d, size)
	up := time.Since(began)
	peak := memoryOf(t, d.Supervisor("www")).Peak
	began = time.Now()
	download(t, d)
	down := time.Since(began)
	return []figure{
		{"peak after the upload", float64(peak) / 1024, 32, "MiB"},
		{"peak after the response", float64(memoryOf(t, d.Supervisor("www")).Peak) / 1024, 32, "MiB"},
		{"time for the upload", up.Seconds(), 0, "s"},
		{"time for the response", down.Seconds(), 0, "s"},
	}
}

func upload(t harness.T, d *harness.Daemon, size int) {
	c := d.Dial()
	r := harness.Request{Method: "POST", Path: "/count.sh", Params: map[string]string{"CONTENT_LENGTH": fmt.Sprint(size)}}
	c.Send(d.Request(r).Head(1))
	chunk := harness.Chunks(harness.Stdin, 1, make([]byte, 1<<20))
	for range size >> 20 {
		c.Send(chunk)
	}
	c.Send(harness.Stream(harness.Stdin, 1, nil))
	if res := c.Response(1); strings.TrimSpace(res.Body) != fmt.Sprint(size) {
		t.Errorf("the script read %q bytes of %d", res.Body, size)
	}
}

func download(t harness.T, d *harness.Daemon) {
	c := d.Dial()
	c.Send(d.Request(harness.Request{Path: "/zeros.sh"}).Bytes(1))
	zeros := 0
	for rec := c.Read(); rec.Type != harness.EndRequest; rec = c.Read() {
		zeros += bytes.Count(rec.Content, []byte{0})
	}
	if zeros != 1<<30 {
		t.Errorf("the client read %d bytes", zeros)
	}
}

func connectionMemory(t harness.T, o options) []figure {
	const n = 10000
	d := anyfpm(t, o, "rlimit_files = 16384")
	d.ExpectWorks()
	pid := d.Supervisor("www")
	before, quick := memoryOf(t, pid), pings(d)
	request := d.Request(harness.Request{Path: "/ping", KeepConn: true}).Bytes(1)
	for range n {
		c := d.Dial()
		c.Send(request)
		c.Response(1)
	}
	after := memoryOf(t, pid)
	return []figure{
		{"each connection", float64(after.Private-before.Private) / n, 4, "KiB"},
		{"a request before", float64(quick.Microseconds()), 0, "µs"},
		{"a request beside them", float64(pings(d).Microseconds()), 0, "µs"},
	}
}

// pings returns what a request takes on average.
func pings(d *harness.Daemon) time.Duration {
	const n = 500
	began := time.Now()
	for range n {
		d.Get("/ping")
	}
	return time.Since(began) / n
}

func poolMemory(t harness.T, o options) []figure {
	const n = 1000
	var conf strings.Builder
	for i := range n {
		fmt.Fprintf(&conf, "[pool%d]\npm = ondemand\npm.max_children = 2\n", i)
	}
	began := time.Now()
	d := harness.Start(t, harness.Service{Binary: o.binary, Conf: conf.String(), As: identity()})
	took := time.Since(began)
	figures := []figure{
		{"time to be ready", took.Seconds(), 5, "s"},
		{"private memory of the master", float64(memoryOf(t, d.PID).Private) / 1024, 20, "MiB"},
	}
	if family := d.Family(); len(family) > 0 {
		t.Errorf("processes that nobody asked for: %v", family)
	}
	return figures
}

// workerMemory compares workers that were forked from a process with the modules
// of their script with as many interpreters of their own.
func workerMemory(t harness.T, o options) []figure {
	const n, few = 200, 20
	preload := []string{"json", "datetime", "urllib.parse", "email.message", "decimal"}
	with := []string{fmt.Sprintf("pm.max_children = %d", n)}
	for _, module := range preload {
		with = append(with, "runner.preload[] = "+module)
	}
	return []figure{
		{"each, forked from a zygote", workersOf(t, o, n, preload, with...), 2.5, "MiB"},
		{"each, an interpreter of its own", workersOf(t, o, few, preload, fmt.Sprintf("pm.max_children = %d", few)), 0, "MiB"},
	}
}

// workersOf returns the private memory of n persistent Python workers, on
// average, when each has run a script that imports modules.
func workersOf(t harness.T, o options, n int, modules []string, lines ...string) float64 {
	d := anyfpm(t, o, append([]string{"runner = python", "runner.isolation = persistent"}, lines...)...)
	d.File("wait.py", "import os, time, "+strings.Join(modules, ", ")+"\n"+
		"while not os.path.exists('"+d.WWW+"/go'): time.sleep(0.1)\n"+
		"print('Content-Type: text/plain\\n\\n%s %s' % (json.dumps({'a': 1}), decimal.Decimal(1) / 3))\n")
	var answers []<-chan harness.Outcome
	for range n {
		answers = append(answers, d.Go(harness.Request{Path: "/wait.py"}))
	}
	d.AwaitStatus("all workers at work", func(s harness.Status) bool {
		busy := 0
		for _, p := range s.Processes {
			if p.State == "Running" {
				busy++
			}
		}
		return busy == n
	})
	d.File("go", "")
	for _, a := range answers {
		if out := <-a; out.Err != nil || out.Status != 200 {
			t.Fatalf("got %d %q, %v", out.Status, out.Body, out.Err)
		}
	}
	private := 0
	for _, p := range d.Status().Processes {
		private += memoryOf(t, p.PID).Private
	}
	return float64(private) / float64(n) / 1024
}

func wakeups(t harness.T, o options) []figure {
	d := anyfpm(t, o)
	d.ExpectWorks()
	const settle, span = 10 * time.Second, 10 * time.Second
	wait := func(long time.Duration) { harness.Throughout(t, long, func() error { return nil }) }
	count := func() float64 {
		sum := 0
		for _, pid := range []int{d.PID, d.Supervisor("www")} {
			n, err := harness.Wakeups(pid)
			if err != nil {
				t.Fatalf("%v", err)
			}
			sum += n
		}
		return float64(sum)
	}
	wait(settle)
	before := count()
	wait(span)
	// At most less than one, since 0 would be for information.
	return []figure{{fmt.Sprintf("in %v, master and supervisor", span), count() - before, 0.5, "wake-ups"}}
}

func memoryOf(t harness.T, pid int) harness.Memory {
	m, err := harness.MemoryOf(pid)
	if err != nil {
		t.Fatalf("cannot read the memory of process %d: %v", pid, err)
	}
	return m
}
