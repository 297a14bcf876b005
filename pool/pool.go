package pool

import (
	"fmt"
	"time"
)

// A Pool decides which worker serves which request, and which workers there
// are. It is not safe for concurrent use.
type Pool struct {
	cfg Config
	out []Action
}

// New returns a pool without workers; nothing happens before [Pool.Start].
func New(cfg Config) (*Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("cannot make pool: %w", err)
	}
	return &Pool{cfg: cfg.withDefaults()}, nil
}

// Start makes the first workers of a static or dynamic pool.
func (p *Pool) Start(now time.Duration) []Action { return p.out }

// Arrive gives the pool a request: it is leased to a worker at once, or waits
// in the queue, or is refused.
func (p *Pool) Arrive(now time.Duration, r *Request) []Action { return p.out }

// Cancel says that the client of r is gone: a waiting request ends without an
// action, a running one is marked as aborted and goes on.
func (p *Pool) Cancel(now time.Duration, r *Request) []Action { return p.out }

// Abort ends r for the given reason: a waiting request is refused, a running
// one loses its worker and is refused when that has exited.
func (p *Pool) Abort(now time.Duration, r *Request, reason Reason) []Action { return p.out }

// Ready says that the handshake with w is done.
func (p *Pool) Ready(now time.Duration, w *Worker) []Action { return p.out }

// Responded says that the response of r is over while its worker still works.
func (p *Pool) Responded(now time.Duration, r *Request) []Action { return p.out }

// Free says that the worker of r is done with it.
func (p *Pool) Free(now time.Duration, r *Request) []Action { return p.out }

// Retire asks for w to be replaced.
func (p *Pool) Retire(now time.Duration, w *Worker, reason Reason) []Action { return p.out }

// Exited says that the process of w is gone, whatever state it was in.
func (p *Pool) Exited(now time.Duration, w *Worker) []Action { return p.out }

// StartDenied says that w, of a Start, may not be started.
func (p *Pool) StartDenied(now time.Duration, w *Worker) []Action { return p.out }

// SetLimit sets how many workers the pool may still start; -1 is no limit.
func (p *Pool) SetLimit(now time.Duration, n int) []Action { return p.out }

// Tick does what is due at now.
func (p *Pool) Tick(now time.Duration) []Action { return p.out }

// Next returns when Tick should be called next; ok is false if nothing is due
// at any time.
func (p *Pool) Next() (at time.Duration, ok bool) { return 0, false }

// Drain refuses new requests, finishes all others, then stops the workers.
func (p *Pool) Drain(now time.Duration) []Action { return p.out }

// Shutdown refuses all requests and stops the workers now.
func (p *Pool) Shutdown(now time.Duration) []Action { return p.out }

// Done reports whether the pool is drained or shut down and no worker is left.
func (p *Pool) Done() bool { return false }

// Empty reports whether the pool has neither a worker nor a request.
func (p *Pool) Empty() bool { return false }

// Failed reports whether no worker can be started: requests are refused until
// a start succeeds.
func (p *Pool) Failed() bool { return false }

// Snapshot fills dst, using its memory again.
func (p *Pool) Snapshot(dst *Snapshot, now time.Duration) {}
