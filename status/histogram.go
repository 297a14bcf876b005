package status

import (
	"encoding/json"
	"iter"
	"math"
	"sort"
	"time"
)

// A Histogram counts durations, in buckets that never change: a few with round
// bounds for Prometheus' classic histograms and dashboards, and many with
// exponential ones (9% wide) for its native histograms and for quantiles. The
// zero value is empty and ready. Observe does not allocate.
type Histogram struct {
	count   uint64
	sum     time.Duration
	classic [len(classicBounds) + 1]uint64
	tiny    uint64 // at most NativeZeroThreshold
	native  [nativeBuckets]uint64
}

// classicBounds are the upper bounds of the classic buckets. What is longer
// than the last is in one more.
var classicBounds = [...]time.Duration{ //nolint:gochecknoglobals // a table, never changed
	500 * time.Microsecond, 1 * time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, 1 * time.Second, 2500 * time.Millisecond,
	5 * time.Second, 10 * time.Second, 30 * time.Second, 60 * time.Second, 300 * time.Second,
}

const (
	// NativeSchema is the resolution of the native buckets in Prometheus'
	// terms: bucket i ends at 2^(i/8) seconds.
	NativeSchema = 3
	// NativeZeroThreshold is the bound, in seconds, below which all durations
	// are one bucket: about a microsecond.
	NativeZeroThreshold = 1.0 / (1 << 20)

	perOctave     = 1 << NativeSchema
	nativeFirst   = -20*perOctave + 1 // the bucket behind NativeZeroThreshold
	nativeLast    = 12 * perOctave    // ends at 4096 s; longer ones are in it too
	nativeBuckets = nativeLast - nativeFirst + 1
)

// octave holds the bounds of the native buckets between one half and one.
var octave = [perOctave]float64{ //nolint:gochecknoglobals // a table, never changed
	0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048,
	0.7071067811865475, 0.7711054127039704, 0.8408964152537144, 0.9170040432046711,
}

// Observe counts one duration; a negative one counts as 0.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	h.count++
	h.sum += d
	h.classic[sort.Search(len(classicBounds), func(i int) bool { return d <= classicBounds[i] })]++
	if d.Seconds() <= NativeZeroThreshold {
		h.tiny++
		return
	}
	h.native[min(nativeIndex(d.Seconds()), nativeLast)-nativeFirst]++
}

// nativeIndex returns the index of the native bucket that seconds is in.
func nativeIndex(seconds float64) int {
	fraction, exponent := math.Frexp(seconds)
	return sort.SearchFloat64s(octave[:], fraction) + (exponent-1)*perOctave
}

// Count is how many durations were observed.
func (h *Histogram) Count() uint64 { return h.count }

// Sum is the sum of all durations.
func (h *Histogram) Sum() time.Duration { return h.sum }

// Classic returns the classic buckets: their upper bound and the count of
// durations up to it. The last one, without a bound, is left out; its count is
// Count.
func (h *Histogram) Classic() iter.Seq2[time.Duration, uint64] {
	return func(yield func(bound time.Duration, cumulative uint64) bool) {
		var cumulative uint64
		for i, bound := range classicBounds {
			cumulative += h.classic[i]
			if !yield(bound, cumulative) {
				return
			}
		}
	}
}

// Native returns the native buckets that are not empty, by their index.
func (h *Histogram) Native() iter.Seq2[int, uint64] {
	return func(yield func(index int, count uint64) bool) {
		for i, n := range h.native {
			if n > 0 && !yield(i+nativeFirst, n) {
				return
			}
		}
	}
}

// Zero is the count of durations up to NativeZeroThreshold.
func (h *Histogram) Zero() uint64 { return h.tiny }

// Quantile returns a duration that is not less than the share q of all
// durations, and at most 9% more than it need be; 0 for an empty histogram.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(h.count)))
	if rank <= h.tiny {
		return 0
	}
	seen := h.tiny
	for index, n := range h.Native() {
		if seen += n; seen >= rank {
			return time.Duration(math.Exp2(float64(index)/perOctave) * float64(time.Second))
		}
	}
	return 0
}

// Merge adds what another histogram counted.
func (h *Histogram) Merge(other *Histogram) {
	h.count += other.count
	h.sum += other.sum
	h.tiny += other.tiny
	for i, n := range other.classic {
		h.classic[i] += n
	}
	for i, n := range other.native {
		h.native[i] += n
	}
}

// histogramJSON is a Histogram in transport.
type histogramJSON struct {
	Count   uint64        `json:"count"`
	Sum     time.Duration `json:"sum"`
	Zero    uint64        `json:"zero,omitempty"`
	Classic []uint64      `json:"classic,omitempty"` // without the empty ones at the end
	Native  [][2]uint64   `json:"native,omitempty"`  // position and count
}

// MarshalJSON writes a form that UnmarshalJSON reads.
func (h Histogram) MarshalJSON() ([]byte, error) {
	out := histogramJSON{Count: h.count, Sum: h.sum, Zero: h.tiny}
	for i, n := range h.classic {
		if n > 0 {
			out.Classic = append(out.Classic, make([]uint64, i-len(out.Classic))...)
			out.Classic = append(out.Classic, n)
		}
	}
	for i, n := range h.native {
		if n > 0 {
			out.Native = append(out.Native, [2]uint64{uint64(i), n})
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *Histogram) UnmarshalJSON(data []byte) error {
	var in histogramJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*h = Histogram{count: in.Count, sum: in.Sum, tiny: in.Zero}
	copy(h.classic[:], in.Classic)
	for _, bucket := range in.Native {
		if bucket[0] < nativeBuckets {
			h.native[bucket[0]] = bucket[1]
		}
	}
	return nil
}
