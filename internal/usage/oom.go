package usage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// An OOM tells whether the kernel has killed a process for lack of memory. It
// holds a file open, so that it works after chroot too. One goroutine at a
// time may use it.
type OOM struct {
	file *os.File
	seen uint64
}

// OpenOOM watches the control group of this process, with all below it, or
// the whole system where the memory of the group is not accounted for.
func OpenOOM() (*OOM, error) { return openOOM("/") }

// openOOM has the file systems under root.
func openOOM(root string) (*OOM, error) {
	var faults []error
	for _, path := range []string{groupEvents(root), filepath.Join(root, "proc/vmstat")} {
		o, err := watch(path)
		if err == nil {
			return o, nil
		}
		faults = append(faults, err)
	}
	return nil, fmt.Errorf("cannot watch for processes killed for lack of memory: %w", errors.Join(faults...))
}

// groupEvents is the file of the events of our group.
func groupEvents(root string) string { return filepath.Join(groupDir(root), "memory.events") }

// groupDir is the directory of our control group (v2). In a container the
// group's name may be that of the host, while its own is at the top.
func groupDir(root string) string {
	top := filepath.Join(root, "sys/fs/cgroup")
	list, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup")) // without one there is no group either
	for line := range bytes.Lines(list) {
		if name, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("0::")); ok {
			dir := filepath.Join(top, string(name))
			if _, err := os.Stat(filepath.Join(dir, "memory.events")); err == nil {
				return dir
			}
		}
	}
	return top
}

func watch(path string) (*OOM, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	o := &OOM{file: file}
	if o.seen, err = o.count(); err != nil {
		_ = file.Close()
		return nil, err
	}
	return o, nil
}

// Killed returns how many processes were killed since it was asked last.
func (o *OOM) Killed() uint64 {
	n, err := o.count()
	if err != nil || n <= o.seen {
		return 0
	}
	killed := n - o.seen
	o.seen = n
	return killed
}

// Close ends the watching.
func (o *OOM) Close() error { return o.file.Close() }

// count reads the line "oom_kill 3", which both files have.
func (o *OOM) count() (uint64, error) {
	p, err := readAll(o.file)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(p) {
		if digits, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			return strconv.ParseUint(string(bytes.TrimSpace(digits)), 10, 64)
		}
	}
	return 0, fmt.Errorf("cannot find oom_kill in %s", o.file.Name())
}
