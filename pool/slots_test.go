package pool

import "testing"

// TestSlotsLowestFirst takes and releases slots over the words of the bit map.
func TestSlotsLowestFirst(t *testing.T) {
	var s slots
	fresh := func(last *Worker) *Worker {
		if last != nil {
			return last
		}
		return new(Worker)
	}
	workers := make([]*Worker, 130)
	for i := range workers {
		workers[i] = s.take(fresh)
		if got := workers[i].Slot; got != i {
			t.Fatalf("worker %d got slot %d", i, got)
		}
	}
	for _, slot := range []int{129, 64, 63, 5} {
		s.release(workers[slot], slot == 64)
		if s.workers[slot] != nil {
			t.Errorf("slot %d still has a worker", slot)
		}
	}
	for _, want := range []int{5, 63, 64, 129, 130} {
		w := s.take(fresh)
		if w.Slot != want {
			t.Errorf("took slot %d, want %d", w.Slot, want)
		}
		if reused := want < 130 && w == workers[want]; reused != (want == 64) {
			t.Errorf("slot %d: worker used again = %v", want, reused)
		}
	}
}
