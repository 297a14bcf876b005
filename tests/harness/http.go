package harness

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A Browser sends requests to a web server.
type Browser string // the server's URL without a final slash

// Fetch sends a request and reads the whole response. It follows no redirect
// and keeps no connection.
func (b Browser) Fetch(t *testing.T, method, path, body string, header map[string]string) HTTPResponse {
	t.Helper()
	r, err := http.NewRequest(method, string(b)+path, strings.NewReader(body))
	if err != nil {
		t.Fatalf("cannot make a request: %v", err)
	}
	if body == "" {
		r.Body = http.NoBody
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return b.Do(t, r)
}

// Do is Fetch for a request that exists.
func (Browser) Do(t T, r *http.Request) HTTPResponse {
	t.Helper()
	res, err := Client().Do(r)
	if err != nil {
		t.Fatalf("no response: %v", err)
	}
	return ReadHTTP(t, res)
}

// Client returns an HTTP client that keeps no connection, asks for no
// compression, follows no redirect and does not wait for ever.
func Client() *http.Client {
	return &http.Client{
		Timeout:       2 * Patience,
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// An HTTPResponse is a response that was read to its end.
type HTTPResponse struct {
	Status int
	Header http.Header
	Body   string
}

func (r HTTPResponse) String() string {
	return fmt.Sprintf("%d %v %.300q", r.Status, r.Header, r.Body)
}

// ReadHTTP reads a response to its end and closes it.
func ReadHTTP(t T, r *http.Response) HTTPResponse {
	t.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("the response ends early: %v, after %d bytes", err, len(body))
	}
	return HTTPResponse{Status: r.StatusCode, Header: r.Header, Body: string(body)}
}
