package supervisor

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/runner"
)

// processes starts the pool's processes on another goroutine and brings what
// becomes of them to the loop.
type processes struct {
	starter *proc.Starter
	loop    *loop.Loop
}

// start starts a process and closes the descriptors meant for it. started and
// then exited are called on the loop; exited only if started had no error.
func (p *processes) start(spec proc.Spec, started func(pid int, err error), exited func(proc.Exit)) {
	p.starter.Go(spec, func(pid int, err error) {
		closeAll(spec.Files)
		p.loop.Post(func() { started(pid, err) })
	}, func(exit proc.Exit) {
		p.loop.Post(func() { exited(exit) })
	})
}

// startQuietly is start for a process to which nothing needs to be said: that
// it has started the loop hears in its next turn, for which nobody wakes it.
// Whoever cannot wait for that sets urgent, and then calls [loop.Loop.Again].
func (p *processes) startQuietly(spec proc.Spec, urgent *atomic.Bool, started func(pid int, err error), exited func(proc.Exit)) {
	p.starter.Go(spec, func(pid int, err error) {
		closeAll(spec.Files)
		p.loop.Leave(func() { started(pid, err) })
		if err != nil || urgent.Load() {
			p.loop.Post(func() {})
		}
	}, func(exit proc.Exit) {
		p.loop.Post(func() { exited(exit) })
	})
}

func closeAll(fds []int) {
	for _, fd := range fds {
		loop.Close(fd)
	}
}

// spec is how every process of the pool is started: in a group of its own, so
// that it can be ended with all it started, and dying with its supervisor.
func (s *Supervisor) spec(plan runner.Plan, files []int) proc.Spec {
	return proc.Spec{
		Path: plan.Path, Args: plan.Args, Env: plan.Env, Dir: plan.Dir, Files: files,
		Setpgid: true, Pdeathsig: syscall.SIGKILL, Limits: s.limits,
	}
}

// exitLine is php-fpm's line for the end of a child (fpm_children.c,
// fpm_children_bury).
func exitLine(exit proc.Exit, age time.Duration) string {
	how := fmt.Sprintf("with code %d", exit.Status.ExitStatus())
	if exit.Status.Signaled() {
		core := ""
		if exit.Status.CoreDump() {
			core = " - core dumped"
		}
		how = fmt.Sprintf("on signal %d (%s%s)", exit.Status.Signal(), unix.SignalName(exit.Status.Signal()), core)
	}
	return fmt.Sprintf("child %d exited %s after %d.%06d seconds from start", exit.PID, how,
		age/time.Second, age%time.Second/time.Microsecond)
}

// idleLine is php-fpm's line for the end of a child that was idle for too
// long.
func idleLine(pid int, age time.Duration) string {
	return fmt.Sprintf("child %d has been killed by the process management after %d.%06d seconds from start", pid,
		age/time.Second, age%time.Second/time.Microsecond)
}
