package status

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/quick"
	"time"
)

func TestOctave(t *testing.T) {
	for i, bound := range octave {
		if want := math.Exp2(float64(i)/perOctave) / 2; math.Abs(bound-want) > 1e-15 {
			t.Errorf("bound %d is %v, want %v", i, bound, want)
		}
	}
}

// TestObserveProperties checks each duration alone: it is in just the buckets
// whose bounds enclose it.
func TestObserveProperties(t *testing.T) {
	property := func(n int64, shift uint8) bool {
		d := time.Duration(n >> (shift % 64))
		var h Histogram
		h.Observe(d)
		d = max(d, 0)
		if h.Count() != 1 || h.Sum() != d {
			return false
		}
		for bound, cumulative := range h.Classic() {
			if (cumulative == 1) != (d <= bound) {
				return false
			}
		}
		buckets := 0
		for index, count := range h.Native() {
			low, high := math.Exp2(float64(index-1)/8), math.Exp2(float64(index)/8)
			if index < nativeLast && (d.Seconds() <= low*(1-1e-12) || d.Seconds() > high*(1+1e-12)) {
				return false
			}
			buckets += int(count)
		}
		return buckets+int(h.Zero()) == 1 && (h.Zero() == 1) == (d.Seconds() <= NativeZeroThreshold)
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 20000}); err != nil {
		t.Error(err)
	}
}

func TestQuantile(t *testing.T) {
	var h Histogram
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var observed []time.Duration
	for range 10000 {
		d := time.Duration(random.Int64N(int64(10 * time.Second)))
		h.Observe(d)
		observed = append(observed, d)
	}
	slices.Sort(observed)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		want := observed[int(math.Ceil(q*float64(len(observed))))-1]
		if got := h.Quantile(q); got < want || got > want*110/100 {
			t.Errorf("quantile %v is %v, want %v and up to 9%% more", q, got, want)
		}
	}
}

func TestHistogramTransport(t *testing.T) {
	var h Histogram
	for _, d := range []time.Duration{0, time.Microsecond, time.Millisecond, 3 * time.Second, 2 * time.Hour, -1} {
		h.Observe(d)
	}
	data, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var back Histogram
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if back != h {
		t.Errorf("%s becomes %+v", data, back)
	}
	if err := json.Unmarshal([]byte(`{"count":1,"classic":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20],"native":[[5000,1]]}`), &back); err != nil || back.Count() != 1 {
		t.Errorf("of another version: %v, count %d", err, back.Count())
	}
	sum := h
	sum.Merge(&h)
	if sum.Count() != 2*h.Count() || sum.Sum() != 2*h.Sum() || sum.Quantile(0.5) != h.Quantile(0.5) {
		t.Error("a histogram merged with itself is not its double")
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	var h Histogram
	if n := testing.AllocsPerRun(100, func() { h.Observe(1234567) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	var h Histogram
	for b.Loop() {
		h.Observe(1234567)
	}
}

// Whoever reads the buckets may stop at any of them.
func TestReadingBucketsMayStop(t *testing.T) {
	var h Histogram
	h.Observe(time.Millisecond)
	h.Observe(time.Second)
	read := 0
	for range h.Classic() {
		read++
		break
	}
	for range h.Native() {
		read++
		break
	}
	if read != 2 {
		t.Errorf("read %d buckets, want 2", read)
	}
}
