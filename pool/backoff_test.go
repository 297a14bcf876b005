package pool

import (
	"testing"
	"time"
)

// TestBackoffDoubles fails one probe after the other.
func TestBackoffDoubles(t *testing.T) {
	b := backoff{min: 100 * time.Millisecond, max: time.Second}
	now := time.Duration(0)
	for i, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		b.fail(now, now)
		if got := b.retryAt - now; got != want*time.Millisecond {
			t.Errorf("pause after failure %d is %v, want %v", i+1, got, want*time.Millisecond)
		}
		now = b.retryAt
	}
	for range 200 { // never overflows
		b.fail(now, now)
		if got := b.retryAt - now; got != b.max {
			t.Fatalf("pause after failure %d is %v, want %v", b.failures, got, b.max)
		}
		now = b.retryAt
	}
}

// TestBackoffCountsAttempts lets ten workers of one batch fail.
func TestBackoffCountsAttempts(t *testing.T) {
	b := backoff{min: 100 * time.Millisecond, max: time.Second}
	for i := range 10 {
		b.fail(time.Second+time.Duration(i), time.Second)
	}
	if b.failures != 1 {
		t.Errorf("a batch counts as %d failures, want 1", b.failures)
	}
}

// TestBackoffProof shows what clears the failures.
func TestBackoffProof(t *testing.T) {
	failed := func() *backoff {
		b := &backoff{min: 100 * time.Millisecond, max: time.Second}
		b.fail(time.Second, 0)
		return b
	}
	tests := []struct {
		name  string
		act   func(*backoff)
		clear bool
	}{
		{"an older worker serves", func(b *backoff) { b.served(time.Second) }, false},
		{"a newer worker serves", func(b *backoff) { b.served(1100 * time.Millisecond) }, true},
		{"ready, the trial not over", func(b *backoff) { b.ready(2 * time.Second); b.tick(2*time.Second + trial - 1) }, false},
		{"ready, the trial over", func(b *backoff) { b.ready(2 * time.Second); b.tick(2*time.Second + trial) }, true},
		{"a second one ready does not prolong the trial", func(b *backoff) {
			b.ready(2 * time.Second)
			b.ready(2*time.Second + trial/2)
			b.tick(2*time.Second + trial)
		}, true},
		{"ready, then another failure", func(b *backoff) {
			b.ready(2 * time.Second)
			b.fail(2100*time.Millisecond, 1900*time.Millisecond)
			b.tick(time.Minute)
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := failed()
			tt.act(b)
			if got := !b.failing(); got != tt.clear {
				t.Errorf("cleared = %v, want %v", got, tt.clear)
			}
		})
	}
}
