package logfile

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// OpenFD opens a log for appending, made with mode 0600 if it is not there,
// closed on exec. Names of a standard stream (/dev/stderr, /proc/self/fd/2 and
// the like) give a duplicate of it, which works for sockets too, where opening
// the name does not.
//
// A link is followed if it is root's or our own: where a log is in the directory
// of a user, root would else write to any file for them.
//
// A named pipe is opened without waiting for a reader, and stays open when its
// reader goes: what nobody reads fills it. The descriptor does not block then.
func OpenFD(path string) (int, error) {
	if fd, ok := standardStream(path); ok {
		dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return -1, fmt.Errorf("cannot duplicate %s: %w", path, err)
		}
		return dup, nil
	}
	// Non-blocking, since open(2) of a pipe without a reader waits for one.
	fd, err := openRetrying(path, unix.O_WRONLY|unix.O_CREAT|unix.O_NONBLOCK)
	if errors.Is(err, unix.ENXIO) || err == nil && isPipe(fd) {
		// To hold the other end as well keeps the pipe open.
		if both, bothErr := openRetrying(path, unix.O_RDWR|unix.O_NONBLOCK); bothErr == nil {
			if err == nil {
				_ = unix.Close(fd) // nothing was written
			}
			return both, nil
		}
	} else if err == nil {
		_ = unix.SetNonblock(fd, false) // it cannot fail for an open descriptor
	}
	if err != nil {
		return -1, fmt.Errorf("cannot open %s: %w", path, err)
	}
	return fd, nil
}

var errAnothersLink = errors.New("it is a link of another user")

func openRetrying(path string, flags int) (int, error) {
	flags |= unix.O_APPEND | unix.O_CLOEXEC | unix.O_NOCTTY
	follow := unix.O_NOFOLLOW
	for {
		fd, err := unix.Open(path, flags|follow, 0o600)
		switch {
		case err == unix.ELOOP && follow != 0:
			if !trusted(path) {
				return -1, errAnothersLink
			}
			follow = 0
		case err != unix.EINTR:
			return fd, err
		}
	}
}

// trusted says that a link is root's or our own.
func trusted(link string) bool {
	var st unix.Stat_t
	return unix.Lstat(link, &st) == nil && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}

func isPipe(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO
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
