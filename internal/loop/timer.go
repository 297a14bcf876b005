package loop

import (
	"container/heap"
	"time"
)

// A Timer calls a function on the loop once it is due. The zero Timer is
// not set; a Timer may be set again and again.
type Timer struct {
	f     func()
	at    time.Duration
	index int // position in the heap plus one; 0 when not set
}

// NewTimer returns a timer that is not set and will call f on the loop.
func NewTimer(f func()) *Timer { return &Timer{f: f} }

// Set makes t due at the given time, see [Loop.Now], in place of any earlier
// setting.
func (l *Loop) Set(t *Timer, at time.Duration) {
	if t.index > 0 {
		if t.at != at {
			t.at = at
			heap.Fix(&l.timers, t.index-1)
		}
		return
	}
	t.at = at
	heap.Push(&l.timers, t)
}

// Clear unsets t. A timer that is not set stays so.
func (l *Loop) Clear(t *Timer) {
	if t.index > 0 {
		heap.Remove(&l.timers, t.index-1)
	}
}

// Due returns when t will be due, if it is set.
func (l *Loop) Due(t *Timer) (at time.Duration, set bool) { return t.at, t.index > 0 }

func (l *Loop) fireTimers() {
	for len(l.timers) > 0 && l.timers[0].at <= l.now {
		t := l.timers[0]
		heap.Pop(&l.timers)
		t.f()
	}
}

type timerHeap []*Timer

// timeout is how long a loop may sleep: negative for ever.
func (h timerHeap) timeout(now time.Duration) time.Duration {
	if len(h) == 0 {
		return -1
	}
	return max(0, h[0].at-now)
}

// Len, Less, Swap, Push and Pop are heap.Interface.

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at < h[j].at }

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h *timerHeap) Push(x any) {
	t, ok := x.(*Timer)
	if !ok {
		return
	}
	*h = append(*h, t)
	t.index = len(*h)
}

func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = 0
	return t
}
