package runner

import (
	"errors"
	"fmt"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/cgi"
	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/resident"
	"github.com/anyfpm/anyfpm/internal/runner/runtime"
)

// residentRunner runs an interpreter that stays: for CGI scripts (python,
// perl, ruby) or for an application (wsgi). With isolation = fork, or modules
// to share, the process it plans is a zygote.
type residentRunner struct {
	plan    Plan // without its Path
	kind    config.RunnerKind
	start   resident.Start
	zygote  bool
	scripts bool
}

func newResident(pool *config.Pool, env []string) (*residentRunner, error) {
	kind := string(pool.Runner)
	program, err := runtime.Load(kind)
	if err != nil {
		return nil, err
	}
	command := pool.RunnerCommand
	if len(command) == 0 {
		command = []string{program.Interpreter}
	}
	application := pool.Runner == config.RunnerWSGI
	if application && pool.RunnerApplication == "" {
		return nil, errors.New("runner = wsgi needs runner.application: module:callable")
	}
	r := &residentRunner{
		kind:    pool.Runner,
		zygote:  len(pool.RunnerPreload) > 0,
		scripts: !application,
	}
	once := r.scripts && pool.RunnerIsolation != "persistent"
	r.zygote = r.zygote || once
	r.plan = Plan{
		Args:    append(command[:len(command):len(command)], program.Args("anyfpm: pool "+pool.Name)...),
		Env:     withPath(env),
		Dir:     pool.Chdir,
		Program: program.Text,
	}
	r.start = resident.Start{
		Pool: pool.Name, Once: once,
		Preload: pool.RunnerPreload, Application: pool.RunnerApplication, Path: pool.RunnerPath,
	}
	return r, nil
}

// Wiring implements Runner.
func (*residentRunner) Wiring() Wiring { return Control }

// Plan implements Runner.
func (r *residentRunner) Plan(*Request) (Plan, error) { return locate(r.plan, r.kind) }

// Dialogue implements Runner.
func (r *residentRunner) Dialogue() Dialogue { return &residentDialogue{runner: r} }

// Zygote implements Runner.
func (r *residentRunner) Zygote() Zygote {
	if !r.zygote {
		return nil
	}
	return &residentZygote{runner: r}
}

// Traits implements Runner.
func (r *residentRunner) Traits() Traits {
	return Traits{Once: r.start.Once, Scripts: r.scripts}
}

// residentDialogue is the worker protocol on a worker's control socket.
type residentDialogue struct {
	runner *residentRunner
	dec    resident.Decoder
	vars   []byte // scratch
	busy   bool   // a request is not ended yet
	over   bool   // its response is
	ending Ending // of the frame whose tail is coming
	finish bool   // that frame is FINISH
}

// Probe implements Dialogue. A worker that a zygote forked is told nothing, and
// says HELLO by itself or not at all.
func (d *residentDialogue) Probe(dst []byte) []byte {
	if d.runner.zygote {
		return dst
	}
	return resident.AppendStart(dst, &d.runner.start)
}

// Begin implements Dialogue.
func (d *residentDialogue) Begin(dst []byte, req *Request) []byte {
	d.busy, d.over = true, false
	d.vars = req.Params.AppendNUL(d.vars[:0])
	out := resident.Request{Script: req.Script, Variables: d.vars, BodyLen: req.BodyLen}
	switch req.Body {
	case InlineBody:
		out.Stdin = resident.InlineStdin
	case DescriptorBody:
		out.Stdin = resident.DescriptorStdin
	case NoBody:
		out.Stdin = resident.NoStdin
	}
	if d.runner.scripts {
		out.Args = cgi.QueryArgs(req.Params.Get("REQUEST_METHOD"), req.Params.Get("QUERY_STRING"))
	}
	return resident.AppendRequest(dst, &out)
}

// Body implements Dialogue: an inline body is its bytes.
func (*residentDialogue) Body(dst []byte, _ fcgi.RecordType, piece []byte) []byte {
	return append(dst, piece...)
}

// Input implements Dialogue.
func (d *residentDialogue) Input(p []byte, out Sink) error {
	for len(p) > 0 {
		ev, n, err := d.dec.Next(p)
		if err != nil {
			return err
		}
		p = p[n:]
		if err := d.event(&ev, out); err != nil {
			return err
		}
	}
	return nil
}

func (d *residentDialogue) event(ev *resident.Event, out Sink) error {
	switch ev.Kind {
	case resident.EventNone:
	case resident.EventHello:
		hello, err := resident.ParseHello(ev.Data)
		if err != nil {
			return err
		}
		out.Probed(int(min(hello.Inline, InlineAll)))
	case resident.EventFinish, resident.EventEnd:
		if !d.busy || d.over && (ev.Kind == resident.EventFinish || ev.Tail > 0) {
			return errors.New("a worker ended a response that it does not have")
		}
		d.finish = ev.Kind == resident.EventFinish
		d.ending = Ending{
			AppStatus: uint32(ev.Status),
			Failed:    ev.Flags&resident.Failed != 0,
			Retire:    ev.Flags&resident.Retire != 0,
			Compiled:  ev.Flags&resident.Compiled != 0,
		}
		out.Drain(ev.Flags&resident.DrainStdout != 0, ev.Flags&resident.DrainStderr != 0)
		d.complete(ev, out)
	case resident.EventTail:
		out.Stdout(ev.Data)
		d.complete(ev, out)
	case resident.EventChild, resident.EventExited:
		return errors.New("a worker sent a zygote's frame")
	}
	return nil
}

// complete reports FINISH or END with the last of its bytes.
func (d *residentDialogue) complete(ev *resident.Event, out Sink) {
	if !ev.Final {
		return
	}
	if d.finish {
		d.over = true
		out.Finish(d.ending)
		return
	}
	d.busy = false
	out.End(d.ending)
}

// residentZygote is the worker protocol on a zygote's control socket.
type residentZygote struct {
	runner *residentRunner
	dec    resident.Decoder
}

// Start implements Zygote.
func (z *residentZygote) Start(dst []byte) []byte {
	start := z.runner.start
	start.Zygote = true
	return resident.AppendStart(dst, &start)
}

// Fork implements Zygote.
func (*residentZygote) Fork(dst []byte) []byte { return resident.AppendFork(dst) }

// Compile implements Zygote.
func (*residentZygote) Compile(dst []byte, script string) []byte {
	return resident.AppendCompile(dst, script)
}

// Input implements Zygote.
func (z *residentZygote) Input(p []byte, out ZygoteSink) error {
	for len(p) > 0 {
		ev, n, err := z.dec.Next(p)
		if err != nil {
			return err
		}
		p = p[n:]
		switch ev.Kind {
		case resident.EventNone:
		case resident.EventHello:
			hello, err := resident.ParseHello(ev.Data)
			if err != nil {
				return err
			}
			inline := 0
			if z.runner.start.Once {
				inline = int(min(hello.Inline, InlineAll))
			}
			out.Probed(inline)
		case resident.EventChild:
			out.Forked(ev.PID)
		case resident.EventExited:
			out.Exited(ev.PID, ev.WaitStatus)
		default:
			return fmt.Errorf("a zygote sent frame %d", ev.Kind)
		}
	}
	return nil
}
