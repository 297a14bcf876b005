package pool

import (
	"strconv"
	"time"
)

// A Worker is a process that serves requests, or a slot for one. Workers are
// made by the pool.
//
// The Worker of a process is never used again for another process, so that a
// caller may hold on to it. The Worker of a slot (see Config.Slots) is used
// again for the next script in that slot, Owner included.
type Worker struct {
	// Slot tells the workers of a pool apart: the lowest number that is free
	// when the worker is made, and its own until it is dead.
	Slot int
	// Owner is for the caller; the pool never looks at it.
	Owner any

	state    WorkerState
	owed     bool // the pool owes itself another one if this one never gets ready
	requests int
	limit    int // requests after which it retires; 0 is none

	started time.Duration
	ready   time.Duration // when it became ready, if it did
	since   time.Duration // when it came into its state
	idle    time.Duration // when it came into the room of idle workers

	leases list[Request]
	open   int // leases whose response is not over

	// Once it is asked to leave: with which signal, when and why.
	signal  Signal
	stopped time.Duration
	reason  Reason

	// Once it shall be replaced (see retire.go).
	retire   Reason  // why; zero while it shall not
	retiring bool    // it is among the Pool.retiring, not just due
	relieved bool    // it takes no further request
	heir     *Worker // takes its place
	elder    *Worker // whose place it takes

	stage node[Worker] // in Pool.starting, Pool.stopping or one of Pool.rooms
	age   node[Worker] // in Pool.aging
	due   node[Worker] // in Pool.due
}

// State returns where the worker is in its life.
func (w *Worker) State() WorkerState { return w.state }

// Started returns when the worker was started.
func (w *Worker) Started() time.Duration { return w.started }

// Since returns when the worker came into its present state.
func (w *Worker) Since() time.Duration { return w.since }

// Requests returns how many requests the worker has been given.
func (w *Worker) Requests() int { return w.requests }

// Leases returns how many requests the worker holds.
func (w *Worker) Leases() int { return w.leases.len }

// StopReason returns why the worker was asked to leave, or zero if it was not.
func (w *Worker) StopReason() Reason { return w.reason }

// serving reports whether the worker is ready and was not asked to leave.
func (w *Worker) serving() bool {
	return w.state == StateIdle || w.state == StateBusy || w.state == StateFinishing
}

// load returns how many leases of its place are taken. A worker whose elder is
// still there has only what the elder leaves, so that a place never holds more
// than Config.Concurrency requests.
func (w *Worker) load() int {
	if w.elder != nil {
		return w.leases.len + w.elder.leases.len
	}
	return w.leases.len
}

func (w *Worker) subject() string { return "worker " + strconv.Itoa(w.Slot) }
