package procfs

import (
	"os"
	"strconv"
	"strings"
)

// FD names what is behind a descriptor of a process: a path, "pipe",
// "tcp 127.0.0.1:4711 -> 127.0.0.1:5432", "unix /run/mysqld/mysqld.sock", or
// what the kernel calls it. It is empty when the descriptor is not open or may
// not be looked at.
func (fs FS) FD(pid, fd int) string {
	target, err := os.Readlink(fs.path(pid, "fd", strconv.Itoa(fd)))
	if err != nil {
		return ""
	}
	kind, inode, ok := bracketed(target)
	switch {
	case !ok:
		return target
	case kind == "socket":
		if s := fs.socket(pid, inode); s != "" {
			return s
		}
	}
	return target
}

// bracketed splits "socket:[4711]".
func bracketed(target string) (kind string, inode uint64, ok bool) {
	kind, rest, ok := strings.Cut(target, ":[")
	if !ok {
		return "", 0, false
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 64)
	return kind, inode, err == nil
}

// Watched lists the descriptors an epoll descriptor waits for, at most limit.
func (fs FS) Watched(pid, epfd, limit int) []int {
	b, err := read(fs.path(pid, "fdinfo", strconv.Itoa(epfd)), 256<<10)
	if err != nil {
		return nil
	}
	var out []int
	for line := range strings.Lines(string(b)) {
		rest, ok := strings.CutPrefix(line, "tfd:")
		if !ok || len(out) == limit {
			continue
		}
		if f := strings.Fields(rest); len(f) > 0 {
			if n, err := strconv.Atoi(f[0]); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}
