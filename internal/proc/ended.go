package proc

import (
	"bytes"
	"os"
	"strconv"
)

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
