// Package logfile writes logs the way php-fpm does: its line format and
// levels behind log/slog, files that a signal reopens, and syslog.
//
// Nothing in it makes a request wait. A [Writer] takes lines into a bounded
// buffer and drops them, counted, when the disk or the reader of a pipe is too
// slow; a [Syslog] drops what the daemon does not take at once.
package logfile

import (
	"fmt"
	"log/slog"
	"strings"
)

// php-fpm's log levels.
const (
	LevelDebug   = slog.LevelDebug
	LevelNotice  = slog.LevelInfo
	LevelWarning = slog.LevelWarn
	LevelError   = slog.LevelError
	LevelAlert   = slog.Level(12)
)

// ParseLevel returns the level php-fpm's log_level directive calls name, in
// any case.
func ParseLevel(name string) (slog.Level, error) {
	switch strings.ToLower(name) {
	case "debug":
		return LevelDebug, nil
	case "notice":
		return LevelNotice, nil
	case "warning", "warn":
		return LevelWarning, nil
	case "error":
		return LevelError, nil
	case "alert":
		return LevelAlert, nil
	default:
		return 0, fmt.Errorf("unknown log level %q", name)
	}
}

// LevelName returns the word that php-fpm prints for l.
func LevelName(l slog.Level) string {
	switch {
	case l < LevelNotice:
		return "DEBUG"
	case l < LevelWarning:
		return "NOTICE"
	case l < LevelError:
		return "WARNING"
	case l < LevelAlert:
		return "ERROR"
	default:
		return "ALERT"
	}
}
