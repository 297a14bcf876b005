package runner

import (
	"errors"
	"fmt"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/config"
)

// requestID is the id of every request on a worker's connection: it carries
// one at a time.
const requestID = 1

// fastcgiRunner runs a FastCGI program that stays.
type fastcgiRunner struct {
	plan Plan // without its Path
	kind config.RunnerKind
}

func newFastCGI(pool *config.Pool, env []string) (*fastcgiRunner, error) {
	if len(pool.RunnerCommand) == 0 {
		return nil, errors.New("runner = fastcgi needs runner.command: the FastCGI program to run")
	}
	return &fastcgiRunner{Plan{
		Args: pool.RunnerCommand,
		Env:  env,
		Dir:  pool.Chdir,
	}, pool.Runner}, nil
}

// Wiring implements Runner.
func (*fastcgiRunner) Wiring() Wiring { return Listener }

// Plan implements Runner.
func (f *fastcgiRunner) Plan(*Request) (Plan, error) { return locate(f.plan, f.kind) }

// Dialogue implements Runner.
func (*fastcgiRunner) Dialogue() Dialogue { return &fastcgiDialogue{} }

// Zygote implements Runner.
func (*fastcgiRunner) Zygote() Zygote { return nil }

// Traits implements Runner.
func (*fastcgiRunner) Traits() Traits { return Traits{} }

// fastcgiDialogue speaks FastCGI to a worker, as a web server would.
type fastcgiDialogue struct {
	dec    fcgi.Decoder
	params []byte // scratch
	busy   bool
}

// Probe implements Dialogue: FCGI_GET_VALUES is answered by every program
// that is ready, and disturbs none.
func (d *fastcgiDialogue) Probe(dst []byte) []byte {
	query := fcgi.AppendPair(d.params[:0], "FCGI_MPXS_CONNS", "")
	return fcgi.AppendRecord(dst, fcgi.TypeGetValues, 0, query)
}

// Begin implements Dialogue.
func (d *fastcgiDialogue) Begin(dst []byte, req *Request) []byte {
	d.params = req.Params.Append(d.params[:0])
	return d.begin(dst, req.Role)
}

// begin appends BEGIN_REQUEST and the parameters in d.params.
func (d *fastcgiDialogue) begin(dst []byte, role fcgi.Role) []byte {
	d.busy = true
	dst = fcgi.AppendBegin(dst, requestID, role, fcgi.FlagKeepConn)
	dst = fcgi.AppendStream(dst, fcgi.TypeParams, requestID, d.params)
	return fcgi.AppendStreamEnd(dst, fcgi.TypeParams, requestID)
}

// Body implements Dialogue.
func (*fastcgiDialogue) Body(dst []byte, stream fcgi.RecordType, piece []byte) []byte {
	if len(piece) == 0 {
		return fcgi.AppendStreamEnd(dst, stream, requestID)
	}
	return fcgi.AppendStream(dst, stream, requestID, piece)
}

// Input implements Dialogue.
func (d *fastcgiDialogue) Input(p []byte, out Sink) error {
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

func (d *fastcgiDialogue) event(ev *fcgi.Event, out Sink) error {
	switch ev.Kind {
	case fcgi.EventNone:
		return nil
	case fcgi.EventUnknownType:
		out.Probed(0)
		return nil
	case fcgi.EventData, fcgi.EventEnd, fcgi.EventEndRequest:
	default:
		return fmt.Errorf("a worker sent %s", ev.Kind)
	}
	if ev.Type == fcgi.TypeGetValuesResult {
		out.Probed(0)
		return nil
	}
	switch {
	case !d.busy:
		return fmt.Errorf("a worker sent %s after END_REQUEST", ev.Type)
	case ev.RequestID != requestID:
		return fmt.Errorf("a worker sent %s for request %d, which it does not have", ev.Type, ev.RequestID)
	}
	return d.output(ev, out)
}

func (d *fastcgiDialogue) output(ev *fcgi.Event, out Sink) error {
	switch ev.Type {
	case fcgi.TypeStdout:
		out.Stdout(ev.Data)
	case fcgi.TypeStderr:
		out.Stderr(ev.Data)
	case fcgi.TypeEndRequest:
		d.busy = false
		if ev.End.Status != fcgi.StatusRequestComplete {
			return fmt.Errorf("the worker refused the request: %s", ev.End.Status)
		}
		out.End(Ending{AppStatus: ev.End.AppStatus})
	default:
		return fmt.Errorf("a worker sent %s", ev.Type)
	}
	return nil
}
