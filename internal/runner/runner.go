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
	"syscall"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/cgi"
	"github.com/anyfpm/anyfpm/internal/config"
)

// A Request is what a runner needs to know of a request.
type Request struct {
	Role   fcgi.Role
	Params *cgi.Params
	Script string // the file to run, absolute; empty when the runner needs none

	// Body and BodyLen are for a Control runner: how its worker gets the
	// request's body.
	Body    BodyKind
	BodyLen int
}

// A BodyKind says how a Control worker gets a request's body.
type BodyKind uint8

// The ways a body comes.
const (
	NoBody         BodyKind = iota // there is none
	InlineBody                     // BodyLen bytes follow what Begin appends
	DescriptorBody                 // a pipe or file goes with the first byte (SCM_RIGHTS)
)

// InlineAll is told for a worker that cannot receive descriptors.
const InlineAll = 1 << 30

// A Wiring says which descriptors a worker is born with.
type Wiring uint8

const (
	// Pipes means that stdin, stdout and stderr are the request's own: the
	// worker is a process per request.
	Pipes Wiring = iota
	// Listener means that descriptor 0 is a listening unix socket, as the FastCGI
	// specification (2.2) wants; the supervisor connects to it.
	Listener
	// Control means that descriptor 0 is a pipe with the worker's program, 1 and 2 are
	// pipes, 3 is a socket to the supervisor (docs/worker-protocol.md).
	Control
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
	// Program is what a Control worker reads from descriptor 0, at most what
	// a pipe holds (64 KiB).
	Program []byte
	// Terminate is the signal that ends the process at once, whatever it does;
	// zero is SIGTERM. Asked politely it gets SIGTERM in any case.
	Terminate syscall.Signal
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
	// Zygote returns the protocol of the connection to a process that forks
	// the workers, and that Plan starts instead of them; nil if there is none.
	Zygote() Zygote
	// Traits never change during the life of a Runner.
	Traits() Traits
}

// Traits are what sets the workers of a kind apart from others with the same
// wiring.
type Traits struct {
	// Once says that a worker serves one request and ends.
	Once bool
	// Scripts says that a request may end its worker's process or make it
	// another program: its response is what was printed until then, as with CGI.
	Scripts bool
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
	// Drain says that the worker's stdout or stderr pipe may hold what belongs
	// before the bytes that follow.
	Drain(stdout, stderr bool)
	// Finish says that the response is complete while the worker goes on.
	Finish(e Ending)
	// End says that the worker is done with the request.
	End(e Ending)
	// Probed says that the worker has answered the probe. A body of up to
	// inline bytes may be sent inline; with [InlineAll] it has to be.
	Probed(inline int)
}

// An Ending says how a worker ended a request.
type Ending struct {
	AppStatus uint32
	Failed    bool // by an uncaught error: 500 if there is no header
	Retire    bool // the worker takes no further request
	Compiled  bool // it had to compile the script: its zygote could do so for all
}

// A Zygote is the protocol of the connection to a process that forks workers.
type Zygote interface {
	// Start appends what the zygote is to know; its answer is Probed.
	Start(dst []byte) []byte
	// Fork appends the request for a worker. The descriptors of its control
	// socket, stdout and stderr go with the first byte (SCM_RIGHTS).
	Fork(dst []byte) []byte
	// Compile appends the advice to have a script ready.
	Compile(dst []byte, script string) []byte
	// Input takes bytes that came from the zygote.
	Input(p []byte, out ZygoteSink) error
}

// A ZygoteSink receives what a zygote says.
type ZygoteSink interface {
	// Probed says that the zygote is ready. If inline is not 0 its workers are
	// ready once they are forked, without a word of their own, and inline is
	// what Sink.Probed would say of them.
	Probed(inline int)
	// Forked answers the oldest Fork that has no answer: the worker's pid, or
	// 0 if it could not be forked.
	Forked(pid int)
	// Exited says that a worker it forked has ended, with a status as from
	// wait(2).
	Exited(pid int, status uint32)
}

// New returns the runner that a pool asks for. env is the environment that
// the pool gives to its workers.
func New(pool *config.Pool, env []string) (Runner, error) {
	switch pool.Runner {
	case config.RunnerCGI:
		return newCGI(pool, env), nil
	case config.RunnerFastCGI:
		return newFastCGI(pool, env)
	case config.RunnerPython, config.RunnerPerl, config.RunnerRuby, config.RunnerWSGI:
		return newResident(pool, env)
	case config.RunnerPHP:
		return newPHP(pool, env)
	default:
		return nil, fmt.Errorf("unknown runner %q", pool.Runner)
	}
}
