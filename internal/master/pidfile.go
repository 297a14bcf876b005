package master

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// errnoOf returns the system's error in err without the words around it, or
// err itself.
func errnoOf(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// checkPIDFile says early what writePIDFile would of a directory that is not
// there: the control socket, which is beside the file unless the configuration
// says otherwise, is opened before.
func checkPIDFile(path string) error {
	if path == "" {
		return nil
	}
	if err := unix.Access(filepath.Dir(path), unix.F_OK); err != nil {
		return fmt.Errorf("Unable to create the PID file (%s).: %w", path, err) //nolint:staticcheck // php-fpm's text
	}
	return nil
}

// writePIDFile writes the pid of this process to path as php-fpm does: a new
// file, without a newline.
func writePIDFile(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("Unable to remove the PID file (%s).: %w", path, errnoOf(err)) //nolint:staticcheck // php-fpm's text
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("Unable to create the PID file (%s).: %w", path, errnoOf(err)) //nolint:staticcheck // php-fpm's text
	}
	_, err = file.WriteString(strconv.Itoa(os.Getpid()))
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("Unable to write to the PID file.: %w", errnoOf(err)) //nolint:staticcheck // php-fpm's text
	}
	return nil
}

// pidFileGone says that the file was removed.
func pidFileGone(path string) bool {
	if path == "" {
		return false
	}
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}

// removePIDFile removes the file unless another service has written its own
// there meanwhile.
func removePIDFile(path string) {
	if path == "" {
		return
	}
	if content, err := os.ReadFile(path); err == nil && string(content) == strconv.Itoa(os.Getpid()) {
		_ = os.Remove(path) // as in php-fpm: a warning helps nobody here
	}
}
