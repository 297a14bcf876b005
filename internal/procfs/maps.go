package procfs

import (
	"fmt"
	"strconv"
	"strings"
)

// A Mapping is one line of /proc/PID/maps.
type Mapping struct {
	Low, High  uint64
	Offset     uint64 // in the file
	Executable bool
	Device     string // major:minor, hexadecimal
	Inode      uint64 // 0: not a file
	// Path is the file as the process sees it, or a name in brackets. Text
	// the kernel appends to the path of a removed file is cut off.
	Path string
}

// Maps reads the mappings of a process, in the order of their addresses.
func (fs FS) Maps(pid int) ([]Mapping, error) {
	b, err := read(fs.path(pid, "maps"), maxFile)
	if err != nil {
		return nil, fmt.Errorf("cannot read the mappings of process %d: %w", pid, err)
	}
	var out []Mapping
	for line := range strings.Lines(string(b)) {
		if m, ok := parseMapping(strings.TrimSuffix(line, "\n")); ok {
			out = append(out, m)
		}
	}
	return out, nil
}

// parseMapping reads a line such as
//
//	7f3c2a000000-7f3c2a021000 r-xp 00000000 08:01 1234    /lib/libc.so.6
func parseMapping(line string) (Mapping, bool) {
	var field [5]string
	for i := range field {
		field[i], line, _ = strings.Cut(strings.TrimLeft(line, " "), " ")
	}
	low, high, _ := strings.Cut(field[0], "-")
	var m Mapping
	var err [4]error
	m.Low, err[0] = strconv.ParseUint(low, 16, 64)
	m.High, err[1] = strconv.ParseUint(high, 16, 64)
	m.Offset, err[2] = strconv.ParseUint(field[2], 16, 64)
	m.Inode, err[3] = strconv.ParseUint(field[4], 10, 64)
	for _, e := range err {
		if e != nil {
			return Mapping{}, false
		}
	}
	m.Executable = strings.Contains(field[1], "x")
	m.Device = field[3]
	m.Path = strings.TrimSuffix(strings.TrimLeft(line, " "), " (deleted)")
	return m, m.Low < m.High
}

// An Object is a file or the vdso as it is mapped: perhaps an ELF object.
type Object struct {
	Mapping        // the one with the file's beginning
	End     uint64 // of its last mapping
}

// vdso is the object that is in no file.
const vdso = "[vdso]"

// Objects joins the mappings of each file. A file whose beginning is not
// mapped is left out.
func Objects(maps []Mapping) []Object {
	type file struct {
		device string
		inode  uint64
		path   string
	}
	index := map[file]int{}
	var out []Object
	for _, m := range maps {
		if m.Inode == 0 && m.Path != vdso {
			continue
		}
		key := file{m.Device, m.Inode, m.Path}
		i, seen := index[key]
		switch {
		case m.Offset == 0 && (!seen || m.Low > out[i].End):
			// A second mapping of the beginning is a second copy, unless it
			// adjoins the first.
			index[key] = len(out)
			out = append(out, Object{Mapping: m, End: m.High})
		case seen:
			out[i].End = m.High
		}
	}
	return out
}
