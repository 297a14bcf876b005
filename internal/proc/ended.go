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
