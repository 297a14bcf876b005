package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A result is what one contender reached over all rounds.
type result struct {
	name  string
	rates []float64
	tails []float64
}

func (r result) rate() float64 { return median(r.rates) }

func (r result) tail() time.Duration { return time.Duration(median(r.tails)) }

// compareAll runs the comparisons that were chosen and prints their table.
func compareAll(o options, out, progress io.Writer) error {
	var errs []error
	table := newComparisonTable(out)
	for _, c := range comparisons(o) {
		if !o.rows.MatchString(c.name) {
			continue
		}
		var results []result
		err := harness.Session(c.name, progress, func(t harness.T) {
			results = c.run(t, o, progress)
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
			continue
		}
		errs = append(errs, table.add(c, results, o))
	}
	return errors.Join(append(errs, table.flush())...)
}

// run measures every contender in turn, round by round: the peers, then
// anyfpm.
func (c comparison) run(t harness.T, o options, progress io.Writer) []result {
	contenders := c.peers
	if !o.peersOnly {
		contenders = append(slices.Clone(c.peers), c.own)
	}
	results := make([]result, len(contenders))
	urls := make([]string, len(contenders))
	for i, contender := range contenders {
		results[i].name = contender.name
		urls[i] = front(t, contender.start(t, o), contender.keepAlive, identity())
		loadOnce(t, urls[i], o.connections, time.Second) // to warm it up
	}
	for round := range o.rounds {
		for i, url := range urls {
			l := loadOnce(t, url, o.connections, o.duration)
			results[i].rates = append(results[i].rates, l.rate)
			results[i].tails = append(results[i].tails, float64(l.tail))
			_, _ = fmt.Fprintf(progress, "%s, round %d, %s: %.0f/s\n", c.name, round+1, contenders[i].name, l.rate)
		}
	}
	return results
}

func loadOnce(t harness.T, url string, connections int, duration time.Duration) load {
	t.Helper()
	l, err := wrk(url, connections, duration)
	if err == nil && l.failed != "" {
		err = errors.New(l.failed)
	}
	if err == nil && l.requests == 0 {
		err = errors.New("no request was answered")
	}
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return l
}

// median does not mind the order.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[n/2] + sorted[(n-1)/2]) / 2
}
