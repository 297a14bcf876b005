package supervisor

import (
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/runner"
)

// A zygote is a process that has loaded everything once and forks the pool's
// workers. It is started with the first of them, and again after it died.
type zygote struct {
	s     *Supervisor
	dlg   runner.Zygote
	pid   int
	fd    int
	ready bool
	gone  bool
	// inline is how long a body its workers, which are ready once they are
	// forked, take inline; 0 if they say so themselves when they are.
	inline int

	waiting []*worker // to be forked when the zygote is ready
	forking []*worker // FORK is sent, in this order

	startedAt time.Duration
	timer     *loop.Timer // waits for its exit
	output    readPipe
	lines     lines
	buf       [4096]byte // what it says; its news lead to reads of other descriptors
}

// fork has the zygote fork w.
func (s *Supervisor) fork(w *worker) {
	if s.zygote == nil {
		z, err := s.startZygote()
		if err != nil {
			w.cannotStart(err)
			return
		}
		s.zygote = z
	}
	z := s.zygote
	if z.ready {
		z.fork(w)
		return
	}
	z.waiting = append(z.waiting, w)
}

func (s *Supervisor) startZygote() (*zygote, error) {
	z := &zygote{s: s, dlg: s.runner.Zygote(), fd: -1, startedAt: s.loop.Now()}
	z.timer = loop.NewTimer(func() { z.kill(syscall.SIGKILL) }) // it is of no use without its socket
	z.output.fd = -1
	plan, err := s.runner.Plan(nil)
	if err != nil {
		return nil, err
	}
	files, err := z.open(plan)
	if err != nil {
		closeAll(files)
		z.close()
		return nil, err
	}
	s.procs.start(s.spec(plan, files), z.started, z.onExit)
	return z, nil
}

func (z *zygote) open(plan runner.Plan) ([]int, error) {
	program, err := openProgram(plan.Program)
	if err != nil {
		return nil, err
	}
	files := []int{program}
	output, err := z.output.open(z.s.loop, z.readOutput)
	if err != nil {
		return files, err
	}
	files = append(files, output)
	again, err := unix.FcntlInt(uintptr(output), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return files, fmt.Errorf("cannot duplicate a pipe: %w", err)
	}
	files = append(files, again)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return files, fmt.Errorf("cannot make the zygote's control socket: %w", err)
	}
	_ = unix.SetNonblock(pair[0], true)
	z.fd = pair[0]
	if err := z.s.loop.Add(z.fd, z); err != nil {
		return append(files, pair[1]), err
	}
	return append(files, pair[1]), nil
}

func (z *zygote) started(pid int, err error) {
	if err != nil {
		z.die(err)
		return
	}
	z.pid = pid
	z.send(z.dlg.Start(nil))
}

// send writes a message to the zygote. Its messages are short, and it reads
// them before anything else, so the socket always has room; if not, the
// zygote hangs.
func (z *zygote) send(message []byte, fds ...int) {
	n, errno := loop.Send(z.fd, message, fds...)
	switch {
	case errno != 0:
		z.fail(fmt.Errorf("cannot send to the zygote: %w", errno))
	case n < len(message):
		z.fail(errors.New("cannot send to the zygote: it does not read"))
	}
}

func (z *zygote) fork(w *worker) {
	ends, err := w.openControl()
	if err != nil {
		w.cannotStart(err)
		return
	}
	defer ends.close()
	z.forking = append(z.forking, w)
	z.send(z.dlg.Fork(nil), ends.list()...)
}

// Ready implements loop.Handler.
func (z *zygote) Ready(r loop.Ready) {
	for more := true; more && !z.gone && z.fd >= 0; {
		n, errno := loop.Read(z.fd, z.buf[:])
		if errno == unix.EAGAIN {
			return
		}
		if errno != 0 || n == 0 {
			z.s.loop.Forget(z.fd)
			loop.Close(z.fd)
			z.fd = -1
			z.forget()
			z.s.loop.Set(z.timer, z.s.loop.Now()+exitPatience)
			return
		}
		more = n == len(z.buf) || r&loop.PeerClosed != 0
		if err := z.dlg.Input(z.buf[:n], z); err != nil {
			z.fail(err)
			return
		}
	}
}

// Probed implements runner.ZygoteSink.
func (z *zygote) Probed(inline int) {
	z.ready, z.inline = true, inline
	waiting := z.waiting
	z.waiting = nil
	for _, w := range waiting {
		z.fork(w)
	}
}

// Forked implements runner.ZygoteSink.
func (z *zygote) Forked(pid int) {
	if len(z.forking) == 0 {
		z.fail(errors.New("it forked a worker that nobody asked for"))
		return
	}
	w := z.forking[0]
	z.forking = z.forking[1:]
	if pid == 0 {
		w.cannotStart(errors.New("the zygote cannot fork"))
		return
	}
	z.s.forked[pid] = w
	w.started(pid, nil)
	if z.inline > 0 && w.signal == 0 {
		w.reading = loop.NewTimer(w.shouldHaveRead)
		for _, l := range w.links { // its only one
			l.Probed(z.inline)
		}
	}
}

// shouldHaveRead gives up a worker that was taken for ready when it was forked
// and is not: something in it hangs, such as what runs after a fork.
func (w *worker) shouldHaveRead() {
	for _, l := range w.links { // its only one
		if unread, err := unix.IoctlGetInt(l.fd, unix.SIOCOUTQ); err == nil && unread > 0 {
			w.fail(fmt.Errorf("it has not read its request within runner.start_timeout (%v)", w.s.cfg.RunnerStartTime))
		}
	}
}

// Exited implements runner.ZygoteSink.
func (z *zygote) Exited(pid int, status uint32) {
	z.s.childExited(proc.Exit{PID: pid, Status: syscall.WaitStatus(status)})
}

// childExited ends a forked worker. Its zygote reports it, or, when that is
// dead, the kernel: the worker has become this process's child.
func (s *Supervisor) childExited(exit proc.Exit) {
	if w := s.forked[exit.PID]; w != nil {
		delete(s.forked, exit.PID)
		w.onExit(exit)
	}
}

func (z *zygote) readOutput() {
	for z.output.readable {
		data, _ := z.output.read(z.s.relayBuf)
		if data == nil {
			return
		}
		z.lines.add(onStderr, data, z)
	}
}

func (z *zygote) sayLine(on stream, line []byte) { z.s.workerSaid(z.pid, on, line) }

// fail gives up a zygote that can not be spoken to.
func (z *zygote) fail(err error) {
	z.s.log.Warn("zygote failed, it is replaced", slog.Int("pid", z.pid), slog.Any("err", err))
	z.kill(syscall.SIGKILL)
}

func (z *zygote) kill(sig syscall.Signal) {
	if z.pid == 0 || z.gone {
		return
	}
	if err := proc.KillLeader(z.pid, sig); err != nil {
		z.s.log.Error("cannot stop zygote", slog.Any("err", err))
	}
}

func (z *zygote) onExit(exit proc.Exit) {
	z.output.toEnd()
	z.readOutput()
	z.lines.flush(z)
	reason := "zygote: " + exitLine(exit, z.s.loop.Now()-z.startedAt)
	if last := z.lines.lastLine(); last != "" {
		reason += ": " + last
	}
	z.die(errors.New(reason))
}

// forget has the next worker forked by another zygote.
func (z *zygote) forget() {
	if z.s.zygote == z {
		z.s.zygote = nil
	}
}

// die ends the workers that are not forked yet. If the zygote was sound until
// now, another forks them.
func (z *zygote) die(err error) {
	z.gone = true
	z.s.loop.Clear(z.timer)
	z.close()
	z.forget()
	orphans := append(z.waiting, z.forking...)
	z.waiting, z.forking = nil, nil
	for _, w := range orphans {
		if z.ready && !w.again && !w.s.closing {
			w.again = true
			w.loseControl()
			w.s.fork(w)
			continue
		}
		w.cannotStart(err)
	}
}

func (z *zygote) close() {
	z.output.close()
	if z.fd >= 0 {
		z.s.loop.Forget(z.fd)
		loop.Close(z.fd)
		z.fd = -1
	}
}
