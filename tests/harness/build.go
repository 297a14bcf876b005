package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build compiles anyfpm from the module around the working directory and
// returns the path of the binary, which every user may execute, and what to
// call when it is no longer needed.
func Build() (binary string, remove func() error, err error) {
	dir, err := os.MkdirTemp("/tmp", "anyfpm-build-")
	if err != nil {
		return "", nil, err
	}
	remove = func() error { return os.RemoveAll(dir) }
	binary = filepath.Join(dir, "anyfpm")
	cmd := exec.Command("go", "build", "-o", binary, "github.com/anyfpm/anyfpm/cmd/anyfpm")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("cannot build anyfpm: %w\n%s", err, out)
	}
	err = errors.Join(err, os.Chmod(dir, 0o755))
	if err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return binary, remove, nil
}

// Root is the directory of the module, where the examples are.
func Root(t T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("cannot find the module: %v", err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatalf("no go.mod above the working directory")
	return ""
}
