package harness

import (
	"fmt"
	"io"
	"net/http"
)

// An HTTPResponse is a response that was read to its end.
type HTTPResponse struct {
	Status int
	Header http.Header
	Body   string
}

func (r HTTPResponse) String() string {
	return fmt.Sprintf("%d %v %q", r.Status, r.Header, r.Body)
}

// ReadHTTP reads a response to its end and closes it.
func ReadHTTP(t T, r *http.Response) HTTPResponse {
	t.Helper()
	defer r.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("the response ends early: %v, after %d bytes", err, len(body))
	}
	return HTTPResponse{Status: r.StatusCode, Header: r.Header, Body: string(body)}
}
