package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// lingerTime is how long a client may go on sending a body that nobody wants,
// while it takes notice of the response. Closing at once would destroy the
// response on its way.
const lingerTime = 500 * time.Millisecond

// smallBody is the length of a body that is read before the request goes to
// the backend.
const smallBody = 4 << 10

var errBodyClosed = errors.New("the request is over")

// A bodyError says that the body broke off or is malformed, which is the
// client's fault.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "cannot read the body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// A requestBody is the body of an HTTP request that the backend may read while
// the response is being written, and after whose Close nothing reads from the
// connection any more. The body that net/http gives promises neither. A nil
// requestBody is an empty body.
//
// Reading while writing takes net/http's own care of an unread body away: it
// would take the rest of it for the next request. So a response that begins
// before the body has ended must say that the connection closes after it.
type requestBody struct {
	control *http.ResponseController
	body    io.Reader

	ended atomic.Bool // read to its end

	mu     sync.Mutex // held while reading
	closed bool
	broken error // a *bodyError, if Read had one
}

// newBody returns nil for a request without a body. A small body is read at
// once, so that it never costs the connection; an error is the client's, which
// has so much time for it.
func newBody(w http.ResponseWriter, r *http.Request, timeout time.Duration) (*requestBody, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	b := &requestBody{control: http.NewResponseController(w), body: r.Body}
	if r.ContentLength >= 0 && r.ContentLength <= smallBody {
		// An error means that the connection has no deadlines, as in tests.
		_ = b.control.SetReadDeadline(time.Now().Add(timeout))
		small, err := io.ReadAll(r.Body)
		_ = b.control.SetReadDeadline(time.Time{})
		b.body = bytes.NewReader(small)
		b.ended.Store(err == nil)
		return b, err
	}
	// HTTP/2 needs no permission, and a recorder in a test cannot give it.
	_ = b.control.EnableFullDuplex()
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		// net/http says so at the first Read, but not once the response has
		// begun; and a script may begin before it reads.
		w.WriteHeader(http.StatusContinue)
	}
	return b, nil
}

// Read reads from the client.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, errBodyClosed
	}
	n, err := b.read(p)
	// A deadline is that of Close.
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
		err = &bodyError{err}
		b.broken = err
	}
	return n, err
}

// read notes the end. The lock is held.
func (b *requestBody) read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err == io.EOF {
		b.ended.Store(true)
	}
	return n, err
}

// Close ends a Read in progress. What is left of the body is read for a
// little while, for it to end.
func (b *requestBody) Close() error {
	if b == nil {
		return nil
	}
	if !b.ended.Load() {
		// An error means that the connection has no deadlines, as in tests; its
		// reads end by themselves.
		_ = b.control.SetReadDeadline(time.Now().Add(lingerTime))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	buf := make([]byte, 16<<10)
	for !b.ended.Load() {
		if _, err := b.read(buf); err != nil {
			break
		}
	}
	return nil
}

// brokenOff returns the error that ended the body, if it was the client's. It is
// called after Close.
func (b *requestBody) brokenOff() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

// unread reports whether there may be more of the body on the connection.
func (b *requestBody) unread() bool { return b != nil && !b.ended.Load() }
