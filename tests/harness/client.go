package harness

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Try sends a request to a pool, the first one without a name, over a
// connection of its own.
func (d *Daemon) Try(r Request, pool ...string) (Response, error) {
	d.t.Helper()
	return d.TryWithin(Patience, r, pool...)
}

// TryWithin is Try with a time of its own for each record of the response.
func (d *Daemon) TryWithin(within time.Duration, r Request, pool ...string) (Response, error) {
	d.t.Helper()
	return do(d.Address(pool...), d.Request(r), within)
}

// Do is Try for a request that must be answered.
func (d *Daemon) Do(r Request, pool ...string) Response {
	d.t.Helper()
	res, err := d.Try(r, pool...)
	if err != nil {
		d.t.Fatalf("no response to %s: %v; so far %q, stderr %q", r.Path, err, res.Stdout, res.Stderr)
	}
	return res
}

// Get is Do for a path.
func (d *Daemon) Get(path string, pool ...string) Response {
	d.t.Helper()
	return d.Do(Request{Path: path}, pool...)
}

// Go sends a request and returns where its outcome will be.
func (d *Daemon) Go(r Request, pool ...string) <-chan Outcome {
	d.t.Helper()
	out, began := make(chan Outcome, 1), time.Now()
	c, err := begin(d.Address(pool...), d.Request(r))
	if err != nil {
		out <- Outcome{Err: err}
		return out
	}
	go func() {
		res, err := c.finish(time.Minute)
		out <- Outcome{Response: res, Err: err, Took: time.Since(began)}
	}()
	return out
}

// An Outcome is how a request went.
type Outcome struct {
	Response
	Err  error
	Took time.Duration
}

// Dial connects to a pool.
func (d *Daemon) Dial(pool ...string) *Conn {
	d.t.Helper()
	return Dial(d.t, d.Address(pool...))
}

// Request fills in the document root where the request has none.
func (d *Daemon) Request(r Request) Request {
	if r.Root == "" {
		r.Root = d.WWW
	}
	return r
}

// worksScript is in the document root of every service.
const worksScript = "works.sh"

// ExpectWorks fails the test unless an ordinary request is answered: whatever
// happened before must not have harmed the next one.
func (d *Daemon) ExpectWorks(pool ...string) {
	d.t.Helper()
	if res := d.Get("/"+worksScript, pool...); res.Status != 200 || res.Body != "works" {
		d.t.Fatalf("the next request got %d %q, stderr %q", res.Status, res.Body, res.Stderr)
	}
}

// A Status is a pool's status page in its JSON form.
type Status struct {
	Pool               string `json:"pool"`
	ProcessManager     string `json:"process manager"`
	AcceptedConn       int    `json:"accepted conn"`
	ListenQueue        int    `json:"listen queue"`
	MaxListenQueue     int    `json:"max listen queue"`
	IdleProcesses      int    `json:"idle processes"`
	ActiveProcesses    int    `json:"active processes"`
	TotalProcesses     int    `json:"total processes"`
	MaxActiveProcesses int    `json:"max active processes"`
	MaxChildrenReached int    `json:"max children reached"`
	SlowRequests       int    `json:"slow requests"`
	Processes          []struct {
		PID      int    `json:"pid"`
		State    string `json:"state"`
		Requests int    `json:"requests"`
		Method   string `json:"request method"`
		URI      string `json:"request uri"`
	} `json:"processes"`
}

// Status asks a pool for its status page, which must be at /status.
func (d *Daemon) Status(pool ...string) Status {
	d.t.Helper()
	s, err := d.TryStatus(pool...)
	if err != nil {
		d.t.Fatalf("no status: %v", err)
	}
	return s
}

// TryStatus is Status with an error instead of a failed test.
func (d *Daemon) TryStatus(pool ...string) (Status, error) {
	d.t.Helper()
	var s Status
	res, err := d.Try(Request{Path: "/status?json&full"}, pool...)
	if err != nil {
		return s, err
	}
	if mime := res.Header.Get("Content-Type"); res.Status != 200 || !strings.HasPrefix(mime, "application/json") {
		return s, fmt.Errorf("status page: %d %s %q", res.Status, mime, res.Body)
	}
	return s, json.Unmarshal([]byte(res.Body), &s)
}

// AwaitStatus waits until the status page satisfies a condition.
func (d *Daemon) AwaitStatus(what string, ok func(Status) bool, pool ...string) Status {
	d.t.Helper()
	var s Status
	Eventually(d.t, Patience, func() (err error) {
		if s, err = d.TryStatus(pool...); err == nil && !ok(s) {
			err = fmt.Errorf("not %s: %+v", what, s)
		}
		return err
	})
	return s
}
