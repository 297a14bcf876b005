package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"

	"github.com/anyfpm/anyfpm/fcgi"
)

// maxRedirects is how many local redirects a request may go through.
const maxRedirects = 10

// retryAfter is what a client is told whose request the pool refused.
const retryAfter = "1"

// serveScript has the backend perform a request.
func (g *Gateway) serveScript(w http.ResponseWriter, r *http.Request, t target, redirects int) {
	logger := g.logger().With(slog.String("uri", r.URL.Path))
	body, err := newBody(w, r, g.cfg.BodyTimeout)
	if err != nil {
		closeIfUnread(w, body)
		status := http.StatusBadRequest
		if errors.Is(err, os.ErrDeadlineExceeded) {
			status = http.StatusRequestTimeout
		}
		errorPage(w, status)
		return
	}
	out := newResponse(w, body)
	stderr := &stderrLog{logger: logger}
	request := &fcgi.Request{Params: g.params(r, t), Stdout: out, Stderr: stderr}
	if body != nil {
		request.Stdin = body
	}
	_, err = g.cfg.Backend.Do(r.Context(), request)
	_ = body.Close() // it has no error
	// Cancelled is a request also by what is wrong with its body, and by its Close.
	gone := errors.Is(context.Cause(r.Context()), context.Canceled) && !body.unread()
	if broken := body.brokenOff(); broken != nil {
		err, gone = broken, false
	}
	stderr.flush()
	if !out.begun {
		closeIfUnread(w, body)
	}
	if err == nil {
		err = out.end()
	}
	if n := out.excess(); n > 0 && bodyAllowed(out.header.Status()) {
		logger.Warn("the script's body is longer than its Content-Length, the rest is cut off",
			slog.Int64("content_length", out.length), slog.Int64("cut_bytes", n))
	}
	switch {
	case err == nil && out.local == "":
	case err == nil:
		g.follow(w, r, out.local, redirects)
	case out.begun:
		logger.Info("response broke off", slog.Any("err", err))
		// The client must not take what it has for the whole response.
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's only way to say so
	case gone:
		// The client has gone. If it has closed one direction only, it must not
		// take the answer that net/http makes of none for the response.
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's only way to say so
	default:
		status := statusOfFailure(r.Context(), err)
		level := slog.LevelError
		if status == http.StatusBadRequest {
			level = slog.LevelInfo // it is the client's
		}
		logger.Log(r.Context(), level, "request failed", slog.Int("status", status), slog.Any("err", err))
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", retryAfter)
		}
		errorPage(w, status)
	}
}

// statusOfFailure returns the status for a request that has no response.
func statusOfFailure(ctx context.Context, err error) int {
	refused, ok := errors.AsType[*fcgi.EndError](err)
	_, bad := errors.AsType[*bodyError](err)
	switch {
	case bad:
		return http.StatusBadRequest
	case ok && refused.Status == fcgi.StatusOverloaded:
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded), errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	default:
		return http.StatusBadGateway
	}
}

// follow answers as if the client had asked for location (RFC 3875 §6.2.2).
func (g *Gateway) follow(w http.ResponseWriter, r *http.Request, location string, redirects int) {
	to, err := url.ParseRequestURI(location)
	if redirects >= maxRedirects {
		err = fmt.Errorf("more than %d local redirects", maxRedirects)
	}
	if err != nil {
		g.logger().Error("cannot follow a local redirect", slog.String("uri", r.URL.Path), slog.Any("err", err))
		errorPage(w, http.StatusBadGateway)
		return
	}
	next := r.Clone(r.Context())
	if next.Method != http.MethodHead {
		next.Method = http.MethodGet
	}
	next.URL, next.RequestURI = to, location
	next.Body, next.ContentLength = http.NoBody, 0
	next.Header.Del("Content-Length")
	next.Header.Del("Content-Type")
	g.serve(w, next, redirects+1)
}
