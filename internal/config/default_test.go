package config

import (
	"strings"
	"testing"
)

func TestControlPath(t *testing.T) {
	long := "/" + strings.Repeat("d", 100)
	for _, tt := range []struct {
		uid                    int
		runtimeDir, temp, want string
	}{
		{0, "/run/user/0", "/tmp", "/run/anyfpm.sock"},
		{7, "/run/user/7", "/tmp", "/run/user/7/anyfpm.sock"},
		{7, "", "/var/tmp", "/var/tmp/anyfpm-7.sock"},
		{7, long, "/var/tmp", "/var/tmp/anyfpm-7.sock"},
		{7, "", long, "/tmp/anyfpm-7.sock"},
	} {
		if got := controlPath(tt.uid, tt.runtimeDir, tt.temp); got != tt.want {
			t.Errorf("user %d with %q and %q: got %q, want %q", tt.uid, tt.runtimeDir, tt.temp, got, tt.want)
		}
	}
}
