package master

import (
	"errors"
	"sync"
)

// A reopening collects what becomes of all logs, which are opened on several
// goroutines.
type reopening struct {
	told func(error)

	mu     sync.Mutex
	left   int // openings under way
	faults []error
}

// begin counts an opening. Its end is done.
func (r *reopening) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left++
}

// faulty notes what could not be opened, a file that several write to once.
func (r *reopening) faulty(faults []error) {
	r.mu.Lock()
	defer r.mu.Unlock()
next:
	for _, fault := range faults {
		for _, known := range r.faults {
			if known.Error() == fault.Error() {
				continue next
			}
		}
		r.faults = append(r.faults, fault)
	}
}

// done ends an opening, and the last one tells.
func (r *reopening) done() {
	r.mu.Lock()
	r.left--
	last, err := r.left == 0, errors.Join(r.faults...)
	r.mu.Unlock()
	if last {
		r.told(err)
	}
}
