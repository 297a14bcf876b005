package runner

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/anyfpm/anyfpm/internal/config"
)

// A program without a slash is the first of its name that can be executed in
// the usual directories, below the root of the pool.
func TestFindBelow(t *testing.T) {
	root := t.TempDir()
	for path, mode := range map[string]os.FileMode{
		"usr/local/bin/tool": 0o644, "usr/bin/tool": 0o755, "bin/tool": 0o755, "usr/bin/text": 0o644,
	} {
		file := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"tool": "/usr/bin/tool", "/bin/tool": "/bin/tool",
		"text": "", "/usr/bin/text": "", "missing": "", "/missing": "", "/bin/sh": "",
	} {
		got, err := findBelow(root, name, config.RunnerFastCGI)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
}
