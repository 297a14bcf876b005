package usage

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The clocks that every process has (include/linux/posix-timers.h).
const (
	clockUser  = 1 // CPUCLOCK_VIRT
	clockTotal = 2 // CPUCLOCK_SCHED
)

// CPU returns the CPU time of a process and all its threads, to the
// nanosecond. It is false for a process that is gone; the time of one that is
// not reaped yet is still there.
func CPU(pid int) (time.Duration, bool) { return clock(pid, clockTotal) }

// UserCPU returns how much of it was spent outside the kernel, as the timer
// tick samples it: right in the long run, for a short time it may be anything
// from nothing to several milliseconds.
func UserCPU(pid int) (time.Duration, bool) { return clock(pid, clockUser) }

// clock reads a clock of a process, whose id is made of the pid
// (clock_getcpuclockid(3)). Anyone may.
func clock(pid, which int) (time.Duration, bool) {
	if pid <= 0 {
		return 0, false // these are clocks of our own
	}
	var ts unix.Timespec
	id := int32(^pid<<3 | which)
	_, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, uintptr(id), uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano()), errno == 0
}
