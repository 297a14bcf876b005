package proc

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Title changes what ps shows as the command line of the process.
type Title struct {
	area    []byte // the memory of the arguments
	command string
}

// TakeTitle takes the memory of os.Args for titles and makes os.Args a copy of
// its own. It must be called once, before anything has kept an argument.
//
// command is what the kernel shall call the process, for ps -C, killall and
// start-stop-daemon --name. One started through /proc/self/exe would be called
// "exe".
func TakeTitle(command string) *Title {
	t := &Title{command: command}
	var end *byte // behind the NUL of the argument before
	for i, arg := range os.Args {
		data := unsafe.StringData(arg)
		if i > 0 && data != end {
			break // not in one piece: not the kernel's memory
		}
		end = (*byte)(unsafe.Add(unsafe.Pointer(data), len(arg)+1))
		os.Args[i] = strings.Clone(arg)
		if i == 0 {
			t.area = unsafe.Slice(data, len(arg)+1)
		} else {
			t.area = unsafe.Slice(&t.area[0], len(t.area)+len(arg)+1)
		}
	}
	return t
}

// Set makes s the title. If it is longer than the original command line it
// takes, as in php-fpm, the memory of the environment behind that, of which the
// program has copies; it is cut if it is longer than both, unless the process
// may have the title elsewhere (CAP_SYS_RESOURCE).
func (t *Title) Set(s string) {
	// Without /proc the name stays; it is a convenience.
	_ = os.WriteFile("/proc/self/comm", []byte(t.command), 0)
	if len(s) >= len(t.area) {
		t.move(len(s) + 1)
	}
	if len(s) >= len(t.area) {
		t.spread()
	}
	if len(t.area) == 0 {
		return
	}
	n := copy(t.area[:len(t.area)-1], s)
	clear(t.area[n:])
}

// move tells the kernel of a larger area.
func (t *Title) move(size int) {
	area, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return
	}
	start := uintptr(unsafe.Pointer(&area[0]))
	// The kernel wants start <= end at each step.
	steps := [][2]uintptr{{unix.PR_SET_MM_ARG_START, start}, {unix.PR_SET_MM_ARG_END, start + uintptr(size)}}
	if len(t.area) > 0 && start > uintptr(unsafe.Pointer(&t.area[0])) {
		steps[0], steps[1] = steps[1], steps[0]
	}
	for i, step := range steps {
		if err := unix.Prctl(unix.PR_SET_MM, step[0], step[1], 0, 0); err != nil {
			if i == 0 {
				_ = unix.Munmap(area) // nobody knows of it yet
			}
			return
		}
	}
	t.area = area
}

// spread takes the memory of the environment as well. The kernel shows what is
// there once the last byte of the arguments is not zero.
func (t *Title) spread() {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil || len(t.area) == 0 {
		return
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const first = 45 // arg_start; arg_end, env_start and env_end follow (proc(5))
	var at [4]uintptr
	for i := range at {
		if first+i >= len(fields) {
			return
		}
		n, _ := strconv.ParseUint(fields[first+i], 10, 64)
		at[i] = uintptr(n)
	}
	start := uintptr(unsafe.Pointer(&t.area[0]))
	if at[0] != start || at[1] != start+uintptr(len(t.area)) || at[2] != at[1] || at[3] < at[2] {
		return // it has been moved, or is not as the kernel has made it
	}
	t.area = unsafe.Slice(&t.area[0], at[3]-start)
}
