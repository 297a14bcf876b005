package procfs

import (
	"os"
	"syscall"
)

// An Image tells the program a process runs from what it ran before: pid
// reuse and exec change it.
type Image struct {
	Start             uint64 // see [Stat]
	Code, Stack, Args uint64
	Device, Inode     uint64 // of the executable, 0 for those who may not know
}

// Image reads the identity of the program a process runs.
func (fs FS) Image(pid int) (Image, error) {
	s, err := fs.Stat(pid)
	if err != nil {
		return Image{}, err
	}
	i := Image{Start: s.Start, Code: s.Code, Stack: s.Stack, Args: s.Args}
	if info, err := os.Stat(fs.path(pid, "exe")); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			i.Device, i.Inode = uint64(st.Dev), st.Ino
		}
	}
	return i, nil
}
