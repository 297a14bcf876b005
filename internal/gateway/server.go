package gateway

import (
	"log/slog"
	"net/http"
	"time"
)

// NewServer returns an [http.Server] for a handler, with the time-outs that
// keep idle and stalling clients from staying for ever. Neither a request's
// body nor its response has a time-out: those are the pool's business.
func NewServer(h http.Handler, logger *slog.Logger) *http.Server {
	if logger == nil {
		logger = slog.Default()
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelInfo),
	}
}
