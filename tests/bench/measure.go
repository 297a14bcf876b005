package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A measure is something anyfpm promises by itself.
type measure struct {
	name, what string
	take       func(t harness.T, o options) []figure
}

// A figure is one number of a measure.
type figure struct {
	what        string
	value, most float64 // most is 0 for information
	unit        string
}

func (f figure) missed() bool { return f.most > 0 && f.value > f.most }

func measures() []measure {
	return []measure{
		{"memory idle", "private memory of a supervisor with nothing to do", idleMemory},
		{"memory bodies", "peak of a supervisor that passes on 1 GiB up and 1 GiB down", bodyMemory},
		{"memory connections", "10,000 idle kept connections", connectionMemory},
		{"memory pools", "1,000 ondemand pools", poolMemory},
		{"reload pools", "reload of 1,000 ondemand pools", reloadPools},
		{"reload throughput", "answers in each 100 ms around a reload", reloadThroughput},
		{"fork loop", "what a bare parent that forks, runs and reaps does on one core", forkLoops},
		{"memory workers", "200 persistent Python workers of one pool, each after a request with five imports", workerMemory},
		{"wakeups", "what an idle instance does", wakeups},
		{"observation cpu", "CPU time that observing a pool costs a request, in all processes", observationCPU},
		{"syscalls", "system calls for a request that a resident worker answers", syscalls},
	}
}

// measureAll takes the measures that were chosen and prints their table.
func measureAll(o options, out, progress io.Writer) error {
	if o.peersOnly {
		return nil
	}
	var errs []error
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, m := range measures() {
		if !o.rows.MatchString(m.name) {
			continue
		}
		var figures []figure
		err := harness.Session(m.name, progress, func(t harness.T) { figures = m.take(t, o) })
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.name, err))
		}
		for _, f := range figures {
			most, verdict := "-", ""
			if f.most > 0 {
				most, verdict = fmt.Sprintf("%.1f", f.most), "ok"
			}
			if f.missed() {
				verdict = "MISSED"
				errs = append(errs, fmt.Errorf("%s: %s is %.1f %s, wanted at most %s", m.name, f.what, f.value, f.unit, most))
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%.1f %s\tat most %s\t%s\n", m.name, f.what, f.value, f.unit, most, verdict)
		}
	}
	return errors.Join(append(errs, w.Flush())...)
}
