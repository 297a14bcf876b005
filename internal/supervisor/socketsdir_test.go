package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSocketsParent(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for temp, want := range map[string]string{"/usr": "/usr", long: "/tmp", "/usr/none": "/tmp"} {
		t.Setenv("TMPDIR", temp)
		if got := socketsParent(); got != want {
			t.Errorf("with TMPDIR=%s it is %s, want %s", temp, got, want)
		}
	}
}
