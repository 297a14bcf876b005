package proc

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestOutput(t *testing.T) {
	reapsAll(t)
	sh := func(script string) Spec { return Spec{Path: "/bin/sh", Args: []string{"sh", "-c", script}} }
	tests := []struct {
		name, script, want string
	}{
		{"text", "echo one; echo two >&2; exit 3", "one\n"},
		{"empty stdin", "cat; echo end", "end\n"},
		{"too much", "yes", strings.Repeat("y\n", 500)},
		{"a child that stays", "sleep 60 >/dev/null & echo x", "x\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Output(sh(tt.script), 1000, time.Minute)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	if _, err := Output(sh("sleep 60"), 1000, time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a program that hangs: %v", err)
	}
	if _, err := Output(Spec{Path: "/no/such/program"}, 1000, time.Minute); err == nil {
		t.Error("a program that is missing is no error")
	}
}
