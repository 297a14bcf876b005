package supervisor

import (
	"context"
	"log/slog"
	"syscall"
	"time"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/pool"
	"github.com/anyfpm/anyfpm/slowlog"
)

const (
	// endGrace is how long a script that closed its stdout without a header has
	// to exit, and so to explain itself, before its client gets 502.
	endGrace = time.Second
	// exitGrace is how long END_REQUEST waits for the exit code of another
	// script that has closed its stdout. It may be about to exit; if it goes on
	// working it should not hold the client. The response itself is out. A
	// process that is ending by then gets endGrace as well.
	exitGrace = 10 * time.Millisecond
)

// A script is a worker that is one process for one request. It holds its
// slot until it is gone, also when its response has ended before.
type script struct {
	s    *Supervisor
	slot *pool.Worker
	r    *request // recycled with the script
	pid  int      // 0 until it is started
	name string

	stdin, data    feedPipe
	stdout, stderr readPipe
	lines          lines

	ended  bool // the response is over
	exited bool
	exit   proc.Exit
	signal syscall.Signal // sent as soon as there is a pid
	grace  *loop.Timer
	graced bool // once more, as it is ending

	stopped   pool.Reason // why the pool stopped it, zero if it did not
	startedAt time.Duration
	footprint footprint
	target    *slowlog.Target // of looks at it, nil before the first
	cause     slog.Attr       // of its death, if there is something to say
}

// runScript starts the script of r in the slot.
func (s *Supervisor) runScript(slot *pool.Worker, r *request) {
	p := &script{s: s, slot: slot, r: r, name: r.script}
	p.stdin.fd, p.data.fd, p.stdout.fd, p.stderr.fd = -1, -1, -1, -1
	slot.Owner, r.proc = p, p
	plan, err := s.runner.Plan(&r.forRunner)
	if err != nil {
		p.failed(err)
		return
	}
	files, err := p.open()
	if err != nil {
		closeAll(files)
		p.failed(err)
		return
	}
	s.procs.launch(s.spec(plan, files), p.started, p.onExit)
}

// open makes the script's descriptors and returns its own ends, in order.
func (p *script) open() (files []int, err error) {
	stdin, err := p.stdin.open(p.s, p.r, &p.r.body)
	if err != nil {
		return nil, err
	}
	files = append(make([]int, 0, 4), stdin)
	stdout, err := p.stdout.open(p.s.loop, p.readStdout)
	if err != nil {
		return files, err
	}
	files = append(files, stdout)
	stderr, err := p.stderr.open(p.s.loop, p.readStderr)
	if err != nil {
		return files, err
	}
	files = append(files, stderr)
	if p.r.role == fcgi.RoleFilter {
		data, err := p.data.open(p.s, p.r, &p.r.data)
		if err != nil {
			return files, err
		}
		files = append(files, data)
	}
	return files, nil
}

func (p *script) started(pid int, err error) {
	if err != nil {
		p.failed(err)
		return
	}
	p.pid, p.startedAt = pid, p.s.loop.Now()
	p.s.counters.spawns++
	if p.signal != 0 {
		p.kill(p.signal)
	}
}

// failed answers for a script that does not run at all, unless the response has
// ended before that was known.
func (p *script) failed(err error) {
	text := "cannot run script"
	if !p.ended {
		text += ", client gets 502"
		p.r.answer(badGateway())
	}
	p.s.log.Error(text, slog.String("script", p.name), slog.Any("err", err))
	p.ended, p.exited = true, true
	if p.grace != nil {
		p.s.loop.Clear(p.grace)
	}
	p.closePipes()
	p.settle()
}

// readStdout relays the response while the client keeps up.
func (p *script) readStdout() {
	for p.stdout.readable && !p.r.congested() {
		data, _ := p.stdout.read(p.s.relayBuf)
		if data == nil {
			break
		}
		p.r.Stdout(data)
		if p.r.resp.refused {
			p.stdout.close() // it gets SIGPIPE: what it says is of no use to anybody
		}
	}
	p.settle()
}

// readStderr passes on what the script says to FCGI_STDERR.
func (p *script) readStderr() {
	for p.stderr.readable && !p.r.congested() {
		data, _ := p.stderr.read(p.s.relayBuf)
		if data == nil {
			break
		}
		p.lines.add(onStderr, data, p)
		p.r.Stderr(data)
	}
}

// resume goes on relaying to a client that has caught up.
func (p *script) resume() {
	p.readStderr()
	p.readStdout()
}

// onExit learns that the process is gone. What it said last may not have been
// read yet.
func (p *script) onExit(exit proc.Exit) {
	p.exited, p.exit = true, exit
	p.r.used(&p.exit)
	d := death{exit: exit, stopped: p.stopped, signal: p.signal, early: exit.Err != nil}
	p.s.count(&d)
	if exit.Err != nil {
		p.failed(exit.Err)
		return
	}
	p.cause = d.attr()
	if p.ended { // without knowing this
		p.explain()
	}
	p.stdout.toEnd()
	p.stderr.toEnd()
	p.readStdout()
}

// settle ends the response as soon as it can end, and gives the slot back as
// soon as the process is gone too.
func (p *script) settle() {
	if !p.ended && p.responseOver() {
		p.endResponse()
	}
	if p.ended && p.exited && p.slot != nil {
		p.leave()
	}
}

// responseOver says whether the script has said all it will: its stdout is at
// its end, or it has exited and stdout is empty. A process that it left
// behind may hold its stdout for ever and is not waited for.
func (p *script) responseOver() bool {
	if p.stdout.fd >= 0 && (!p.exited || p.stdout.readable) {
		return false
	}
	if p.exited || p.r.resp.muted {
		return true
	}
	if p.grace == nil {
		p.grace = loop.NewTimer(p.outOfGrace)
		if p.r.resp.began {
			p.s.loop.Set(p.grace, p.s.loop.Now()+exitGrace)
		} else {
			p.s.loop.Set(p.grace, p.s.loop.Now()+endGrace)
		}
	}
	return false
}

// outOfGrace ends the response without an exit code, unless the process is sure
// to be gone soon.
func (p *script) outOfGrace() {
	if p.r.resp.began && !p.graced && proc.Ending(p.pid) {
		p.graced = true
		p.s.loop.Set(p.grace, p.s.loop.Now()+endGrace)
		return
	}
	p.endResponse()
}

func (p *script) endResponse() {
	if p.ended {
		return
	}
	p.ended = true
	if p.grace != nil {
		p.s.loop.Clear(p.grace)
	}
	p.stderr.toEnd()
	p.readStderr()
	if p.exited && p.stdout.fd >= 0 {
		p.s.suspect(p)
	}
	p.explain()
	if p.brokenOff() {
		p.r.outcome = refusal(p.stopped)
		p.r.cutOff()
	} else {
		p.r.End(p.exitCode())
	}
	p.stdout.close()
	if !p.exited {
		p.s.perform(p.s.pool.Responded(p.s.loop.Now(), &p.r.lease))
	}
}

// exitCode is 0 as long as it is not known.
func (p *script) exitCode() uint32 {
	if !p.exit.Status.Exited() {
		return 0
	}
	return uint32(p.exit.Status.ExitStatus())
}

// brokenOff says that a signal ended the script in its response, which nobody
// may take for a whole one then. A web server that has given it up does not.
func (p *script) brokenOff() bool {
	return p.exited && p.exit.Status.Signaled() && p.r.resp.began && !p.r.resp.muted && p.stopped != pool.ClientAbort
}

// explain logs a death that an operator wants to know of.
func (p *script) explain() {
	if !p.exited {
		return
	}
	headless := !p.r.resp.began && !p.r.resp.muted
	if !p.exit.Status.Signaled() && !headless {
		return
	}
	level, attrs := slog.LevelWarn, []slog.Attr{slog.String("script", p.name), p.cause}
	if p.expected() {
		level = slog.LevelDebug
	} else if headless {
		attrs = append(attrs, p.r.attr(), slog.String("hint", "it printed no complete response header, client gets 502"))
		p.r.resp.explained = true
	} else if p.brokenOff() {
		attrs = append(attrs, p.r.attr(), slog.String("hint", "its response breaks off"))
	}
	p.s.log.LogAttrs(context.Background(), level, exitLine(p.exit, p.s.loop.Now()-p.startedAt), append(attrs, p.lines.lastAttr())...)
}

// expected says that the script's death was our doing and is told elsewhere.
func (p *script) expected() bool {
	switch {
	case p.r.resp.refused && p.exit.Status.Signal() == syscall.SIGPIPE: // see readStdout
		return true
	default:
		return p.exit.Status.Signaled() && (p.stopped == pool.Shutdown || p.stopped == pool.Drained || p.stopped == pool.ClientAbort)
	}
}

// leave gives the slot back.
func (p *script) leave() {
	slot, r, now := p.slot, p.r, p.s.loop.Now()
	p.slot, slot.Owner = nil, nil
	p.closePipes()
	p.lines.flush(p)
	r.logAccess()
	r.proc = nil
	if slot.State() == pool.StateStopping {
		p.s.perform(p.s.pool.Exited(now, slot))
		return
	}
	r.leased = false
	p.s.perform(p.s.pool.Free(now, &r.lease))
	r.gone()
}

func (p *script) closePipes() {
	p.stdin.close()
	p.data.close()
	p.stdout.close()
	p.stderr.close()
}

// kill signals the script and all it started in its group.
func (p *script) kill(sig syscall.Signal) {
	p.signal = sig
	switch {
	case p.exited:
		return
	case p.pid == 0:
		return
	}
	if err := proc.KillLeader(p.pid, sig); err != nil {
		p.s.log.Error("cannot stop script", slog.String("script", p.name), slog.Any("err", err))
	}
}
