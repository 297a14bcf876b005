// Package runner knows the kinds of workers: what to start for each, and how
// to speak to it.
//
// A Runner does no I/O. It describes the process of a worker as a Plan, and
// each connection to a worker as a Dialogue: a state machine that turns a
// request into bytes for the worker and the worker's bytes into a response.
// The supervisor starts the process, moves the bytes and keeps the time.
//
// A new kind of worker is a new implementation of these two interfaces and a
// line in [New]; nothing else in anyfpm knows the kinds apart.
package runner

import (
	"fmt"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/cgi"
	"github.com/anyfpm/anyfpm/internal/config"
)

// A Request is what a runner needs to know of a request.
type Request struct {
	Role   fcgi.Role
	Params *cgi.Params
	Script string // the file to run, absolute; empty when the runner needs none
}

// A Wiring says which descriptors a worker is born with.
type Wiring uint8

const (
	// Pipes: stdin, stdout and stderr are the request's own. The worker is a
	// process per request.
	Pipes Wiring = iota
	// Listener: descriptor 0 is a listening unix socket, as the FastCGI
	// specification (2.2) wants; the supervisor connects to it.
	Listener
)

// A Plan is a process to start.
type Plan struct {
	// Path is the program, absolute; Args[0] is its name.
	Path string
	Args []string
	// Env is the whole environment, NAME=value.
	Env []string
	// Dir is the working directory; empty keeps the supervisor's.
	Dir string
}

// A Runner is one kind of worker. Its methods are called from the
// supervisor's loop only and must not block.
type Runner interface {
	// Wiring never changes during the life of a Runner.
	Wiring() Wiring
	// Plan describes the process to start. For a Pipes runner req is the
	// request it is started for; otherwise it is nil. An error is the
	// configuration's or the request's fault and says whose.
	Plan(req *Request) (Plan, error)
	// Dialogue returns the protocol of one new connection to a worker. A
	// Pipes runner returns nil: its worker's descriptors are the streams.
	Dialogue() Dialogue
}

// A Dialogue is the protocol on one connection to a worker, one request at a
// time. It is used from one goroutine.
type Dialogue interface {
	// Probe appends what to send to learn that the worker is ready; nothing
	// appended means that a connection is proof enough.
	Probe(dst []byte) []byte
	// Begin appends the request without its body.
	Begin(dst []byte, req *Request) []byte
	// Body appends a piece of FCGI_STDIN or FCGI_DATA; an empty piece ends the
	// stream.
	Body(dst []byte, stream fcgi.RecordType, piece []byte) []byte
	// Input takes bytes that came from the worker and reports to out what
	// they mean. An error ends the connection; it says what was wrong.
	Input(p []byte, out Sink) error
}

// A Sink receives what a worker says. The byte slices are valid during the
// call only.
type Sink interface {
	Stdout(p []byte)
	Stderr(p []byte)
	// End says that the response is complete and the connection free again.
	End(appStatus uint32)
	// Probed says that the worker has answered the probe.
	Probed()
}

// New returns the runner that a pool asks for. env is the environment that
// the pool gives to its workers.
func New(pool *config.Pool, env []string) (Runner, error) {
	switch pool.Runner {
	case config.RunnerCGI:
		return newCGI(pool, env), nil
	case config.RunnerFastCGI:
		return newFastCGI(pool, env)
	case config.RunnerPHP, config.RunnerPython, config.RunnerPerl, config.RunnerRuby, config.RunnerWSGI:
		return nil, fmt.Errorf("runner %s is not available in this version; use cgi or fastcgi", pool.Runner)
	default:
		return nil, fmt.Errorf("unknown runner %q", pool.Runner)
	}
}
