package master

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/logfile"
)

// LogNotices logs what reading a configuration has to say about it.
func LogNotices(log *slog.Logger, notices []config.Notice) {
	for _, n := range notices {
		logfile.Printf(log, levelOf(n.Level), "%s", n.Text)
	}
}

// LogFaults logs why a configuration cannot be used, fault by fault, in
// php-fpm's words where it has some.
func LogFaults(log *slog.Logger, err error) {
	var faults *config.Errors
	if !errors.As(err, &faults) {
		logfile.Printf(log, logfile.LevelError, "%s", logfile.ErrorText(err))
		return
	}
	for _, f := range faults.Faults {
		logfile.Printf(log, levelOf(f.Level), "%s", strings.TrimPrefix(f.String(), string(f.Level)+": "))
	}
	if trailer := faults.Trailer(); trailer != "" {
		logfile.Printf(log, logfile.LevelError, "%s", trailer)
	}
}

func levelOf(l config.Level) slog.Level {
	switch l {
	case config.NoticeLevel:
		return logfile.LevelNotice
	case config.WarningLevel:
		return logfile.LevelWarning
	case config.ErrorLevel:
		return logfile.LevelError
	case config.AlertLevel:
		return logfile.LevelAlert
	default:
		return logfile.LevelError
	}
}
