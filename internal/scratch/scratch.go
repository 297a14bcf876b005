// Package scratch makes directories that belong to a process, and removes those
// of processes that could not do so before they ended.
//
// Whoever needs such a directory holds a lock on it. The kernel gives it back
// however the process ends, so a directory that nobody holds is nobody's.
package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A Kind is a use of directories. Its names are found by what they have in
// common, so both must be like no other's.
type Kind struct {
	Prefix string // of a directory's name
	Suffix string // of the name of each file in one
}

// A Dir is a directory that this process holds.
type Dir struct {
	Path string
	lock int
}

// Make makes a directory in parent. Those of the same kind and user that nobody
// holds are removed first.
func (k Kind) Make(parent string) (*Dir, error) {
	k.sweep(parent)
	for {
		path, err := os.MkdirTemp(parent, k.Prefix)
		if err != nil {
			return nil, err
		}
		lock, err := hold(path)
		switch {
		case err == nil:
			return &Dir{path, lock}, nil
		case errors.Is(err, fs.ErrNotExist): // swept before it was held
		default: // a file system without locks, where nothing is swept
			return &Dir{path, -1}, nil
		}
	}
}

// Share makes a file in the directory and lets everybody read it. Where the
// parent is another's, the name may by now be that of a directory of theirs:
// nothing is written there, nor through a link.
func (d *Dir) Share(name string, content []byte) error {
	fd, err := unix.Open(d.Path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", d.Path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("cannot look at %s: %w", d.Path, err)
	}
	if int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is no longer the directory that was made", d.Path)
	}
	made, err := unix.Openat(fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("cannot make %s in %s: %w", name, d.Path, err)
	}
	file := os.NewFile(uintptr(made), name)
	_, err = file.Write(content)
	return errors.Join(err, file.Chmod(0o644), file.Close(), unix.Fchmod(fd, 0o755))
}

// Adopt returns a directory that another image of this process has made. Another
// process must hold it.
func Adopt(path string) *Dir { return &Dir{path, -1} }

// Hold holds a directory of another process until this one ends, too. Without
// locks nothing can happen to it, and the error is of no importance.
func Hold(path string) (*Dir, error) {
	lock, err := hold(path)
	return &Dir{path, lock}, err
}

// Gone says that the directory was removed by somebody else. What has taken its
// name since is not this one.
func (d *Dir) Gone() bool {
	var st unix.Stat_t
	if d.lock >= 0 && unix.Fstat(d.lock, &st) == nil && st.Nlink == 0 {
		return true
	}
	return unix.Lstat(d.Path, &st) == unix.ENOENT
}

// hold returns the descriptor that has the lock.
func hold(path string) (fd int, err error) {
	fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err = unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		err = fs.ErrNotExist // it is just being removed
	}
	var st unix.Stat_t
	if err == nil {
		if err = unix.Fstat(fd, &st); err == nil && st.Nlink == 0 {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Remove removes the directory with what is in it. Nothing is to be done about
// a failure: it is small, and swept later.
func (d *Dir) Remove() {
	_ = os.RemoveAll(d.Path)
	if d.lock >= 0 {
		_ = unix.Close(d.lock)
	}
}

// sweep removes what nobody holds.
func (k Kind) sweep(parent string) {
	dir, err := os.Open(parent)
	if err != nil {
		return // MkdirTemp says why
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if strings.HasPrefix(name, k.Prefix) {
			k.remove(int(dir.Fd()), name)
		}
	}
}

// remove removes a directory if it is this user's, nobody holds it, and there is
// nothing in it that does not belong there. The parent may be others' to write
// to: nothing is followed, and nothing but files of the kind is removed.
func (k Kind) remove(parent int, name string) {
	fd, err := unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	dir := os.NewFile(uintptr(fd), name)
	defer func() { _ = dir.Close() }()
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || int(st.Uid) != os.Geteuid() || unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	files, err := dir.Readdirnames(-1)
	if err != nil {
		return
	}
	for _, file := range files {
		if filepath.Ext(file) != k.Suffix {
			return
		}
	}
	for _, file := range files {
		_ = unix.Unlinkat(fd, file, 0)
	}
	_ = unix.Unlinkat(parent, name, unix.AT_REMOVEDIR)
}
