package supervisor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A file system that cannot make files without a name, as overlayfs before
// Linux 6.1 and NFS, has bodies in files that lose theirs at once.
func TestSpoolFileWithoutTmpfile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	spool := (*host).unlinkedFile
	if os.Geteuid() == 0 {
		// It is one that every kernel has. Nothing can be written to its files.
		if err := unix.Mount("anyfpm-test", dir, "mqueue", 0, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		spool = (*host).spoolFile
	}
	h, err := openHost()
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	fd, err := spool(h)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range left {
		if strings.HasPrefix(file.Name(), "anyfpm") {
			t.Errorf("%s is left", file.Name())
		}
	}
}

// A body finds the directory that has the name of one that was removed, or that
// was not there at the start. Without one it says so.
func TestSpoolFileWithoutDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tmp")
	t.Setenv("TMPDIR", dir)
	h, err := openHost()
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if _, err := h.spoolFile(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v without a directory", err)
	}
	for range 2 {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		fd, err := h.spoolFile()
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Close(fd)
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
	}
}
