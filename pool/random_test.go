package pool

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestRandomEvents lets many pools live through random events, some of them
// impossible, and then drains them. Every pool is compared with the ledger
// after every event; see there and check for what must hold.
func TestRandomEvents(t *testing.T) {
	pools, events := 2000, 400
	if testing.Short() {
		pools = 200
	}
	for seed := range pools {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 1))
			w := newWorld(t, func(n int) (int, bool) { return rng.IntN(n), true })
			w.start()
			for range events {
				w.step()
			}
			w.end()
		})
	}
}
