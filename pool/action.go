package pool

import "strconv"

// An Action is something the caller has to do for the pool. The actions of one
// call are performed in their order, and all of them before the next call.
type Action struct {
	Kind   ActionKind
	Signal Signal // of a Stop
	Reason Reason // why; always set for Start, Stop, Refuse and Notice
	// Worker is set for Lease, Start and Stop, and for the notices that concern one.
	Worker *Worker
	// Request is set for Lease, Refuse, Slow, Timeout and End.
	Request *Request
	// N is the number in a notice's log line, as said at its [Reason]; for Slow
	// it tells which report of this lease it is, from 1.
	N int
	// Idle and Total are the workers a [SeemsBusy] notice speaks of.
	Idle, Total int
}

// An ActionKind says what to do.
type ActionKind uint8

// The kinds of [Action].
const (
	// Lease hands Request to Worker. Call [Pool.Responded] when its response is
	// over and [Pool.Free] when the worker can take the next request.
	Lease ActionKind = iota + 1
	// Start starts a process for Worker. Call [Pool.Ready] once it can serve,
	// [Pool.Exited] if it ends before that or cannot be started at all, or
	// [Pool.StartDenied] if it may not be started. Reason tells what it is for:
	// Initial, Replacement, Demand, Spare or Probe.
	Start
	// Stop sends Signal to the worker's process group. A stronger Stop follows
	// by [Pool.Tick] until [Pool.Exited] is called.
	Stop
	// Refuse ends Request without a (whole) response: it waited in vain, or its
	// worker is gone. The request belongs to the caller again.
	Refuse
	// Slow says that Request has run for Config.SlowlogTimeout: time for a look
	// at its worker's stack.
	Slow
	// Timeout says that Request has run for Config.TerminateTimeout. The Stop of
	// its worker follows in the same actions, the Refuse once that has exited.
	Timeout
	// End says that Request, whose response was already over, has ended with
	// its worker. The request belongs to the caller again.
	End
	// Notice is for the log: Reason says what, the other fields with which
	// numbers. Nothing need be done.
	Notice
)

var actionKindNames = [...]string{ //nolint:gochecknoglobals // a table, never changed
	Lease: "lease", Start: "start", Stop: "stop", Refuse: "refuse",
	Slow: "slow", Timeout: "timeout", End: "end", Notice: "notice",
}

// String returns the kind in lower case.
func (k ActionKind) String() string { return nameOf(actionKindNames[:], int(k), "action") }

// A Signal is how strongly a worker is asked to leave. A stop never becomes
// weaker: Quit may be followed by Term and Kill, Term by Kill.
type Signal uint8

// The signals of a Stop.
const (
	// Quit asks a worker without a request to leave.
	Quit Signal = iota + 1
	// Term tells a worker to leave at once, whatever it does.
	Term
	// Kill takes the worker away.
	Kill
)

var signalNames = [...]string{Quit: "quit", Term: "term", Kill: "kill"} //nolint:gochecknoglobals // a table, never changed

// String returns the signal in lower case.
func (s Signal) String() string { return nameOf(signalNames[:], int(s), "signal") }

// nameOf returns names[i], or what and the number for a value outside the table.
func nameOf(names []string, i int, what string) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return what + " " + strconv.Itoa(i)
}
