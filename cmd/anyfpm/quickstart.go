package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/anyfpm/anyfpm/examples"
)

// quickstart returns the directory with the examples: that of the source tree
// or else a copy of those in the program, and what to call when it is no
// longer needed.
func quickstart() (dir string, remove func(), err error) {
	const local = "examples/quickstart"
	if info, err := os.Stat(local); err == nil && info.IsDir() {
		dir, err := filepath.Abs(local)
		return dir, func() {}, err
	}
	dir, err = os.MkdirTemp("", "anyfpm-quickstart-")
	if err != nil {
		return "", nil, fmt.Errorf("cannot unpack the examples: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) } // it is in the temporary directory
	if err := errors.Join(unpack(dir), os.Chmod(dir, 0o755)); err != nil {
		remove()
		return "", nil, fmt.Errorf("cannot unpack the examples: %w", err)
	}
	return dir, remove, nil
}

// unpack writes the examples into dir. Embedded files have no modes: scripts
// and programs are known by their first bytes.
func unpack(dir string) error {
	files, err := fs.Sub(examples.Quickstart, "quickstart")
	if err != nil {
		return err
	}
	return fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dir, path)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if bytes.HasPrefix(content, []byte("#!")) || bytes.HasPrefix(content, []byte("\x7fELF")) {
			mode = 0o755
		}
		return os.WriteFile(target, content, mode)
	})
}
