package supervisor

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A host is what a supervisor uses of the system outside of its chroot.
type host struct {
	null int    // /dev/null, the stdin of requests without a body
	temp int    // the directory of temporary files
	dir  string // its name
}

// openHost opens it; that must come before the chroot.
func openHost() (*host, error) {
	h := &host{null: -1, temp: -1, dir: os.TempDir()}
	var err error
	if h.null, err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("cannot open /dev/null: %w", err)
	}
	_ = h.openTemp() // the first body that needs it says why not
	return h, nil
}

// openTemp opens the directory of temporary files, in place of another if there
// is one.
func (h *host) openTemp() error {
	fd, err := unix.Open(h.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if h.temp >= 0 {
		_ = unix.Close(h.temp) // a directory has nothing to lose
	}
	h.temp = fd
	return nil
}

// tempGone says that the directory of temporary files was removed, or that there
// was none.
func (h *host) tempGone() bool {
	var st unix.Stat_t
	return h.temp < 0 || unix.Fstat(h.temp, &st) == nil && st.Nlink == 0
}

// spoolFile makes a file without a name, for a request body. If somebody has
// removed the directory, it is in the one that has its name since.
func (h *host) spoolFile() (int, error) {
	fd, err := h.unnamedFile()
	if err != nil && h.tempGone() {
		if err = h.openTemp(); err == nil {
			fd, err = h.unnamedFile()
		}
	}
	if err != nil {
		return -1, fmt.Errorf("cannot create a temporary file for a request body in %s: %w", h.dir, err)
	}
	return fd, nil
}

func (h *host) unnamedFile() (int, error) {
	fd, err := unix.Openat(h.temp, ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) {
		fd, err = h.unlinkedFile()
	}
	return fd, err
}

// unlinkedFile makes one where the file system has no files without a name, as
// overlayfs before Linux 6.1, and NFS.
func (h *host) unlinkedFile() (int, error) {
	name := "anyfpm-" + rand.Text()
	fd, err := unix.Openat(h.temp, name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return -1, err
	}
	if err := unix.Unlinkat(h.temp, name, 0); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (h *host) close() {
	for _, fd := range []int{h.null, h.temp} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}
