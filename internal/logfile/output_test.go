package logfile

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestOutputFillsEachLine(t *testing.T) {
	const limit = 600
	for _, test := range []struct {
		name, source string
		length       int
		lines        int
	}{
		{"short", "child 1 said into stderr", 10, 1},
		{"exactly one", "child 1 said into stderr", limit - len(`[20-Nov-2026 17:33:39] WARNING: [pool www] child 1 said into stderr: ""`) - 1, 1},
		{"one more", "child 1 said into stderr", limit - len(`[20-Nov-2026 17:33:39] WARNING: [pool www] child 1 said into stderr: ""`), 2},
		{"long", "child 1 said into stderr", 5000, 10},
		{"plain", "", limit - 1, 1},
		{"plain and long", "", 2 * limit, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			log := slog.New(NewHandler(&out, HandlerOptions{Limit: limit})).With("pool", "www")
			text := strings.Repeat("x\x00", test.length)[:test.length]
			Output(log, test.source, []byte(text))

			var got strings.Builder
			lines := strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")
			for i, line := range lines {
				if i < len(lines)-1 && len(line) != limit {
					t.Errorf("line %d has %d bytes, want %d", i, len(line), limit)
				}
				line = strings.TrimSuffix(line, "\n")
				if test.source != "" {
					_, line, _ = strings.Cut(line, "WARNING: [pool www] "+test.source+`: "`)
					line = strings.TrimSuffix(line, `"`)
				}
				got.WriteString(line)
			}
			if len(lines) != test.lines {
				t.Errorf("got %d lines, want %d", len(lines), test.lines)
			}
			if got.String() != text {
				t.Errorf("the pieces are not the text:\n%q", out.String())
			}
		})
	}
}

// With log_level above warning php-fpm takes the beginning off a line, and not
// the line.
func TestOutputWithoutWarnings(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(NewHandler(&out, HandlerOptions{Level: LevelError}))
	Output(log, "child 1 said into stderr", []byte("x"))
	Output(log, "", []byte("y"))
	if got, want := out.String(), "x\ny\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
