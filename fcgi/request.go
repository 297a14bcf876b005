package fcgi

import (
	"context"
	"errors"
	"io"
)

// A Request is one request and the streams that belong to it. A [Server] fills
// it in for its [Handler]; whoever calls a [Client] fills it in for the peer.
type Request struct {
	// Role is what is wanted of the application; zero is RoleResponder.
	Role Role
	// Params are the meta-variables.
	Params Params

	// Stdin is the request's body. A server's handler reads io.EOF at its
	// end, whatever CONTENT_LENGTH says, and another error when the peer went
	// away before; it need not read it at all. For a client nil is empty.
	Stdin io.Reader
	// Data is the file that a Filter is to filter; like Stdin, after whose end
	// it comes. It is empty in the other roles.
	Data io.Reader
	// Stdout takes the response: a CGI header, an empty line, the body. What
	// is written is sent before Write returns. For a client nil discards it.
	Stdout io.Writer
	// Stderr takes messages for the web server's error log. nginx counts
	// those that come before the response header against the header's buffer
	// of 4 KiB; let them wait until the header is out. For a client nil
	// discards them.
	Stderr io.Writer
}

// A Handler performs requests. It is what a [Server] serves with, and a
// [Client] is one.
type Handler interface {
	// Do performs the request and returns the application's exit status. A
	// server sends it when Do has returned; nothing may use r after that.
	//
	// ctx is cancelled when nobody wants the response any more. Do should
	// then return soon; a server tells the cause by [context.Cause]:
	// [ErrAborted], [ErrConnClosed] or [ErrServerClosed].
	//
	// A server passes the protocol status of an *[EndError] on to its peer;
	// any other error becomes a line on Stderr and, if appStatus is 0,
	// appStatus 1.
	Do(ctx context.Context, r *Request) (appStatus uint32, err error)
}

// A HandlerFunc is a function as a [Handler].
type HandlerFunc func(ctx context.Context, r *Request) (appStatus uint32, err error)

// Do calls f.
func (f HandlerFunc) Do(ctx context.Context, r *Request) (appStatus uint32, err error) {
	return f(ctx, r)
}

// Why a request's context is cancelled, or a stream of it fails.
var (
	// ErrAborted: the web server sent ABORT_REQUEST.
	ErrAborted = errors.New("fcgi: request aborted by the web server")
	// ErrConnClosed: the peer closed the connection, or it broke.
	ErrConnClosed = errors.New("fcgi: connection closed")
	// ErrServerClosed: Close or Shutdown ended the server.
	ErrServerClosed = errors.New("fcgi: server closed")
	// ErrRequestOver: the request's streams were used after its end.
	ErrRequestOver = errors.New("fcgi: request is over")
)

// An EndError says that a request was refused: it ended with a protocol status
// other than REQUEST_COMPLETE.
type EndError struct {
	Status    ProtocolStatus
	AppStatus uint32
}

// Error names the protocol status.
func (e *EndError) Error() string {
	return "fcgi: request refused: " + e.Status.String()
}
