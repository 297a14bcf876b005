package pool

import "time"

// A Snapshot is a pool at one moment, for status pages and metrics.
type Snapshot struct {
	// Counters since the pool was made.
	Accepted           uint64 // requests that arrived
	MaxChildrenReached uint64 // episodes in which more workers were wanted than allowed
	SlowRequests       uint64 // requests that were reported as slow at least once
	Retried            uint64 // second attempts
	QueueFull          uint64 // requests refused because the queue was full
	QueueTimeouts      uint64 // requests refused because they waited for too long
	InternalErrors     uint64 // impossible events, see Config.Fault

	Queue      int           // requests that wait
	MaxQueue   int           // the highest Queue so far
	OldestWait time.Duration // how long the request that waits longest has waited

	// Workers by what they do; Total is the sum of the four.
	Idle, Active, Starting, Stopping int
	Total                            int
	MaxActive                        int // the highest Active so far

	Failed bool // see [Pool.Failed]

	// Workers are in the order of their slots.
	Workers []WorkerSnapshot
}

// A WorkerSnapshot is one worker at one moment.
type WorkerSnapshot struct {
	Slot     int
	State    WorkerState
	Requests int           // given to it so far
	Started  time.Duration // when it was started
	Since    time.Duration // when it came into State
}
