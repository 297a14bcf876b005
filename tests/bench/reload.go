package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// reloadPools measures the reload of many pools without a process.
func reloadPools(t harness.T, o options) []figure {
	const n = 1000
	var conf strings.Builder
	for i := range n {
		fmt.Fprintf(&conf, "[pool%d]\npm = ondemand\npm.max_children = 2\n", i)
	}
	d := harness.Start(t, harness.Service{Binary: o.binary, Conf: conf.String(), As: identity()})
	var times []time.Duration
	for range 5 {
		times = append(times, reload(t, d))
	}
	slices.Sort(times)
	return []figure{
		{"a reload, median of 5", float64(times[len(times)/2].Milliseconds()), 2000, "ms"},
		{"the slowest", float64(times[len(times)-1].Milliseconds()), 0, "ms"},
	}
}

// reload reloads by the command and returns what that took.
func reload(t harness.T, d *harness.Daemon) time.Duration {
	began := time.Now()
	if out, code := d.CLI("reload", "--control", d.Control()); code != 0 {
		t.Fatalf("reload ended with %d: %s", code, out)
	}
	return time.Since(began)
}

// reloadThroughput counts the answers in each tenth of a second, without and
// with reloads: under a load that leaves no processor idle, and under one of
// half that many requests.
func reloadThroughput(t harness.T, o options) []figure {
	d := anyfpm(t, o, "runner = php")
	d.File("hello.php", "<?php echo 'hello';")
	full := around(t, d, 0)
	half := around(t, d, time.Duration(float64(2*steadyClients*bucket)/full.usual))
	return append(full.figures("all processors busy", 0), half.figures("half the load", 20)...)
}

const (
	bucket        = 100 * time.Millisecond
	steadyClients = 8
)

// A dip is what reloads do to the number of answers in a bucket.
type dip struct {
	usual, least  float64   // without a reload: the median and the worst
	worst, reload []float64 // of each reload, sorted: its worst, and its time in ms
}

func (d dip) figures(load string, most float64) []figure {
	lost := func(n float64) float64 { return max(100-100*n/d.usual, 0) }
	return []figure{
		{load + ": requests in 100 ms", d.usual, 0, ""},
		{load + ": fewer in the worst of 30 without a reload", lost(d.least), 0, "%"},
		{load + ": fewer in the worst of a reload, median of 10", lost(d.worst[len(d.worst)/2]), most, "%"},
		{load + ": fewer in the worst of all", lost(d.worst[0]), 0, "%"},
		{load + ": time of a reload, median", d.reload[len(d.reload)/2], 0, "ms"},
	}
}

// around sends requests over kept connections, each interval or as fast as
// they are answered, and reloads ten times.
func around(t harness.T, d *harness.Daemon, interval time.Duration) dip {
	const (
		reloads = 10
		pause   = 500 * time.Millisecond
		length  = 10 * time.Minute
	)
	request := d.Request(harness.Request{Path: "/hello.php", KeepConn: true}).Bytes(1)
	answers := make([]atomic.Int64, length/bucket)
	var stop atomic.Bool
	var running sync.WaitGroup
	began := time.Now()
	for n := range steadyClients {
		c := d.Dial()
		running.Go(func() {
			next := began.Add(interval * time.Duration(n) / steadyClients)
			for !stop.Load() {
				if wait := time.Until(next); wait > 0 {
					<-time.After(wait)
				}
				next = next.Add(interval)
				c.Send(request)
				if res := c.Response(1); res.Body != "hello" {
					t.Errorf("got %q", res.Body)
				}
				answers[time.Since(began)/bucket].Add(1)
			}
		})
	}
	wait := func(long time.Duration) { harness.Throughout(t, long, func() error { return nil }) }
	counts := func(from, to time.Duration) (list []float64) {
		for i := from/bucket + 1; i < to/bucket; i++ {
			list = append(list, float64(answers[i].Load()))
		}
		slices.Sort(list)
		return list
	}
	wait(pause)
	from := time.Since(began)
	wait(30 * bucket)
	quiet := counts(from, time.Since(began))
	seen := dip{usual: quiet[len(quiet)/2], least: quiet[0]}
	for range reloads {
		from := time.Since(began)
		seen.reload = append(seen.reload, float64(reload(t, d).Milliseconds()))
		wait(3 * bucket) // the old generation leaves
		seen.worst = append(seen.worst, counts(from, time.Since(began))[0])
		wait(pause)
	}
	stop.Store(true)
	running.Wait()
	slices.Sort(seen.worst)
	slices.Sort(seen.reload)
	return seen
}
