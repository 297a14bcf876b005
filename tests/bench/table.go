package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// A comparisonTable prints a line for each contender.
type comparisonTable struct {
	w       *tabwriter.Writer
	started bool
}

func newComparisonTable(out io.Writer) *comparisonTable {
	return &comparisonTable{w: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
}

// add prints one comparison and returns what it missed.
func (t *comparisonTable) add(c comparison, results []result, o options) error {
	if !t.started {
		t.started = true
		t.line("row", "contender", "requests/s", "p99", "anyfpm is", "at least", "")
	}
	own := results[len(results)-1]
	var missed []error
	for i, r := range results {
		if o.peersOnly || i == len(results)-1 {
			t.line(c.name, r.name, fmt.Sprintf("%.0f", r.rate()), r.tail().String(), "", "", "")
			continue
		}
		reached := own.rate() / r.rate()
		verdict := ""
		if c.atLeast[i] > 0 {
			verdict = "ok"
		}
		if reached < c.atLeast[i] {
			verdict = "MISSED"
			missed = append(missed, fmt.Errorf("%s: %s × %s, wanted %s", c.name, ratio(reached), r.name, ratio(c.atLeast[i])))
		}
		if c.tail && i == 0 && own.tail() > r.tail() {
			verdict = "MISSED"
			missed = append(missed, fmt.Errorf("%s: p99 %v, %s has %v", c.name, own.tail(), r.name, r.tail()))
		}
		t.line(c.name, r.name, fmt.Sprintf("%.0f", r.rate()), r.tail().String(), ratio(reached)+" ×", threshold(c.atLeast[i]), verdict)
	}
	return errors.Join(missed...)
}

func (t *comparisonTable) line(cells ...any) {
	for _, cell := range cells {
		_, _ = fmt.Fprintf(t.w, "%v\t", cell)
	}
	_, _ = fmt.Fprintln(t.w)
}

func (t *comparisonTable) flush() error { return t.w.Flush() }

func threshold(n float64) string {
	if n == 0 {
		return "-"
	}
	return ratio(n)
}

func ratio(n float64) string { return strconv.FormatFloat(n, 'f', 2, 64) }
