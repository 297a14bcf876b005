package pool

import "fmt"

// A WorkerState is where a worker is in its life. docs/states.md shows every
// state with every event; a test holds that page to the table below.
type WorkerState uint8

// The states of a worker.
const (
	// StateStarting: its process was asked for and is not ready yet.
	StateStarting WorkerState = iota + 1
	// StateIdle: ready, without a request.
	StateIdle
	// StateBusy: at least one response is still to come.
	StateBusy
	// StateFinishing: every response is over, the worker is not free yet.
	StateFinishing
	// StateStopping: asked to leave; takes no further request.
	StateStopping
	// StateDead: gone. The worker is no longer part of the pool.
	StateDead
)

var workerStateNames = [...]string{ //nolint:gochecknoglobals // a table, never changed
	StateStarting: "starting", StateIdle: "idle", StateBusy: "busy",
	StateFinishing: "finishing", StateStopping: "stopping", StateDead: "dead",
}

// String returns the state in lower case.
func (s WorkerState) String() string { return nameOf(workerStateNames[:], int(s), "state") }

// A workerEvent is what can happen to a worker.
type workerEvent uint8

const (
	workerReady   workerEvent = iota // its handshake is done
	workerLease                      // it takes a request
	workerRespond                    // the last of its open responses is over
	workerFree                       // the last of its leases is over
	workerRetire                     // it shall be replaced
	workerStop                       // it is asked to leave
	workerExit                       // its process is gone
	workerEvents                     // how many events there are
)

var workerEventNames = [workerEvents]string{"ready", "lease", "respond", "free", "retire", "stop", "exit"} //nolint:gochecknoglobals // a table, never changed

func (e workerEvent) String() string { return nameOf(workerEventNames[:], int(e), "event") }

// workerTable tells the state after an event; zero marks what cannot happen.
var workerTable = [...][workerEvents]WorkerState{ //nolint:gochecknoglobals // a table, never changed
	//              ready          lease      respond         free           retire          stop           exit
	StateStarting:  {StateIdle, 0, 0, 0, StateStarting, StateStopping, StateDead},
	StateIdle:      {0, StateBusy, 0, 0, StateIdle, StateStopping, StateDead},
	StateBusy:      {0, StateBusy, StateFinishing, StateIdle, StateBusy, StateStopping, StateDead},
	StateFinishing: {0, StateBusy, 0, StateIdle, StateFinishing, StateStopping, StateDead},
	StateStopping:  {StateStopping, 0, StateStopping, StateStopping, StateStopping, StateStopping, StateDead},
	StateDead:      {0, 0, 0, 0, StateDead, 0, 0},
}

// A RequestState is where a request is between Arrive and its end.
type RequestState uint8

// The states of a request. The zero Request is new.
const (
	// RequestNew: not in the pool yet.
	RequestNew RequestState = iota
	// RequestQueued: waits for a worker.
	RequestQueued
	// RequestRunning: leased to a worker, its response is not over.
	RequestRunning
	// RequestFinishing: its response is over, its worker is not free yet.
	RequestFinishing
	// RequestEnded: not in the pool any more; may arrive again.
	RequestEnded
)

var requestStateNames = [...]string{"new", "queued", "running", "finishing", "ended"} //nolint:gochecknoglobals // a table, never changed

// String returns the state in lower case.
func (s RequestState) String() string { return nameOf(requestStateNames[:], int(s), "state") }

// A requestEvent is what can happen to a request.
type requestEvent uint8

const (
	requestArrive  requestEvent = iota // it enters the pool
	requestLease                       // a worker takes it
	requestRespond                     // its response is over
	requestFree                        // its worker is done with it
	requestRetry                       // its worker is gone, another one shall try
	requestEnd                         // the pool gives it up
	requestCancel                      // its client is gone
	requestAbort                       // its owner wants it to end
	requestEvents                      // how many events there are
)

var requestEventNames = [requestEvents]string{"arrive", "lease", "respond", "free", "retry", "end", "cancel", "abort"} //nolint:gochecknoglobals // a table, never changed

func (e requestEvent) String() string { return nameOf(requestEventNames[:], int(e), "event") }

// requestTable tells the state after an event; zero marks what cannot happen.
var requestTable = [...][requestEvents]RequestState{ //nolint:gochecknoglobals // a table, never changed
	//                 arrive        lease           respond          free         retry          end           cancel            abort
	RequestNew:       {RequestQueued, 0, 0, 0, 0, 0, 0, 0},
	RequestQueued:    {0, RequestRunning, 0, 0, 0, RequestEnded, RequestEnded, RequestEnded},
	RequestRunning:   {0, 0, RequestFinishing, RequestEnded, RequestQueued, RequestEnded, RequestRunning, RequestRunning},
	RequestFinishing: {0, 0, 0, RequestEnded, 0, RequestEnded, RequestFinishing, RequestFinishing},
	RequestEnded:     {RequestQueued, 0, 0, 0, 0, 0, RequestEnded, RequestEnded},
}

// A StateError is an internal error: an event that cannot happen in the state
// its subject is in. It means that the caller and the pool disagree.
type StateError struct {
	Subject string // "request" or "worker" and its slot
	State   string
	Event   string
}

// Error says what happened to whom.
func (e *StateError) Error() string {
	return fmt.Sprintf("internal error: event %s for %s in state %s", e.Event, e.Subject, e.State)
}
