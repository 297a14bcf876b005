package proc

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ended tells how a child has ended that nobody has waited for yet, and leaves
// it to be waited for. It never blocks: ok is false if the child is alive, and
// also if it was waited for already. See [Exit.Code] for the code.
func Ended(pid int) (code uint8, ok bool) {
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil || info.Signo == 0 {
		return 0, false
	}
	const cldExited = 1 // CLD_EXITED; the others that WEXITED asks for are signals
	// si_pid, si_uid and si_status are the first of the union behind the header.
	raw := (*[unsafe.Sizeof(info)]byte)(unsafe.Pointer(&info))
	status := uint8(binary.NativeEndian.Uint32(raw[24:]))
	if info.Code != cldExited {
		status += signalled
	}
	return status, true
}

// Ending tells whether a process has begun to end: nothing of its program runs
// any more, and the kernel gives back what it had. It needs /proc, and says no
// without it.
func Ending(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	const flags = 6 // the field, counted from the one behind the name
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= flags {
		return false
	}
	const exiting = 0x4 // PF_EXITING
	value, err := strconv.ParseUint(string(fields[flags]), 10, 64)
	return err == nil && value&exiting != 0
}

// signalled is what a shell adds to the number of the signal that ended a
// program.
const signalled = 128

// Code is what a shell would show as the exit code: for a process that a signal
// ended, 128 and the number of the signal.
func (e Exit) Code() uint8 {
	if e.Status.Signaled() {
		return signalled + uint8(e.Status.Signal())
	}
	return uint8(e.Status.ExitStatus())
}
