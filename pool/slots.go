package pool

import "math/bits"

// slots numbers the workers of a pool and finds them by number.
type slots struct {
	workers []*Worker // by slot, nil where the slot is free
	parked  []*Worker // by slot, the slot's last worker
	free    []uint64  // a bit per slot, set where it is free
}

// take returns the lowest free slot and occupies it with the worker that make
// returns, given the slot's last worker or nil.
func (s *slots) take(make func(last *Worker) *Worker) *Worker {
	slot := s.lowest()
	w := make(s.parked[slot])
	w.Slot = slot
	s.free[slot/64] &^= 1 << (slot % 64)
	s.workers[slot] = w
	return w
}

// lowest returns the lowest free slot, adding one if none is free.
func (s *slots) lowest() int {
	for i, word := range s.free {
		if word != 0 {
			return i*64 + bits.TrailingZeros64(word)
		}
	}
	slot := len(s.workers)
	s.workers = append(s.workers, nil)
	s.parked = append(s.parked, nil)
	if slot%64 == 0 {
		s.free = append(s.free, 0)
	}
	return slot
}

// release frees the slot of w and parks w there if it may be used again.
func (s *slots) release(w *Worker, reuse bool) {
	s.workers[w.Slot] = nil
	s.free[w.Slot/64] |= 1 << (w.Slot % 64)
	if reuse {
		s.parked[w.Slot] = w
	}
}
