package pool

import (
	"testing"
	"time"
)

// TestSpawnRate asks for spare workers in one second after the other.
func TestSpawnRate(t *testing.T) {
	s := spawnRate{max: 10}
	ms := time.Millisecond
	steps := []struct {
		at      time.Duration
		n       int
		granted int
		busy    bool
		rate    int
	}{
		{5000 * ms, 4, 4, false, 1},
		{5500 * ms, 4, 4, false, 1},
		{5999 * ms, 4, 2, false, 1},
		{5999 * ms, 4, 0, false, 1},
		{6000 * ms, 12, 10, false, 2},
		{7100 * ms, 1, 1, false, 4},
		{8500 * ms, 1, 1, true, 8},
		{8600 * ms, 1, 1, false, 8}, // said once a second
		{9900 * ms, 1, 1, true, 10}, // never above max
		{11900 * ms, 1, 1, false, 1},
	}
	for _, step := range steps {
		granted, busy := s.grant(step.at, step.n)
		if granted != step.granted || busy != step.busy || s.rate != step.rate {
			t.Errorf("at %v: granted %d of %d, busy %v, rate %d; want %d, %v, %d",
				step.at, granted, step.n, busy, s.rate, step.granted, step.busy, step.rate)
		}
	}
}
