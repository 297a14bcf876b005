package logfile

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// OpenFD opens a log for appending, made with mode 0600 if it is not there,
// closed on exec. Names of a standard stream (/dev/stderr, /proc/self/fd/2 and
// the like) give a duplicate of it, which works for sockets too, where opening
// the name does not.
func OpenFD(path string) (int, error) {
	if fd, ok := standardStream(path); ok {
		dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return -1, fmt.Errorf("cannot duplicate %s: %w", path, err)
		}
		return dup, nil
	}
	for {
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOCTTY, 0o600)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return -1, fmt.Errorf("cannot open %s: %w", path, err)
		}
		return fd, nil
	}
}

func standardStream(path string) (fd int, ok bool) {
	switch path {
	case "/dev/stdout":
		return unix.Stdout, true
	case "/dev/stderr":
		return unix.Stderr, true
	}
	for _, dir := range []string{"/proc/self/fd/", "/dev/fd/"} {
		if number, found := strings.CutPrefix(path, dir); found {
			fd, err := strconv.Atoi(number)
			return fd, err == nil && fd >= 0 && fd <= 2
		}
	}
	return 0, false
}
