package logfile

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
)

// A Startup is a handler that also shows the operator at the terminal what
// happens while a service starts: until [Startup.Done] records of level notice
// and above go to a second handler too.
type Startup struct {
	target slog.Handler
	echo   slog.Handler
	done   *atomic.Bool // shared by all copies
}

// NewStartup returns a handler for target, and for echo at first.
func NewStartup(target, echo slog.Handler) *Startup {
	return &Startup{target: target, echo: echo, done: new(atomic.Bool)}
}

// Done ends the copying, for all handlers derived from s as well.
func (s *Startup) Done() { s.done.Store(true) }

// Enabled tells whether either handler wants records of level l.
func (s *Startup) Enabled(ctx context.Context, l slog.Level) bool {
	return s.target.Enabled(ctx, l) || s.echoes(ctx, l)
}

// Handle hands r to the handlers that want it.
func (s *Startup) Handle(ctx context.Context, r slog.Record) error {
	var err, echoErr error
	if s.target.Enabled(ctx, r.Level) {
		err = s.target.Handle(ctx, r)
	}
	if s.echoes(ctx, r.Level) {
		echoErr = s.echo.Handle(ctx, r)
	}
	return errors.Join(err, echoErr)
}

// WithAttrs adds attrs for both handlers.
func (s *Startup) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Startup{target: s.target.WithAttrs(attrs), echo: s.echo.WithAttrs(attrs), done: s.done}
}

// WithGroup opens a group for both handlers.
func (s *Startup) WithGroup(name string) slog.Handler {
	return &Startup{target: s.target.WithGroup(name), echo: s.echo.WithGroup(name), done: s.done}
}

func (s *Startup) echoes(ctx context.Context, l slog.Level) bool {
	return !s.done.Load() && l >= LevelNotice && s.echo.Enabled(ctx, l)
}
