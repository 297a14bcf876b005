package supervisor

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A host is what a supervisor uses of the system outside of its chroot.
type host struct {
	null int // /dev/null, the stdin of requests without a body
	temp int // the directory of temporary files
}

// openHost opens it; that must come before the chroot.
func openHost() (*host, error) {
	h := &host{null: -1, temp: -1}
	var err error
	if h.null, err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("cannot open /dev/null: %w", err)
	}
	dir := os.TempDir()
	if h.temp, err = unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		h.close()
		return nil, fmt.Errorf("cannot open the directory of temporary files %s: %w", dir, err)
	}
	return h, nil
}

// spoolFile makes a file without a name, for a request body.
func (h *host) spoolFile() (int, error) {
	fd, err := unix.Openat(h.temp, ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return -1, fmt.Errorf("cannot create a temporary file for a request body: %w", err)
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
