package usage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RSS returns the resident memory of a process in bytes: what it shares with
// others counts in full, so its PSS is never more. The kernel keeps the number
// without looking; Linux 6.2 to 6.17 may be late with some hundred kilobytes
// for each processor the process has run on.
func RSS(pid int) (uint64, error) {
	var buf [128]byte
	path := append(strconv.AppendInt(append(buf[:0], "/proc/"...), int64(pid), 10), "/statm\x00"...)
	fd, _, errno := unix.RawSyscall6(unix.SYS_OPENAT, atCWD, uintptr(unsafe.Pointer(&path[0])), unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return parseStatm(buf[:n])
}

// atCWD is AT_FDCWD as a register holds it.
const atCWD = math.MaxUint - 99

// parseStatm reads the second of the numbers of /proc/pid/statm, in pages.
func parseStatm(p []byte) (uint64, error) {
	_, rest, _ := bytes.Cut(p, []byte{' '})
	resident, _, found := bytes.Cut(rest, []byte{' '})
	pages, err := strconv.ParseUint(string(resident), 10, 40)
	if !found || err != nil {
		return 0, fmt.Errorf("cannot read statm %q", string(p))
	}
	return pages * uint64(os.Getpagesize()), nil
}

// A Memory is what a process has in memory, in bytes.
type Memory struct {
	RSS uint64
	// PSS is RSS with each page divided by the number of processes that share
	// it. The PSS of all processes add up to what they use together.
	PSS uint64
	// Peak is the highest RSS so far.
	Peak uint64
}

// Shared is what other processes are charged for of the pages of this one.
func (m Memory) Shared() uint64 { return m.RSS - min(m.PSS, m.RSS) }

// ReadMemory measures a process, which takes up to milliseconds for each
// gigabyte it has. It needs the right to trace it, as a process of the same
// user has as long as neither program is set-user-ID.
func ReadMemory(pid int) (Memory, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	var m Memory
	err := readFields(dir+"/smaps_rollup", map[string]*uint64{"Rss": &m.RSS, "Pss": &m.PSS})
	if err == nil {
		err = readFields(dir+"/status", map[string]*uint64{"VmHWM": &m.Peak})
	}
	if err != nil {
		return Memory{}, fmt.Errorf("cannot measure the memory of process %d: %w", pid, err)
	}
	return m, nil
}

// maxFile is more than any of the files has.
const maxFile = 16 << 10

// readFields reads lines like "Pss:  1234 kB", each of which must be there.
func readFields(path string, fields map[string]*uint64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	p, err := readAll(f)
	if err != nil {
		return err
	}
	return parseFields(p, fields)
}

// readAll reads a file from its beginning, again if it was read before.
func readAll(f *os.File) ([]byte, error) {
	buf := make([]byte, maxFile)
	n, err := f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return buf[:n], nil
}

// parseFields sets each field from its line.
func parseFields(p []byte, fields map[string]*uint64) error {
	missing := len(fields)
	for line := range bytes.Lines(p) {
		name, rest, _ := bytes.Cut(line, []byte{':'})
		field := fields[string(name)]
		if field == nil {
			continue
		}
		digits, unit, _ := bytes.Cut(bytes.TrimSpace(rest), []byte{' '})
		kilobytes, err := strconv.ParseUint(string(digits), 10, 50)
		if err != nil || string(unit) != "kB" {
			return fmt.Errorf("cannot read %q", line)
		}
		*field = kilobytes << 10
		missing--
	}
	if missing > 0 {
		return unix.ESRCH // a process that is about to be gone has no memory
	}
	return nil
}
