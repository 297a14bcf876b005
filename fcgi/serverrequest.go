package fcgi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// A serverRequest is one request of a serverConn. Its parameters come first;
// then a goroutine runs the handler.
type serverRequest struct {
	conn  *serverConn
	id    uint16
	begin BeginRequest
	begun time.Time

	params  []byte // while they come in; only the connection's reader uses it
	running bool   // the handler was started; only the reader changes it, under conn.mu
	cancel  context.CancelCauseFunc

	stdin, data    *inbox
	stdinEnded     bool // only the reader uses it
	stdout, stderr outStream
	over           ending
}

var errDataFirst = errors.New("fcgi: too much of FCGI_DATA before the end of FCGI_STDIN")

func newServerRequest(c *serverConn, id uint16, begin BeginRequest) *serverRequest {
	r := &serverRequest{
		conn:  c,
		id:    id,
		begin: begin,
		begun: time.Now(),
		stdin: newInbox(c.limits.StreamBuffer),
		data:  newInbox(c.limits.StreamBuffer),
	}
	r.stdout = outStream{request: r, typ: TypeStdout}
	r.stderr = outStream{request: r, typ: TypeStderr}
	if begin.Role == RoleAuthorizer {
		r.stdin.end(io.EOF)
	}
	if begin.Role != RoleFilter {
		r.data.end(io.EOF)
	}
	return r
}

// input takes a piece, or the end, of one of the request's input streams. What
// comes after the end of a stream is dropped.
func (r *serverRequest) input(ev Event) {
	inbox := r.stdin
	switch ev.Type {
	case TypeParams:
		if !r.running {
			r.param(ev)
		}
		return
	case TypeStdin:
	case TypeData:
		inbox = r.data
	default:
		return
	}
	switch {
	case ev.Kind == EventEnd:
		inbox.end(io.EOF)
		r.stdinEnded = r.stdinEnded || ev.Type == TypeStdin
	case !r.running:
		r.refuse("input before the end of the parameters")
	case ev.Type == TypeData && !r.stdinEnded && !inbox.fits(len(ev.Data)):
		// The handler may be waiting for the rest of Stdin, which comes after
		// this: waiting for the handler here might be for ever.
		r.stop(errDataFirst)
	default:
		inbox.put(ev.Type, ev.Data)
	}
}

func (r *serverRequest) param(ev Event) {
	if ev.Kind == EventData {
		if limit := r.conn.limits.MaxParams; limit > 0 && len(r.params)+len(ev.Data) > limit {
			r.refuse(fmt.Sprintf("the parameters are longer than %d bytes", limit))
			return
		}
		r.params = append(r.params, ev.Data...)
		return
	}
	params, err := ParseParams(r.params)
	r.params = nil
	if err != nil {
		r.refuse(err.Error())
		return
	}
	r.start(params)
}

// refuse ends a request that cannot be started.
func (r *serverRequest) refuse(message string) {
	r.conn.srv.logger().Warn("request refused", slog.String("peer", r.conn.conn.RemoteAddr().String()), slog.String("err", message))
	r.conn.finish(r, EndRequest{AppStatus: 1}, message)
}

// start runs the handler in a goroutine.
func (r *serverRequest) start(params Params) {
	ctx, cancel := context.WithCancelCause(context.Background())
	r.conn.start(r, cancel)
	r.conn.handlers.Go(func() {
		appStatus, err := r.do(ctx, params)
		end, message := outcome(appStatus, err)
		switch cause := context.Cause(ctx); {
		case cause == nil:
		case errors.Is(cause, errDataFirst):
			message = cause.Error()
		default:
			message = "" // nobody is there to read it
		}
		cancel(nil)
		r.conn.finish(r, end, message)
	})
}

// do calls the handler, and turns a panic of it into an error.
func (r *serverRequest) do(ctx context.Context, params Params) (appStatus uint32, err error) {
	defer func() {
		if v := recover(); v != nil {
			r.conn.srv.logger().Error("handler panicked", slog.Any("err", v), slog.String("stack", string(debug.Stack())))
			appStatus, err = 1, errors.New("internal error")
		}
	}()
	return r.conn.srv.Handler.Do(ctx, &Request{
		Role:   r.begin.Role,
		Params: params,
		Stdin:  inboxReader{r.stdin},
		Data:   inboxReader{r.data},
		Stdout: &r.stdout,
		Stderr: &r.stderr,
	})
}

// abort does what ABORT_REQUEST asks for.
func (r *serverRequest) abort() {
	if !r.running {
		r.conn.finish(r, EndRequest{}, "")
		return
	}
	r.stop(ErrAborted)
}

// stop tells a running handler to end. The context is first: whoever sees a
// stream end with cause finds the context cancelled.
func (r *serverRequest) stop(cause error) {
	r.over.set(cause)
	r.cancel(cause)
	r.stdin.end(cause)
	r.data.end(cause)
}

// outcome is what END_REQUEST and STDERR say of a handler's result.
func outcome(appStatus uint32, err error) (end EndRequest, message string) {
	if err == nil {
		return EndRequest{AppStatus: appStatus}, ""
	}
	if refused, ok := errors.AsType[*EndError](err); ok {
		return EndRequest{AppStatus: refused.AppStatus, Status: refused.Status}, ""
	}
	return EndRequest{AppStatus: max(appStatus, 1)}, err.Error()
}

// An outStream is Stdout or Stderr of a request.
type outStream struct {
	request *serverRequest
	typ     RecordType
	used    atomic.Bool
}

func (o *outStream) Write(p []byte) (int, error) {
	o.used.Store(true)
	return o.request.conn.out.stream(o.typ, o.request.id, &o.request.over, p)
}
