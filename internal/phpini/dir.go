package phpini

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/scratch"
)

// fileName is the file in a [Dir].
const fileName = "php_admin_value.ini"

// kind is what a [Dir] is on disk.
var kind = scratch.Kind{Prefix: "anyfpm-ini-", Suffix: ".ini"} //nolint:gochecknoglobals // never changed

// A Dir is a directory for PHP_INI_SCAN_DIR. It belongs to the user who made
// it, so that the workers of a pool with another user cannot change what binds
// them. A nil Dir is that of a pool with nothing to bind.
type Dir struct {
	whole  *scratch.Dir
	inside string // its path from the pool's root
}

// Create writes the ini file of a pool. The directory is in the temporary one,
// of the pool's chroot if it has one and root alone can enter it.
func Create(pool *config.Pool, root bool) (*Dir, error) {
	values := binding(pool.PHPAdminValues)
	if pool.Runner != config.RunnerPHP || len(values) == 0 {
		return nil, nil
	}
	chroot := ""
	if root {
		chroot = pool.Chroot
	}
	d, err := create(chroot, values)
	if err != nil {
		return nil, fmt.Errorf("cannot make php_admin_value binding: %w", err)
	}
	return d, nil
}

func create(chroot string, values []config.KeyValue) (*Dir, error) {
	dirs, err := topDirs(chroot + "/")
	if err != nil {
		return nil, err
	}
	parent := os.TempDir()
	if chroot != "" {
		parent = parentIn(chroot)
	}
	made, err := kind.Make(parent)
	if err != nil {
		return nil, err
	}
	d := &Dir{made, strings.TrimPrefix(made.Path, chroot)}
	if err := made.Share(fileName, sections(nil, dirs, values)); err != nil {
		d.Remove()
		return nil, err
	}
	return d, nil
}

// parentIn is the temporary directory of a chroot, if what is put there stays:
// if the pool's user owned it, they could put another directory in its place,
// and unbind what is to bind them. Else it is the root itself, unless nobody can
// write to that.
func parentIn(chroot string) string {
	tmp := chroot + "/tmp"
	info, err := os.Lstat(tmp)
	if err != nil || !info.IsDir() {
		return chroot
	}
	if keeps(info) || unix.Access(chroot, unix.W_OK) != nil {
		return tmp
	}
	return chroot
}

// keeps says that a directory is ours, and that others can neither rename nor
// remove what we put there.
func keeps(dir os.FileInfo) bool {
	st, ok := dir.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && (st.Mode&0o022 == 0 || st.Mode&unix.S_ISVTX != 0)
}

// topDirs returns the directories of root, as seen from it.
func topDirs(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		isDir := e.IsDir()
		if e.Type()&os.ModeSymlink != 0 {
			info, err := os.Stat(root + e.Name())
			isDir = err == nil && info.IsDir()
		}
		if isDir && safe(e.Name()) && !strings.ContainsAny(e.Name(), "];\"'") {
			dirs = append(dirs, "/"+e.Name())
		}
	}
	return dirs, nil
}

// Path is the directory as the pool's workers see it; empty for nil.
func (d *Dir) Path() string {
	if d == nil {
		return ""
	}
	return d.inside
}

// Whole is the directory as this process sees it, for [Adopt]; empty for nil.
func (d *Dir) Whole() string {
	if d == nil {
		return ""
	}
	return d.whole.Path
}

// Adopt returns the directory that another image of this process created, from
// what Whole and Path said of it.
func Adopt(whole, path string) *Dir {
	if whole == "" {
		return nil
	}
	return &Dir{scratch.Adopt(whole), path}
}

// Remove removes the directory.
func (d *Dir) Remove() {
	if d != nil {
		d.whole.Remove()
	}
}
