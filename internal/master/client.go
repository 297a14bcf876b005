package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"

	"github.com/anyfpm/anyfpm/status"
)

// maxReply bounds what a Client reads.
const maxReply = 64 << 20

// A Client gives orders to a running service over its control socket.
type Client struct {
	path string
	http *http.Client
}

// NewClient returns a client for the control socket at path.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// A NotRunningError says that nobody answers at a control socket.
type NotRunningError struct {
	Path string
	Err  error
}

// Error names the socket, if there is one.
func (e *NotRunningError) Error() string {
	if e.Path == "" {
		return "the service has no control socket, its configuration sets neither pid nor control.listen"
	}
	if errors.Is(e.Err, fs.ErrPermission) {
		return fmt.Sprintf("only root and the user of the service may use %s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("no service answers at %s: %v", e.Path, e.Err)
}

// Unwrap returns the error of the connection.
func (e *NotRunningError) Unwrap() error { return e.Err }

// Status returns the state of all pools.
func (c *Client) Status(ctx context.Context) (*status.Service, error) {
	var service status.Service
	if err := c.do(ctx, http.MethodGet, "/status", nil, &service); err != nil {
		return nil, err
	}
	return &service, nil
}

// Reload reloads one pool or, without a name, the whole service, and waits for
// the outcome.
func (c *Client) Reload(ctx context.Context, pool string) error {
	query := url.Values{}
	if pool != "" {
		query.Set("pool", pool)
	}
	return c.do(ctx, http.MethodPost, "/reload", query, &reply{})
}

// Stop asks the service to end, at once or with its requests, and returns its
// pid without waiting.
func (c *Client) Stop(ctx context.Context, now bool) (pid int, err error) {
	query := url.Values{}
	if now {
		query.Set("now", "1")
	}
	var r reply
	err = c.do(ctx, http.MethodPost, "/stop", query, &r)
	return r.PID, err
}

// Reopen makes the service open its logs anew, and fails with those that it
// could not open.
func (c *Client) Reopen(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/reopen", nil, &reply{})
}

func (c *Client) do(ctx context.Context, method, path string, query url.Values, into any) error {
	target := url.URL{Scheme: "http", Host: "anyfpm", Path: path, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return &NotRunningError{Path: c.path, Err: op.Err}
		}
		return fmt.Errorf("cannot reach the service at %s: %w", c.path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err != nil {
		return fmt.Errorf("cannot read the answer of the service: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		var r reply
		if json.Unmarshal(body, &r) != nil || r.Error == "" {
			return fmt.Errorf("the service answers %s", response.Status)
		}
		return errors.New(r.Error)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("cannot understand the answer of the service: %w", err)
	}
	return nil
}
