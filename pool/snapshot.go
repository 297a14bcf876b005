package pool

import "time"

// A Snapshot is a pool at one moment, for status pages and metrics.
type Snapshot struct {
	// Counters since the pool was made.
	Accepted           uint64 // requests that arrived
	MaxChildrenReached uint64 // episodes in which more workers were wanted than allowed
	SlowRequests       uint64 // leases that were reported as slow at least once
	Retried            uint64 // requests that were given to a second worker, or wait for it
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
	Owner    any // Worker.Owner
	State    WorkerState
	Requests int           // given to it so far
	Started  time.Duration // when it was started
	Since    time.Duration // when it came into State
}

// stats are the numbers of a Snapshot that must be counted.
type stats struct {
	accepted, maxChildrenReached, slowRequests uint64
	retried, queueFull, queueTimeouts          uint64
	internalErrors                             uint64
	maxQueue, maxActive                        int
}

// Snapshot fills dst, using the memory of its Workers again. It changes nothing
// in the pool.
func (p *Pool) Snapshot(dst *Snapshot, now time.Duration) {
	*dst = Snapshot{
		Accepted:           p.stats.accepted,
		MaxChildrenReached: p.stats.maxChildrenReached,
		SlowRequests:       p.stats.slowRequests,
		Retried:            p.stats.retried,
		QueueFull:          p.stats.queueFull,
		QueueTimeouts:      p.stats.queueTimeouts,
		InternalErrors:     p.stats.internalErrors,
		Queue:              p.waiting(),
		MaxQueue:           p.stats.maxQueue,
		Idle:               p.count[StateIdle],
		Active:             p.active(),
		Starting:           p.count[StateStarting],
		Stopping:           p.count[StateStopping],
		Total:              p.total,
		MaxActive:          p.stats.maxActive,
		Failed:             p.failed,
		Workers:            dst.Workers[:0],
	}
	for _, l := range [...]*list[Request]{&p.retries, &p.queue} {
		if r := l.first(); r != nil {
			dst.OldestWait = max(dst.OldestWait, now-r.arrived)
		}
	}
	for _, w := range p.slots.workers {
		if w != nil {
			dst.Workers = append(dst.Workers, WorkerSnapshot{
				Slot: w.Slot, Owner: w.Owner, State: w.state, Requests: w.requests, Started: w.started, Since: w.since,
			})
		}
	}
}
