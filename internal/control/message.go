package control

import (
	"encoding/json"
	"fmt"

	"github.com/anyfpm/anyfpm/internal/config"
)

// A Message is one of the types of this file, always as a pointer.
type Message interface {
	// messageType is the name of the message on the wire.
	messageType() string
}

// Protocol is the version of the messages in this file. It grows when a
// message changes its meaning, not when one is added. Both sides are the same
// program, but for supervisors that live on while their master becomes a newer
// one.
const Protocol = 1

// Speaks tells whether this program understands another that speaks the given
// version.
func Speaks(version int) bool { return version == Protocol }

// Names of the descriptors of [Start] and [Reopen]. The sockets' names are a
// prefix and the address as the configuration writes it.
const (
	FDListen    = "listen:" // FastCGI requests
	FDHTTP      = "http:"   // HTTP requests
	FDStatus    = "status:" // FastCGI requests for status and ping only
	FDErrorLog  = "error_log"
	FDAccessLog = "access_log"
	FDSlowlog   = "slowlog"
)

// FilesVariable tells a supervisor by its environment, before its first
// message, the rlimit_files of its pool's processes.
const FilesVariable = "ANYFPM_RLIMIT_FILES"

// Messages of the master.
type (
	// Start is the first message to a supervisor and says all about its pool.
	Start struct {
		Pool       config.Pool   `json:"pool"`
		Global     config.Global `json:"global"`
		Generation int           `json:"generation"` // 1 at start, one more with each reload
		Alone      bool          `json:"alone"`      // no other generation serves while this one is not ready
		Prefix     string        `json:"prefix"`
		MasterPID  int           `json:"master_pid"`
		PHPCompat  bool          `json:"php_compat"` // behave as php-fpm where design.md lets us differ
		Protocol   int           `json:"protocol"`   // the master's [Protocol]
		// FDs names the attached descriptors, in order.
		FDs []string `json:"fds"`
		// Limit is the first spawn permission; see [Limit].
		Limit int `json:"limit"`
	}
	// Reopen brings new log files. The supervisor writes to them from now on
	// and closes the old ones; descriptors of sockets are never among them.
	Reopen struct {
		FDs []string `json:"fds"`
	}
	// SnapshotRequest asks for a [Snapshot] with the same ID.
	SnapshotRequest struct {
		ID uint64 `json:"id"`
	}
	// Drain asks the supervisor to accept no more, to finish what is queued
	// and running, and to exit with code 0. Replaced says that another
	// generation accepts in its place: then a kept connection stays open until
	// it has brought one more request or is idle for long, since its client may
	// be sending at this moment. HandOver says that this generation is there
	// already, and takes such connections by [Connections] as they become idle.
	Drain struct {
		Replaced bool `json:"replaced"`
		HandOver bool `json:"hand_over,omitempty"`
	}
	// Announced says that the log has the line about this supervisor being
	// ready. What its workers print, which in php-fpm's log comes after that
	// line, may follow.
	Announced struct{}
	// Stop asks the supervisor to end its workers now and to exit.
	Stop struct{}
	// Trace asks for a backtrace of the worker with this pid in the slowlog.
	Trace struct {
		PID int `json:"pid"`
	}
	// Limit is the number of workers the pool may have under process.max;
	// -1 is no limit. It may come at any time and be lower than what runs.
	Limit struct {
		Workers int `json:"workers"`
	}
)

// Messages of a supervisor.
type (
	// Ready says that the pool accepts connections and serves: its first
	// workers passed their handshake. Before it the supervisor accepts none,
	// so that during a reload the old generation has them all.
	Ready struct{}
	// Failed says that the workers of the pool do not start. The supervisor
	// stays and goes on trying with back-off; Ready follows if it succeeds.
	Failed struct {
		Reason string `json:"reason"`
	}
	// Snapshot answers a [SnapshotRequest].
	Snapshot struct {
		ID uint64 `json:"id"`
		// Status is the JSON of a status.Snapshot. It stays raw so that the
		// master can hand it on without trusting it.
		Status json.RawMessage `json:"status"`
	}
	// WorkerExited is sent for each worker that died on a signal nobody sent
	// it; emergency_restart_threshold counts SIGSEGV and SIGBUS.
	WorkerExited struct {
		PID    int `json:"pid"`
		Signal int `json:"signal"`
	}
	// Usage tells how many workers the pool has and how many it would like
	// to have, whenever one of them changed. It is sent only while process.max
	// is set.
	Usage struct {
		Workers int `json:"workers"`
		Wanted  int `json:"wanted"`
	}
	// Quiet says that an ondemand pool has neither worker nor connection. The
	// master answers with [Drain] or not at all.
	Quiet struct{}
)

// Connections brings web servers' connections that are idle, each as an
// attached descriptor: from a supervisor that was told to hand them over to
// the master, and from the master to the supervisor in its place. A request
// that arrives meanwhile waits in the connection.
type Connections struct {
	List []Connection `json:"list"` // one for each descriptor, in order
}

// A Connection is what a supervisor knows of a connection beside its
// descriptor.
type Connection struct {
	Status bool `json:"status,omitempty"` // it came to pm.status_listen
	Fresh  bool `json:"fresh,omitempty"`  // it has not said anything yet
}

// Unknown stands for a message of a type this program does not know. It can
// be received, never sent.
type Unknown struct {
	Type string
}

func (*Start) messageType() string           { return "start" }
func (*Reopen) messageType() string          { return "reopen" }
func (*SnapshotRequest) messageType() string { return "snapshot_request" }
func (*Announced) messageType() string       { return "announced" }
func (*Drain) messageType() string           { return "drain" }
func (*Stop) messageType() string            { return "stop" }
func (*Trace) messageType() string           { return "trace" }
func (*Limit) messageType() string           { return "limit" }
func (*Ready) messageType() string           { return "ready" }
func (*Failed) messageType() string          { return "failed" }
func (*Snapshot) messageType() string        { return "snapshot" }
func (*WorkerExited) messageType() string    { return "worker_exited" }
func (*Usage) messageType() string           { return "usage" }
func (*Quiet) messageType() string           { return "quiet" }
func (*Connections) messageType() string     { return "connections" }
func (m *Unknown) messageType() string       { return m.Type }

// blank returns an empty message of the type called name.
func blank(name string) Message {
	switch name {
	case "start":
		return &Start{}
	case "reopen":
		return &Reopen{}
	case "snapshot_request":
		return &SnapshotRequest{}
	case "announced":
		return &Announced{}
	case "drain":
		return &Drain{}
	case "stop":
		return &Stop{}
	case "trace":
		return &Trace{}
	case "limit":
		return &Limit{}
	case "ready":
		return &Ready{}
	case "failed":
		return &Failed{}
	case "snapshot":
		return &Snapshot{}
	case "worker_exited":
		return &WorkerExited{}
	case "usage":
		return &Usage{}
	case "quiet":
		return &Quiet{}
	case "connections":
		return &Connections{}
	default:
		return &Unknown{Type: name}
	}
}

// envelope is the JSON around every message.
type envelope struct {
	Type string          `json:"type"`
	Body json.RawMessage `json:"body,omitempty"`
}

func encode(m Message) ([]byte, error) {
	if u, ok := m.(*Unknown); ok {
		return nil, fmt.Errorf("cannot send a message of the unknown type %q", u.Type)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("cannot encode a %s message: %w", m.messageType(), err)
	}
	return json.Marshal(envelope{Type: m.messageType(), Body: body})
}

func decode(data []byte) (Message, error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, &ProtocolError{Reason: "not a message: " + err.Error()}
	}
	m := blank(e.Type)
	if _, unknown := m.(*Unknown); unknown || len(e.Body) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(e.Body, m); err != nil {
		return nil, &ProtocolError{Reason: "bad " + e.Type + " message: " + err.Error()}
	}
	return m, nil
}
