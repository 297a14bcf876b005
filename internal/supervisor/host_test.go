package supervisor

import (
	"os"
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
