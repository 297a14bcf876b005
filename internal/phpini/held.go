package phpini

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/anyfpm/anyfpm/internal/scratch"
)

// A Held is a [Dir] of another process that must stay what it is as long as
// this one has workers to start. A nil Held is that of a pool with nothing to
// bind.
type Held struct{ dir *scratch.Dir }

// Hold holds the directory at path, as this process sees it, until the process
// ends; the one that made it may let go of it before. An empty path is that of a
// nil [Dir].
func Hold(path string) *Held {
	if path == "" {
		return nil
	}
	dir, _ := scratch.Hold(path) // without locks nothing can happen to it
	return &Held{dir}
}

// Check returns an error if somebody has removed the ini file: PHP would start
// all the same, and scripts could change what they may not.
func (h *Held) Check() error {
	if h == nil {
		return nil
	}
	_, err := os.Stat(filepath.Join(h.dir.Path, fileName))
	if err == nil && h.dir.Gone() {
		err = fmt.Errorf("%s was removed", h.dir.Path)
	}
	if err != nil {
		return fmt.Errorf("php_admin_value would not be binding, a reload makes it so again: %w", err)
	}
	return nil
}
