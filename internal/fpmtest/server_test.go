package fpmtest

import (
	"strings"
	"testing"
)

func TestPing(t *testing.T) {
	s := Start(t, "pm = static", "pm.max_children = 1", "ping.path = /ping")
	stdout, stderr := s.Do(t, Params("REQUEST_METHOD", "GET", "SCRIPT_NAME", "/ping", "SCRIPT_FILENAME", "/ping"))
	if !strings.HasSuffix(stdout, "\r\n\r\npong") || stderr != "" {
		t.Errorf("got %q and %q", stdout, stderr)
	}
}

func TestCheck(t *testing.T) {
	if got := Check(t, "pm = none-such"); !strings.Contains(got, "invalid process manager") {
		t.Errorf("got %q", got)
	}
}
