package listen

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/proc"
)

const defaultMode = 0o660

// openUnix binds a unix socket in place of one whose owner is dead.
func openUnix(spec Spec) (*Socket, error) {
	path := spec.Address
	if err := clearPath(path); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("failed to create new listening socket: socket(): %w", err)
	}
	s := &Socket{FD: fd, Key: path, spec: spec}
	if err := s.bindUnix(path); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Socket) bindUnix(path string) error {
	// The file gets the mode of the socket less the umask. With none at all
	// nobody can connect before owner and mode are right, and the umask, which
	// is the whole process's, stays alone.
	if err := unix.Fchmod(s.FD, 0); err != nil {
		return fmt.Errorf("unable to set the mode of the listening socket for address '%s': %w", path, err)
	}
	if err := unix.Bind(s.FD, &unix.SockaddrUnix{Name: path}); err != nil {
		return fmt.Errorf("unable to bind listening socket for address '%s': %w", path, err)
	}
	s.file = identify(path)
	if err := s.setPermissions(); err != nil {
		return err
	}
	return s.listen()
}

// clearPath makes way for a new socket: it removes one that nobody listens on
// any more and refuses anything else.
func clearPath(path string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return nil // bind will tell what else is wrong
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return fmt.Errorf("unable to bind listening socket for address '%s': the file exists and is not a socket", path)
	}
	if alive(path) {
		return fmt.Errorf("Another FPM instance seems to already listen on %s", path) //nolint:staticcheck // php-fpm's text
	}
	if err := unix.Unlink(path); err != nil && err != unix.ENOENT {
		return fmt.Errorf("unable to remove the old socket '%s': %w", path, err)
	}
	return nil
}

// alive tells whether somebody listens at path. Only a refusal proves that
// nobody does: a full backlog or a missing right says nothing.
func alive(path string) bool {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	return err != unix.ECONNREFUSED && err != unix.ENOENT
}

// setPermissions gives the socket's file its owner, mode and access list.
func (s *Socket) setPermissions() error {
	mode := uint32(defaultMode)
	if s.spec.Mode != "" {
		// Garbage is 0, as strtoul has it.
		number, _ := strconv.ParseUint(s.spec.Mode, 8, 32)
		mode = uint32(number) & 0o777
	}
	list, err := parseACL(s.spec, mode)
	if err != nil {
		return err
	}
	if list == nil {
		if err := s.chown(); err != nil {
			return err
		}
	}
	if err := chmod(s.spec.Address, mode); err != nil {
		return fmt.Errorf("[pool %s] failed to chmod() the socket '%s': %w", s.spec.Pool, s.spec.Address, err)
	}
	return list.set(s.spec)
}

// chmod sets the mode of a unix socket. Its directory may be a user's, who may
// put a link in its place: nothing but a socket is changed.
func chmod(path string, mode uint32) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return unix.ENOTSOCK
	}
	err = unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), mode)
	if err == unix.ENOENT { // there is no /proc
		err = unix.Fchmodat(unix.AT_FDCWD, path, mode, unix.AT_SYMLINK_NOFOLLOW)
	}
	return err
}

func (s *Socket) chown() error {
	uid, gid := -1, -1
	var err error
	if s.spec.Owner != "" {
		if uid, gid, err = proc.OwnerIDs(s.spec.Owner); err != nil {
			return fmt.Errorf("[pool %s] %w", s.spec.Pool, err)
		}
	}
	if s.spec.Group != "" {
		if gid, err = proc.GroupID(s.spec.Group); err != nil {
			return fmt.Errorf("[pool %s] %w", s.spec.Pool, err)
		}
	}
	if uid < 0 && gid < 0 {
		return nil
	}
	if err := unix.Lchown(s.spec.Address, uid, gid); err != nil {
		return fmt.Errorf("[pool %s] failed to chown() the socket '%s': %w", s.spec.Pool, s.spec.Address, err)
	}
	return nil
}
