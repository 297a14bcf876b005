package slowlog

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// turn is how long to wait for a process that is runnable and does not
	// run, and turns how often: 20 ms in all.
	turn  = time.Millisecond
	turns = 20
	// enoughTime is how long the walks over a process may take together, up to
	// the end of the last: that takes a millisecond at most, unless it is led
	// astray.
	enoughTime = time.Second
)

// asleep implements activity.
func (p *program) asleep() bool {
	pid := p.src.PID()
	call, err := p.fs.Syscall(pid, pid)
	return err == nil && !call.Running
}

// used implements activity. It needs no right and is exact to the nanosecond,
// while the process runs too. Of one that is gone it is 0.
func (p *program) used() time.Duration {
	// The clock of a process, as clock_getcpuclockid(3) makes it.
	const schedClock = 2
	var ts unix.Timespec
	if unix.ClockGettime(^int32(p.src.PID())<<3|schedClock, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// wait implements activity.
func (p *program) wait(n int) bool {
	if n == turns {
		return false
	}
	<-time.After(turn)
	return true
}

// late implements activity.
func (p *program) late() bool { return time.Since(p.began) > enoughTime }
