package gateway

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

var errBodyClosed = errors.New("the request is over")

// A requestBody is the body of an HTTP request that the backend may read while
// the response is being written, and after whose Close nothing reads from the
// connection any more. The body that net/http gives promises neither.
type requestBody struct {
	control *http.ResponseController
	body    io.Reader

	ended atomic.Bool // read to its end: the connection is at the next request

	mu     sync.Mutex // held while reading
	closed bool
}

// newBody returns nil for a request without a body.
func newBody(w http.ResponseWriter, r *http.Request) io.ReadCloser {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	control := http.NewResponseController(w)
	// HTTP/2 needs no permission, and a recorder in a test cannot give it.
	_ = control.EnableFullDuplex()
	return &requestBody{control: control, body: r.Body}
}

// Read reads from the client.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, errBodyClosed
	}
	n, err := b.body.Read(p)
	if err == io.EOF {
		b.ended.Store(true)
	}
	return n, err
}

// Close ends a Read in progress and waits for it. If the body was not read to
// its end, the connection cannot be used for another request.
func (b *requestBody) Close() error {
	if !b.ended.Load() {
		// An error means that the connection has no deadlines, as in tests; its
		// reads end by themselves.
		_ = b.control.SetReadDeadline(time.Unix(1, 0))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}
