package supervisor

import (
	"log/slog"
	"syscall"
	"time"

	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/pool"
)

// An exitCause is why a worker's process ended, as the metrics name it. There
// are few.
type exitCause uint8

const (
	exitCompleted        exitCause = iota // it ended by itself, with code 0
	exitCode                              // by itself, with another code
	exitSignal                            // on a signal nobody here sent
	exitOOM                               // the kernel killed it for lack of memory
	exitBroken                            // it could not be spoken to any more
	exitStartFailed                       // before it could serve
	exitIdle                              // it was stopped: idle for too long
	exitMaxRequests                       // … after pm.max_requests
	exitMaxLifetime                       // … after pm.max_lifetime
	exitMaxMemory                         // … over pm.max_memory
	exitTerminateTimeout                  // … over request_terminate_timeout
	exitClientAbort                       // … by on_client_abort
	exitShutdown                          // … with the pool

	exitCauses = iota
)

// String returns the name that metrics use; it is a fixed part of their format.
func (c exitCause) String() string {
	return [exitCauses]string{
		"completed", "exit_code", "signal", "oom", "broken", "start_failed", "idle", "max_requests",
		"max_lifetime", "max_memory", "terminate_timeout", "client_abort", "shutdown",
	}[c]
}

// exits counts the ends of processes.
type exits [exitCauses]uint64

// byName returns all counts. The zeros are of use: increase() sees nothing of a
// series that begins at one.
func (e *exits) byName() map[string]uint64 {
	named := make(map[string]uint64, len(e))
	for c, n := range e {
		named[exitCause(c).String()] = n
	}
	return named
}

// A death is what is known of the end of a process.
type death struct {
	exit    proc.Exit
	stopped pool.Reason    // why package pool stopped it, zero if it did not
	signal  syscall.Signal // what was sent to it, zero if nothing was
	early   bool           // it ended before it could serve
	oom     bool
}

// cause puts a death under its name. What was done to the process explains
// more than how it took it.
func (d *death) cause() exitCause {
	switch d.stopped {
	case pool.Idle:
		return exitIdle
	case pool.MaxRequests:
		return exitMaxRequests
	case pool.MaxLifetime:
		return exitMaxLifetime
	case pool.MaxMemory:
		return exitMaxMemory
	case pool.TerminateTimeout:
		return exitTerminateTimeout
	case pool.ClientAbort:
		return exitClientAbort
	case pool.Drained, pool.Shutdown:
		return exitShutdown
	case pool.StartTimeout:
		return exitStartFailed
	default:
		return d.ownCause()
	}
}

// ownCause is the cause of the death of a process that package pool did not
// stop.
func (d *death) ownCause() exitCause {
	switch {
	case d.oom:
		return exitOOM
	case d.early:
		return exitStartFailed
	case d.signal != 0 && d.exit.Status.Signaled() && d.exit.Status.Signal() == d.signal:
		return exitBroken
	case d.exit.Status.Signaled():
		return exitSignal
	case d.exit.Status.ExitStatus() != 0:
		return exitCode
	default:
		return exitCompleted
	}
}

// count counts the end of a process and adds whether the kernel killed it for
// lack of memory.
func (s *Supervisor) count(d *death) {
	d.oom = d.exit.Status.Signaled() && d.exit.Status.Signal() == syscall.SIGKILL && d.signal == 0 && s.oom.killed(s.loop.Now())
	if d.oom {
		s.counters.oomKills++
	}
	s.exits[d.cause()]++
}

// attr is for the log line of a death.
func (d *death) attr() slog.Attr {
	if !d.oom {
		return slog.Attr{}
	}
	return slog.String("cause", "the kernel killed it for lack of memory")
}

// oomWatch tells whose death the kernel's count of kills stands for. The count
// has no names: a process that died of SIGKILL, which nobody here had sent,
// while it rose is taken for its victim.
type oomWatch struct {
	count  killCounter // nil if the system does not count
	open   uint64      // kills that no death has been put down to
	seenAt time.Duration
}

// A killCounter is a *usage.OOM.
type killCounter interface {
	Killed() uint64
	Close() error
}

// oomMemory is how long a kill waits for the death of its victim. Those of
// processes that are none of our workers wait in vain.
const oomMemory = time.Second

// killed takes a kill for a death.
func (o *oomWatch) killed(now time.Duration) bool {
	if o.count == nil {
		return false
	}
	if n := o.count.Killed(); n > 0 {
		o.open, o.seenAt = n, now
	}
	if o.open == 0 || now-o.seenAt > oomMemory {
		return false
	}
	o.open--
	return true
}
