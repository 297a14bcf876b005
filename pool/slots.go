package pool

import "math/bits"

// slots numbers the workers of a pool and finds them by number.
type slots struct {
	workers []*Worker // by slot, nil where the slot is free
	parked  []*Worker // by slot, a worker to be used again
	free    []uint64  // a bit per slot, set where it is free
}

// take occupies the lowest free slot with the worker that renew returns, given
// the worker that is parked there or nil.
func (s *slots) take(renew func(last *Worker) *Worker) *Worker {
	slot := s.lowest()
	w := renew(s.parked[slot])
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
