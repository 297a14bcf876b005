package pool

import "time"

// A Request is one request for a worker. The caller owns its memory: it embeds
// or allocates one, hands it to [Pool.Arrive], and may use it again once it has
// ended. It must not be copied in between.
type Request struct {
	// Owner is for the caller; the pool never looks at it.
	Owner any
	// Retryable permits a second attempt on another worker if the first dies.
	// The caller sets it before Arrive and clears it when the first byte of a
	// response was passed on.
	Retryable bool
	// Unread says that the worker has died before it has read the request, which
	// permits another attempt, too. The caller sets it before Exited, and clears
	// it when another worker gets the request.
	Unread bool

	state    RequestState
	aborted  bool
	verdict  Reason // why its worker is being stopped, if because of this request
	attempts int
	slow     int // reports as slow in this lease

	arrived time.Duration
	queued  time.Duration // when it came into the queue, last
	leased  time.Duration
	slowAt  time.Duration // when it is next reported as slow

	worker *Worker

	line node[Request] // in Pool.queue, Pool.retries or Pool.running
	look node[Request] // in Pool.watched
	mate node[Request] // in Worker.leases
}

// State returns where the request is.
func (r *Request) State() RequestState { return r.state }

// Arrived returns when the request arrived.
func (r *Request) Arrived() time.Duration { return r.arrived }

// Leased returns when the request was last given to a worker; the difference to
// Arrived is its time in the queue if Attempts is 1.
func (r *Request) Leased() time.Duration { return r.leased }

// Worker returns the worker the request is leased to, or nil.
func (r *Request) Worker() *Worker { return r.worker }

// Attempts returns how many workers have been given the request so far.
func (r *Request) Attempts() int { return r.attempts }

// Aborted reports whether [Pool.Cancel] was called while the request ran.
func (r *Request) Aborted() bool { return r.aborted }
