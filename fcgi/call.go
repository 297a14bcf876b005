package fcgi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
)

// A call is one request on a clientConn.
type call struct {
	conn  *clientConn
	id    uint16
	inbox *inbox // what comes of Stdout and Stderr, in order
	over  ending

	inputs   []input     // what is still to be sent
	sent     atomic.Bool // everything is, or is about to be
	answered bool        // something came; only the connection's reader uses it
	result   EndRequest

	abandoned bool // nobody waits for the end; the connection's lock guards it
}

// An input is a stream to the application. A nil reader is an empty one.
type input struct {
	typ    RecordType
	reader io.Reader
}

func newCall(c *clientConn, buffer int) *call {
	return &call{conn: c, inbox: newInbox(buffer)}
}

// begin sends everything up to the first input that has to be read. After an
// abort it sends nothing: ABORT_REQUEST must not come before BEGIN_REQUEST.
func (c *call) begin(r *Request, flags uint8) error {
	role := r.Role
	if role == 0 {
		role = RoleResponder
	}
	if role != RoleAuthorizer {
		c.inputs = append(c.inputs, input{TypeStdin, r.Stdin})
	}
	if role == RoleFilter {
		c.inputs = append(c.inputs, input{TypeData, r.Data})
	}
	return c.conn.out.send(&c.over, func(dst []byte) []byte {
		dst = AppendBegin(dst, c.id, role, flags)
		dst = AppendStream(dst, TypeParams, c.id, r.Params.Append(nil))
		dst = AppendStreamEnd(dst, TypeParams, c.id)
		for len(c.inputs) > 0 && c.inputs[0].reader == nil {
			dst = AppendStreamEnd(dst, c.inputs[0].typ, c.id)
			c.inputs = c.inputs[1:]
		}
		c.sent.Store(len(c.inputs) == 0)
		return dst
	})
}

// sendInputs sends the inputs one after another, until the request is over.
// An input that fails cancels the request.
func (c *call) sendInputs(cancel context.CancelCauseFunc) {
	buf := make([]byte, sendChunk)
	for i, in := range c.inputs {
		if err := c.sendInput(in, buf); err != nil {
			if _, ok := errors.AsType[*inputError](err); ok {
				cancel(err)
			}
			return // else the connection's reader knows more
		}
		err := c.conn.out.send(&c.over, func(dst []byte) []byte {
			c.sent.Store(i == len(c.inputs)-1)
			return AppendStreamEnd(dst, in.typ, c.id)
		})
		if err != nil {
			return
		}
	}
}

func (c *call) sendInput(in input, buf []byte) error {
	if in.reader == nil {
		return nil
	}
	for {
		if err := c.over.cause(); err != nil {
			return err
		}
		n, err := in.reader.Read(buf)
		if _, err := c.conn.out.stream(in.typ, c.id, &c.over, buf[:n]); err != nil {
			return err
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return &inputError{in.typ, err}
		}
	}
}

// put takes a piece of the response.
func (c *call) put(typ RecordType, p []byte) {
	c.answered = true
	c.inbox.put(typ, p)
}

// complete reports whether all of our inputs were sent. If not, the application
// may not be ready for another request on the connection.
func (c *call) complete() bool { return c.sent.Load() }

// finish takes the end of the request.
func (c *call) finish(end EndRequest) {
	c.result = end
	c.inbox.end(io.EOF)
}

// lose ends the call with its connection.
func (c *call) lose(cause error) {
	c.over.set(cause)
	c.inbox.end(&lostError{cause: cause, silent: !c.answered})
}

// abort ends the call for us: the response is not wanted any more.
func (c *call) abort(cause error) {
	c.over.set(cause)
	c.inbox.close()
	c.conn.abandon(c, cause)
}

// receive hands the response out until it ends. A writer that fails cancels
// the request.
func (c *call) receive(stdout, stderr io.Writer, cancel context.CancelCauseFunc) (EndRequest, error) {
	buf := make([]byte, readBuffer)
	for {
		typ, n, err := c.inbox.read(buf)
		switch {
		case errors.Is(err, io.EOF):
			return c.result, nil
		case err != nil:
			return EndRequest{}, err
		}
		w := stdout
		if typ == TypeStderr {
			w = stderr
		}
		if _, err := w.Write(buf[:n]); err != nil {
			cancel(err)
			return EndRequest{}, err
		}
	}
}

// A lostError says that a connection ended before a request did.
type lostError struct {
	cause  error
	unsent bool // the application cannot have begun to work on it
	silent bool // nothing of a response has come
}

func (e *lostError) Error() string { return e.cause.Error() }
func (e *lostError) Unwrap() error { return e.cause }

// repeatable reports whether sending the request once more does no harm.
func (e *lostError) repeatable(r *Request) bool {
	if e.unsent {
		return true
	}
	safe := slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, r.Params.Get("REQUEST_METHOD"))
	return e.silent && safe && r.Stdin == nil && r.Data == nil
}

// An inputError says that the caller's Stdin or Data failed.
type inputError struct {
	typ RecordType
	err error
}

func (e *inputError) Error() string { return fmt.Sprintf("fcgi: cannot read %v: %v", e.typ, e.err) }
func (e *inputError) Unwrap() error { return e.err }

// closeInputs closes the inputs of a request that can be closed.
func closeInputs(r *Request) {
	for _, reader := range []io.Reader{r.Stdin, r.Data} {
		if closer, ok := reader.(io.Closer); ok {
			// What it was for is over; nobody is left to tell.
			_ = closer.Close()
		}
	}
}
