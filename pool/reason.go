package pool

// A Reason tells why the pool acts: why a request is refused, a worker started
// or stopped, or what a notice is about.
type Reason uint8

// Why a request is refused.
const (
	// QueueFull: Config.QueueMaxLength requests wait already.
	QueueFull Reason = iota + 1
	// QueueTimeout: the request waited for Config.QueueTimeout.
	QueueTimeout
	// Draining: the pool takes no new requests any more.
	Draining
	// PoolFailed: no worker can be started. As a notice: the pool has just come
	// to this state, after N failed starts in a row.
	PoolFailed
	// WorkerDied: the worker exited before the response was over.
	WorkerDied
)

// Why a worker is stopped. TerminateTimeout and Shutdown are also why the
// requests of such a worker are refused.
const (
	// Idle: more workers were idle, or one was idle for longer, than configured.
	Idle Reason = iota + 16
	// MaxRequests: the worker served its number of requests.
	MaxRequests
	// MaxLifetime: the worker has been ready for Config.MaxLifetime.
	MaxLifetime
	// MaxMemory: the owner of the pool found the worker too large.
	MaxMemory
	// TerminateTimeout: a request ran for Config.TerminateTimeout.
	TerminateTimeout
	// StartTimeout: the worker was not ready in time.
	StartTimeout
	// ClientAbort: the client of a running request went away.
	ClientAbort
	// Drained: the pool drains and has no further request for the worker.
	Drained
	// Shutdown: the pool stops at once.
	Shutdown
)

// Why a worker is started.
const (
	// Initial: the first workers of a static or dynamic pool.
	Initial Reason = iota + 32
	// Replacement: another worker has exited or is about to retire.
	Replacement
	// Demand: a request waits and nobody is there for it.
	Demand
	// Spare: fewer workers are idle than Config.MinSpareServers.
	Spare
	// Probe: the last start failed; this one tries whether starts work again.
	Probe
)

// What a notice is about, besides PoolFailed.
const (
	// MaxChildrenReached: more workers are wanted but Config.MaxChildren (N)
	// are there. Said once until the pool could grow again.
	MaxChildrenReached Reason = iota + 48
	// SeemsBusy: spare workers run short for several seconds in a row: N is
	// php-fpm's spawning rate, Idle and Total the workers before the spawn.
	SeemsBusy
	// ProcessMax: a worker is wanted but [Pool.SetLimit] permits none. Said once
	// until one is permitted.
	ProcessMax
	// StartFailed: Worker exited before it was of any use, N times in a row now.
	StartFailed
	// Recovered: a worker is ready in a pool that had failed.
	Recovered
)

var reasonNames = [...]string{ //nolint:gochecknoglobals // a table, never changed
	QueueFull: "queue full", QueueTimeout: "queue timeout", Draining: "draining",
	PoolFailed: "pool failed", WorkerDied: "worker died",

	Idle: "idle", MaxRequests: "max requests", MaxLifetime: "max lifetime", MaxMemory: "max memory",
	TerminateTimeout: "terminate timeout", StartTimeout: "start timeout",
	ClientAbort: "client abort", Drained: "drained", Shutdown: "shutdown",

	Initial: "initial", Replacement: "replacement", Demand: "demand", Spare: "spare", Probe: "probe",

	MaxChildrenReached: "max children reached", SeemsBusy: "seems busy", ProcessMax: "process max",
	StartFailed: "start failed", Recovered: "recovered",
}

// String returns the reason in lower case words, as metrics and logs may use it.
func (r Reason) String() string { return nameOf(reasonNames[:], int(r), "reason") }
