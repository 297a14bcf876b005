package status

import "time"

// A Snapshot is one pool at one moment. Its JSON form is for transport between
// our own processes; the pages for others are made by [Page.Append].
type Snapshot struct {
	// php-fpm's fields, in the order of its status page.

	Pool               string    `json:"pool"`
	ProcessManager     string    `json:"process_manager"` // static, dynamic or ondemand
	StartTime          time.Time `json:"start_time"`      // of this generation of the pool
	AcceptedConn       uint64    `json:"accepted_conn"`   // requests, as in php-fpm
	ListenQueue        int       `json:"listen_queue"`    // our queue and the kernel's backlog
	MaxListenQueue     int       `json:"max_listen_queue"`
	ListenQueueLen     int       `json:"listen_queue_len"` // what may wait at most
	IdleProcesses      int       `json:"idle_processes"`
	ActiveProcesses    int       `json:"active_processes"`
	TotalProcesses     int       `json:"total_processes"`
	MaxActiveProcesses int       `json:"max_active_processes"`
	MaxChildrenReached uint64    `json:"max_children_reached"`
	SlowRequests       uint64    `json:"slow_requests"`
	MemoryPeak         uint64    `json:"memory_peak"` // bytes; php-fpm shows it since 8.4
	Processes          []Process `json:"processes"`   // in the order of their slots

	// Ours.

	Runner        string `json:"runner"`
	Listen        string `json:"listen"`      // as in the configuration
	StatusPath    string `json:"status_path"` // as in the configuration
	Generation    int    `json:"generation"`  // counts reloads
	Failed        bool   `json:"failed"`      // workers do not start; requests are refused
	FailureReason string `json:"failure_reason,omitempty"`
	// Unreachable tells that the pool did not answer when it was asked for a
	// snapshot; only Pool, Listen, StatusPath and Failures are set then.
	Unreachable bool `json:"unreachable,omitempty"`
	// Failures counts the times the pool was unreachable.
	Failures uint64 `json:"failures"`

	Limits            Limits        `json:"limits"`
	Connections       int           `json:"connections"` // open connections of clients
	Queue             int           `json:"queue"`       // requests that wait for a worker
	QueueOldest       time.Duration `json:"queue_oldest"`
	StartingProcesses int           `json:"starting_processes"`
	StoppingProcesses int           `json:"stopping_processes"`

	BacklogUsed      int    `json:"backlog_used"` // connections in the kernel's backlog
	BacklogLimit     int    `json:"backlog_limit"`
	BacklogOverflows uint64 `json:"backlog_overflows"`

	Outcomes  Outcomes          `json:"outcomes"`
	Responses Responses         `json:"responses"`
	Retries   uint64            `json:"retries"` // requests given to a second worker
	Spawns    uint64            `json:"spawns"`  // workers started
	Exits     map[string]uint64 `json:"exits"`   // workers gone, by reason; few reasons
	OOMKills  uint64            `json:"oom_kills"`
	PSS       uint64            `json:"pss"`       // bytes, of all workers; 0 when not measured
	LogDrops  map[string]uint64 `json:"log_drops"` // lines lost, by log: access, error, slow

	QueueTime   Histogram `json:"queue_time"`   // from arrival to a worker
	RequestTime Histogram `json:"request_time"` // from arrival to the last byte
	CPUTime     Histogram `json:"cpu_time"`     // user and system, per request
	SpawnTime   Histogram `json:"spawn_time"`   // from the start of a worker to its being ready
}

// Limits are a pool's configured bounds; 0 where a bound does not apply.
type Limits struct {
	MaxChildren     int `json:"max_children"`
	StartServers    int `json:"start_servers"`
	MinSpareServers int `json:"min_spare_servers"`
	MaxSpareServers int `json:"max_spare_servers"`
	Concurrency     int `json:"concurrency"` // requests per worker at once; 0 is 1
	Queue           int `json:"queue"`
}

// A Process is one worker at one moment.
type Process struct {
	// php-fpm's fields, in the order of its status page. The request is the
	// current one or, when the worker is idle, the last.

	PID               int           `json:"pid"`
	State             State         `json:"state"`
	StartTime         time.Time     `json:"start_time"`
	Requests          uint64        `json:"requests"`
	RequestDuration   time.Duration `json:"request_duration"` // so far, or of the last request
	RequestMethod     string        `json:"request_method"`
	RequestURI        string        `json:"request_uri"` // SCRIPT_NAME, without the query
	QueryString       string        `json:"query_string"`
	ContentLength     uint64        `json:"content_length"`
	User              string        `json:"user"`
	Script            string        `json:"script"`
	LastRequestCPU    float64       `json:"last_request_cpu"`    // percent of one CPU
	LastRequestMemory uint64        `json:"last_request_memory"` // bytes

	// Ours.

	Slot      int           `json:"slot"`
	RequestID string        `json:"request_id,omitempty"`
	QueueTime time.Duration `json:"queue_time"` // of the request
	PSS       uint64        `json:"pss"`        // bytes; 0 when not measured
}

// A State is what a worker does, in php-fpm's words.
type State string

// The states of a worker.
const (
	Idle           State = "Idle"
	ReadingHeaders State = "Reading headers"
	RequestInfo    State = "Getting request information"
	Running        State = "Running"
	Ending         State = "Ending"
	Finishing      State = "Finishing"
	Creating       State = "Creating" // since php-fpm 8.4
)

// A Pressure is how long processes of the service's control group, or of the
// whole system where the kernel does not tell the group's, have waited for a
// resource in all.
type Pressure struct {
	Resource string        `json:"resource"` // cpu, io or memory
	Some     time.Duration `json:"some"`     // at least one waited
	Full     time.Duration `json:"full"`     // all that wanted to run waited
}

// A Service is everything one master process runs.
type Service struct {
	Version   string    `json:"version"`
	Time      time.Time `json:"time"`       // when the snapshots were taken
	StartTime time.Time `json:"start_time"` // of this image of the master

	Reloads       uint64    `json:"reloads"` // that succeeded
	FailedReloads uint64    `json:"failed_reloads"`
	LastReload    time.Time `json:"last_reload"` // the last successful load of the configuration
	ReloadFailing bool      `json:"reload_failing"`
	ReloadProblem string    `json:"reload_problem,omitempty"`

	// Pressure is how long processes waited for resources; empty where the
	// kernel does not tell.
	Pressure []Pressure `json:"pressure,omitempty"`

	// LogDrops counts the lines that the master's own log has lost.
	LogDrops uint64 `json:"log_drops"`

	Pools []Snapshot `json:"pools"`
}
