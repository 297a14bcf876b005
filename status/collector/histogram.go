package collector

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/anyfpm/anyfpm/status"
)

// A histogram is a metric with classic buckets for everybody and native ones
// for a Prometheus that asks for them (client_golang makes constant metrics of
// either, not of both).
type histogram struct {
	desc *prometheus.Desc
	pool string
	from *status.Histogram
}

func newHistogram(desc *prometheus.Desc, from *status.Histogram, pool string) prometheus.Metric {
	return &histogram{desc: desc, pool: pool, from: from}
}

// Desc implements prometheus.Metric.
func (h *histogram) Desc() *prometheus.Desc { return h.desc }

// Write implements prometheus.Metric.
func (h *histogram) Write(out *dto.Metric) error {
	name := "pool"
	out.Label = []*dto.LabelPair{{Name: &name, Value: &h.pool}}
	out.Histogram = &dto.Histogram{
		SampleCount:   new(h.from.Count()),
		SampleSum:     new(h.from.Sum().Seconds()),
		Schema:        new(int32(status.NativeSchema)),
		ZeroThreshold: new(float64(status.NativeZeroThreshold)),
		ZeroCount:     new(h.from.Zero()),
	}
	for bound, cumulative := range h.from.Classic() {
		out.Histogram.Bucket = append(out.Histogram.Bucket, &dto.Bucket{
			UpperBound: new(bound.Seconds()), CumulativeCount: new(cumulative),
		})
	}
	out.Histogram.PositiveSpan, out.Histogram.PositiveDelta = nativeBuckets(h.from)
	return nil
}

// nativeBuckets encodes the native buckets as spans of neighbours, counts as
// differences. An empty span marks a native histogram without samples.
func nativeBuckets(h *status.Histogram) (spans []*dto.BucketSpan, deltas []int64) {
	next, previous := 0, int64(0)
	for index, count := range h.Native() {
		if len(spans) == 0 || index != next {
			spans = append(spans, &dto.BucketSpan{Offset: new(int32(index - next)), Length: new(uint32(0))})
		}
		*spans[len(spans)-1].Length++
		deltas = append(deltas, int64(count)-previous)
		next, previous = index+1, int64(count)
	}
	if len(spans) == 0 {
		spans = []*dto.BucketSpan{{Offset: new(int32(0)), Length: new(uint32(0))}}
	}
	return spans, deltas
}
