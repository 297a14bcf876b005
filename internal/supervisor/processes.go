package supervisor

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/runner"
)

// processes starts the pool's processes and brings what becomes of them to the
// loop.
type processes struct {
	starter *proc.Starter
	loop    *loop.Loop
	table   *proc.Table
}

// start starts a process on another goroutine, which waits until the program
// executes, and closes the descriptors meant for it. started and then exited
// are called on the loop; exited only if started had no error.
func (p *processes) start(spec proc.Spec, started func(pid int, err error), exited func(proc.Exit)) {
	p.starter.Go(spec, func(pid int, err error) {
		closeAll(spec.Files)
		p.loop.Post(func() { started(pid, err) })
	}, func(exit proc.Exit) {
		p.loop.Post(func() { exited(exit) })
	})
}

// launch is start for a process whose program nobody waits for: started is
// called before it returns, if the system allows that, and a program that could
// not be executed shows in how the process exited.
func (p *processes) launch(spec proc.Spec, started func(pid int, err error), exited func(proc.Exit)) {
	pid, err := p.starter.Launch(spec, func(exit proc.Exit) {
		p.loop.Post(func() { exited(exit) })
	})
	if errors.Is(err, proc.ErrNoLaunch) {
		p.start(spec, started, exited)
		return
	}
	closeAll(spec.Files)
	started(pid, err)
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
		Path: plan.Path, Args: plan.Args, Env: plan.Env, Dir: s.enterable(plan.Dir), Files: files,
		Setpgid: true, Pdeathsig: syscall.SIGKILL, Limits: s.limits,
	}
}

// enterable is the directory for a process to enter: none where it would not be
// let in but is already, since the supervisor has entered chdir as root.
func (s *Supervisor) enterable(dir string) string {
	if dir != "" && dir == s.cfg.Chdir && unix.Access(dir, unix.X_OK) == unix.EACCES {
		return ""
	}
	return dir
}

// signal sends sig to a worker of the pool and to what it has started. Jobs that
// PHP scripts have left in the background (exec("… &")) are not their worker's:
// php-fpm, which replaces its workers too, does not touch them.
func (s *Supervisor) signal(pid int, sig syscall.Signal) error {
	if s.compat.php {
		return s.procs.table.KillFamily(pid, sig)
	}
	return proc.KillLeader(pid, sig)
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
