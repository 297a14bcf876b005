package procfs

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxFile bounds what is read of any file.
const maxFile = 8 << 20

// A FS is a proc file system.
type FS struct {
	root string
}

// New returns the proc file system mounted at root, /proc if that is empty.
func New(root string) FS {
	if root == "" {
		root = "/proc"
	}
	return FS{root: root}
}

// path joins the elements of a name under the process's directory.
func (fs FS) path(pid int, name ...string) string {
	return filepath.Join(append([]string{fs.root, strconv.Itoa(pid)}, name...)...)
}

// File is the name under which we find a file of a process, which may see
// another file system: the program itself even if it was removed.
func (fs FS) File(pid int, path string) string {
	exe := fs.path(pid, "exe")
	if target, err := os.Readlink(exe); err == nil && strings.TrimSuffix(target, " (deleted)") == path {
		return exe
	}
	return fs.path(pid, "root", path)
}

// read returns the beginning of a file, at most limit bytes.
func read(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// numbers returns the numeric names in a directory, at most limit.
func numbers(path string, limit int) []int {
	d, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(limit)
	var out []int
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// maxThreads is how many threads of a process are looked at.
const maxThreads = 4096

// Threads lists the threads of a process, its main thread first. It is empty
// when the process is gone.
func (fs FS) Threads(pid int) []int {
	tids := numbers(fs.path(pid, "task"), maxThreads)
	for i, tid := range tids {
		if tid == pid {
			tids[0], tids[i] = tids[i], tids[0]
		}
	}
	return tids
}

// Children lists the processes whose parent is pid. It is empty on a kernel
// that does not say (CONFIG_PROC_CHILDREN).
func (fs FS) Children(pid int) []int {
	var out []int
	for _, tid := range fs.Threads(pid) {
		b, err := read(fs.path(pid, "task", strconv.Itoa(tid), "children"), 64<<10)
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(b)) {
			if n, err := strconv.Atoi(field); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// maxCommand is how much is shown of a command line.
const maxCommand = 256

// Command is the command line of a process, its arguments separated by
// blanks, or its name in brackets if it has none.
func (fs FS) Command(pid int) string {
	b, err := read(fs.path(pid, "cmdline"), maxCommand)
	if command := strings.TrimRight(strings.ReplaceAll(string(b), "\x00", " "), " "); err == nil && command != "" {
		return command
	}
	b, err = read(fs.path(pid, "comm"), maxCommand)
	if err != nil {
		return ""
	}
	return "[" + strings.TrimSuffix(string(b), "\n") + "]"
}
