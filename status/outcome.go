package status

import "encoding/json"

// An Outcome is how a request ended, as the metrics, the access log and the
// status page name it. There are few, and each tells an operator where to
// look; the status code of a response that a worker gave is another matter
// (see [Responses]).
type Outcome uint8

// The outcomes of a request.
const (
	// Completed: a worker's response was passed on whole.
	Completed Outcome = iota
	// Internal: the supervisor answered a status or ping request.
	Internal
	// Denied: the script was not found or may not be run.
	Denied
	// QueueFull: refused, since as many requests waited as may.
	QueueFull
	// QueueTimeout: refused after it had waited as long as it may.
	QueueTimeout
	// Draining: refused, since the pool was stopping.
	Draining
	// PoolFailed: refused, since the pool's workers do not start.
	PoolFailed
	// WorkerDied: the worker ended before its response did.
	WorkerDied
	// BadResponse: what the worker sent is no response.
	BadResponse
	// TimedOut: ended by request_terminate_timeout.
	TimedOut
	// Aborted: the client went away first.
	Aborted
	// BadRequest: what the client sent is no request.
	BadRequest

	numOutcomes = iota
)

var outcomeNames = [numOutcomes]string{ //nolint:gochecknoglobals // a table, never changed
	Completed:    "completed",
	Internal:     "internal",
	Denied:       "denied",
	QueueFull:    "queue_full",
	QueueTimeout: "queue_timeout",
	Draining:     "draining",
	PoolFailed:   "pool_failed",
	WorkerDied:   "worker_died",
	BadResponse:  "bad_response",
	TimedOut:     "timed_out",
	Aborted:      "aborted",
	BadRequest:   "bad_request",
}

// String returns the name that logs and metrics use; it is a fixed part of
// their format.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "unknown"
}

// Outcomes counts requests by their outcome: outcomes[status.Completed]++.
type Outcomes [numOutcomes]uint64

// MarshalJSON writes an object of the counts that are not zero.
func (c Outcomes) MarshalJSON() ([]byte, error) {
	named := make(map[string]uint64)
	for o, n := range c {
		if n > 0 {
			named[outcomeNames[o]] = n
		}
	}
	return json.Marshal(named)
}

// UnmarshalJSON reads what MarshalJSON wrote, of this or another version:
// outcomes it does not know are dropped.
func (c *Outcomes) UnmarshalJSON(data []byte) error {
	var named map[string]uint64
	if err := json.Unmarshal(data, &named); err != nil {
		return err
	}
	for o, name := range outcomeNames {
		c[o] = named[name]
	}
	return nil
}

// Responses counts responses by the class of their status code: [0] is 1xx,
// [4] is 5xx.
type Responses [5]uint64

// Add counts a response. A code outside 100…599 is counted as 5xx, since no
// client can make sense of it.
func (r *Responses) Add(code int) {
	if code < 100 || code > 599 {
		code = 599
	}
	r[code/100-1]++
}
