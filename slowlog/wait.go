package slowlog

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/anyfpm/anyfpm/internal/procfs"
	"github.com/anyfpm/anyfpm/internal/procmem"
)

// Bounds of what is said of a system call.
const (
	maxDescriptors = 8
	maxPolled      = 1024 // entries looked at
	maxPath        = 4096
)

// An argument says what an argument of a system call is.
type argument uint8

const (
	descriptor argument = iota + 1
	path
	polled   // an array of struct pollfd, and its length
	selected // a number of descriptors, and three sets of them
	watched  // an epoll descriptor
	child    // a pid, positive for a certain one
	idType   // P_PID, and a pid
)

// An operand is what a system call is about: one argument of it.
type operand struct {
	kind     argument
	position int
}

// operands hold the system calls that a slow process is found in.
var operands = func() map[string]operand {
	out := map[string]operand{}
	for o, calls := range map[operand]string{
		{descriptor, 0}: "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 recvfrom recvmsg recvmmsg " +
			"sendto sendmsg sendmmsg connect accept accept4 fsync fdatasync flock fcntl ioctl splice tee getdents64 ftruncate fallocate sync_file_range",
		{descriptor, 1}: "sendfile",
		{path, 0}:       "open stat lstat access execve unlink mkdir rmdir chdir truncate",
		{path, 1}:       "openat openat2 newfstatat statx faccessat faccessat2 unlinkat mkdirat readlinkat",
		{polled, 0}:     "poll ppoll",
		{selected, 0}:   "select pselect6",
		{watched, 0}:    "epoll_wait epoll_pwait epoll_pwait2",
		{child, 0}:      "wait4",
		{idType, 0}:     "waitid",
	} {
		for call := range strings.FieldsSeq(calls) {
			out[call] = o
		}
	}
	return out
}()

// wait says what a thread of a process is doing. It always says something.
func (o *observer) wait(pid, tid int) Wait {
	var w Wait
	if state := o.fs.ThreadState(pid, tid); state != 0 {
		w.State = string(state)
	}
	w.Channel = clean(o.fs.WaitChannel(pid, tid))
	call, err := o.fs.Syscall(pid, tid)
	if err != nil || call.Running || call.Number < 0 {
		return w
	}
	w.Call = call.Name()
	op, known := operands[w.Call]
	if !known {
		return w
	}
	src := procmem.NewProcess(pid)
	defer src.Close()
	r := procmem.NewReader(procmem.NewMemory(src, 0))
	value := call.Args[op.position]
	switch op.kind {
	case descriptor:
		w.Descriptors = o.descriptors(pid, []int{int(int32(value))})
	case path:
		w.Path = clean(r.CString(value, maxPath))
	case polled:
		w.Descriptors = o.descriptors(pid, pollSet(r, value, call.Args[1]))
	case selected:
		w.Descriptors = o.descriptors(pid, selectSet(r, value, call.Args[1:4]))
	case watched:
		w.Descriptors = o.descriptors(pid, o.fs.Watched(pid, int(int32(value)), maxDescriptors))
	case child:
		w.Process = max(int(int32(value)), 0)
	case idType:
		const pPID = 1
		if value == pPID {
			w.Process = max(int(int32(call.Args[1])), 0)
		}
	}
	return w
}

// descriptors names what is behind some descriptors.
func (o *observer) descriptors(pid int, fds []int) []Descriptor {
	var out []Descriptor
	for _, fd := range fds[:min(len(fds), maxDescriptors)] {
		out = append(out, Descriptor{FD: fd, Target: clean(o.fs.FD(pid, fd))})
	}
	return out
}

// pollSet lists the descriptors of an array of struct pollfd.
func pollSet(r *procmem.Reader, addr, n uint64) []int {
	const size = 8
	raw := r.Bytes(addr, min(n, maxPolled)*size)
	var out []int
	for ; len(raw) >= size && len(out) < maxDescriptors; raw = raw[size:] {
		if fd := int32(binary.LittleEndian.Uint32(raw)); fd >= 0 {
			out = append(out, int(fd))
		}
	}
	return out
}

// selectSet lists the descriptors below n that are in any of some sets.
func selectSet(r *procmem.Reader, n uint64, sets []uint64) []int {
	var out []int
	for base := uint64(0); base < min(n, maxPolled); base += 64 {
		var word uint64
		for _, set := range sets {
			if set != 0 {
				word |= r.U64(set + base/8)
			}
		}
		for ; word != 0 && len(out) < maxDescriptors; word &= word - 1 {
			if fd := base + uint64(bits.TrailingZeros64(word)); fd < n {
				out = append(out, int(fd))
			}
		}
	}
	return out
}

// An observer reads processes with the rights of the thread it is used on.
type observer struct {
	fs  procfs.FS
	opt Options
}
