package logfile

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"time"
)

// Regained logs that lines of this very log were lost before it could be written
// again. It is what Writer.Watch wants of an error log.
func Regained(log *slog.Logger, lines uint64) {
	log.Warn("lines of this log were lost", slog.Uint64("lines", lines))
}

// Printf logs one of php-fpm's own lines. Monitoring and scripts match their
// whole text, numbers and names included, so unlike those of other records
// these messages are formatted.
func Printf(log *slog.Logger, level slog.Level, format string, args ...any) {
	ctx := context.Background()
	if !log.Enabled(ctx, level) {
		return
	}
	var pcs [1]uintptr
	runtime.Callers(2, pcs[:])
	r := slog.NewRecord(time.Now(), level, fmt.Sprintf(format, args...), pcs[0])
	_ = log.Handler().Handle(ctx, r) // as slog does: there is nobody to tell
}
