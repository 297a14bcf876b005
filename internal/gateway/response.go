package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/anyfpm/anyfpm/internal/cgi"
)

// A response turns what a script prints into an HTTP response, as it comes. It
// is the Stdout of a request.
type response struct {
	w       http.ResponseWriter
	control *http.ResponseController
	body    *requestBody
	header  cgi.HeaderParser

	// local is the target of a local redirect as long as the response can
	// still be one: it must have no body.
	local string
	begun bool // the status is out

	length int64 // what Content-Length promises, -1 for nothing
	bytes  int64 // of the body, as the script wrote it
}

func newResponse(w http.ResponseWriter, body *requestBody) *response {
	return &response{w: w, control: http.NewResponseController(w), body: body, length: -1}
}

// A badResponseError says that a script's response is no CGI response.
type badResponseError struct{ err error }

func (e *badResponseError) Error() string { return "invalid response of the script: " + e.err.Error() }
func (e *badResponseError) Unwrap() error { return e.err }

// Write takes the next piece of the script's output and sends it on.
func (o *response) Write(p []byte) (int, error) {
	n := len(p)
	if !o.header.Done() {
		used, done, err := o.header.Feed(p)
		if err != nil {
			return 0, &badResponseError{err}
		}
		if !done {
			return n, nil
		}
		p = p[used:]
		if o.local = localRedirect(&o.header); o.local == "" {
			if err := o.begin(); err != nil {
				return 0, err
			}
		}
	}
	if len(p) > 0 && !o.begun { // it has a body, so it is no local redirect
		o.local = ""
		if err := o.begin(); err != nil {
			return 0, err
		}
	}
	o.bytes += int64(len(p))
	if p = o.promised(p); len(p) > 0 && bodyAllowed(o.header.Status()) {
		if _, err := o.w.Write(p); err != nil {
			return 0, err
		}
	}
	if !o.begun {
		return n, nil
	}
	return n, o.flush()
}

// promised returns the part of p, the last piece of the body, that is within
// Content-Length. What is beyond is no part of the response: as in Apache it is
// thrown away.
func (o *response) promised(p []byte) []byte {
	over := min(o.excess(), int64(len(p)))
	return p[:int64(len(p))-over]
}

// excess is how much of the body is beyond Content-Length.
func (o *response) excess() int64 {
	if o.length < 0 {
		return 0
	}
	return max(0, o.bytes-o.length)
}

// end finishes the response, unless it is a local redirect.
func (o *response) end() error {
	if err := o.header.End(); err != nil {
		return &badResponseError{err}
	}
	if o.begun || o.local != "" {
		return nil
	}
	return o.begin()
}

// begin sends the header.
func (o *response) begin() error {
	status := o.header.Status()
	if status < http.StatusOK {
		return &badResponseError{fmt.Errorf("status %d is not final", status)}
	}
	h := o.w.Header()
	h["Content-Type"] = nil // no guess, if the script does not say
	for line := range strings.Lines(string(o.header.Bytes())) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		name = http.CanonicalHeaderKey(name)
		if name == "" || name == "Status" || isHopByHop(name) {
			continue
		}
		value = strings.TrimSpace(value)
		switch name {
		case "Content-Length": // as the next ones; what is no number says nothing
			if n, err := strconv.ParseUint(value, 10, 63); err == nil {
				o.length = int64(n)
				h.Set(name, value)
			}
		case "Content-Type", "Location": // a second one would be a contradiction
			h.Set(name, value)
		default:
			h.Add(name, value)
		}
	}
	if status == http.StatusOK && h.Get("Location") != "" && o.header.Get("Status") == nil {
		status = http.StatusFound // for a client a redirect needs a status
	}
	closeIfUnread(o.w, o.body)
	o.begun = true
	o.w.WriteHeader(status)
	return nil
}

// closeIfUnread has the connection closed after a response that begins before
// the request has ended.
func closeIfUnread(w http.ResponseWriter, body *requestBody) {
	if body.unread() {
		w.Header().Set("Connection", "close")
	}
}

// flush sends what is buffered, if the writer buffers at all.
func (o *response) flush() error {
	if err := o.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// localRedirect returns the target of a local redirect, or "" for any other
// header. RFC 3875 allows it no other field than Location; a Content-Type is
// what many libraries cannot leave out.
func localRedirect(h *cgi.HeaderParser) string {
	location := string(h.Get("Location"))
	if !strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//") || strings.Contains(location, "#") {
		return ""
	}
	for line := range strings.Lines(string(h.Bytes())) {
		name, _, ok := strings.Cut(line, ":")
		if ok && !strings.EqualFold(name, "Location") && !strings.EqualFold(name, "Content-Type") {
			return ""
		}
	}
	return location
}

// bodyAllowed reports whether a response of this status can have a body.
func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
