package pool

import (
	"strconv"
	"time"
)

// A Worker is a process that serves requests, or a slot for one. Workers are
// made by the pool. The worker of a process is never used again for another
// one; a slot's is (see Config.Slots).
type Worker struct {
	// Slot tells the workers of a pool apart: the lowest number that is free
	// when the worker is made, and its own until [Pool.Exited].
	Slot int
	// Owner is for the caller; the pool never looks at it.
	Owner any

	state    WorkerState
	requests int
	limit    int // requests after which it retires, 0 is none

	started time.Duration
	ready   time.Duration // when it became ready; meaningless while !proven
	since   time.Duration // when it came into its state
}

// State returns where the worker is in its life.
func (w *Worker) State() WorkerState { return w.state }

// Started returns when the worker was started.
func (w *Worker) Started() time.Duration { return w.started }

// Since returns when the worker came into its present state.
func (w *Worker) Since() time.Duration { return w.since }

// Requests returns how many requests the worker has been given.
func (w *Worker) Requests() int { return w.requests }

func (w *Worker) subject() string { return "worker " + strconv.Itoa(w.Slot) }
