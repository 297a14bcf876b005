package logfile

import (
	"context"
	"log/slog"
	"time"
)

// Output logs a line that a worker printed, at level warning. source says who,
// as in `child 12 said into stderr`; if it is empty the line stands alone,
// without time and level. With a log_level above warning it does so in any
// case: as in php-fpm, catch_workers_output alone says whether it is logged.
//
// Unlike other records the line is never cut: what is longer than log_limit
// goes on in further lines of exactly that many bytes, each with the same
// beginning (php-fpm's zlog_stream.c). Its bytes are logged as they are.
func Output(log *slog.Logger, source string, line []byte) {
	if h, ok := log.Handler().(*handler); ok {
		h.output(source, line)
		return
	}
	if source != "" {
		source += ": "
	}
	log.Warn(source + string(line))
}

func (h *handler) output(source string, line []byte) {
	if !h.Enabled(context.Background(), LevelWarning) {
		source = ""
	}
	buf := h.buffers.Get().(*[]byte)
	defer h.buffers.Put(buf)
	prefix := (*buf)[:0]
	quote := ""
	if source != "" {
		prefix = h.appendPrefix(prefix, slog.Record{Time: time.Now(), Level: LevelWarning})
		prefix = appendPool(prefix, h.pool)
		prefix = append(prefix, source...)
		prefix = append(prefix, `: "`...)
		quote = `"`
	}
	n := len(prefix)
	room := max(h.wrap-n-len(quote)-len("\n"), 1)
	out := prefix[n:] // after the prefix of the first piece
	for {
		piece := line[:min(room, len(line))]
		line = line[len(piece):]
		out = append(out, prefix[:n]...)
		out = append(out, piece...)
		out = append(out, quote...)
		out = append(out, '\n')
		if len(line) == 0 {
			break
		}
	}
	*buf = prefix
	_, _ = h.out.Write(out) // as slog does: there is nobody to tell
}
