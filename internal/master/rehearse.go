package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/listen"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/proc"
)

const (
	// RehearseCommand is the command by which a program says whether it can
	// take over from the one that runs; the arguments of the service follow.
	RehearseCommand = "rehearse"

	// The descriptors of a rehearsal.
	reportFD          = 3
	rehearsalEstateFD = 4

	// rehearsalPatience is how long a rehearsal may take.
	rehearsalPatience = 30 * time.Second
	// maxReport bounds what a rehearsal may say.
	maxReport = 1 << 20
)

// A report is what a rehearsal says.
type report struct {
	Version string `json:"version"`
	Error   string `json:"error,omitempty"` // why it cannot take over
	// Lines are for the log: what is wrong with the configuration.
	Lines []reportLine `json:"lines,omitempty"`
}

type reportLine struct {
	Level slog.Level `json:"level"`
	Text  string     `json:"text"`
}

// Rehearse does, in a program that is to take over from the one that runs, what
// can be done of that without doing it, and reports to the master that has
// started it: the configuration is read, what will be handed over is looked at,
// and a supervisor is started that ends at once.
func Rehearse(version string, load func() (*config.Config, []config.Notice, error)) error {
	r := report{Version: version}
	if err := rehearse(load, &r); err != nil {
		r.Error = err.Error()
	}
	out := os.NewFile(reportFD, "report")
	if out == nil {
		return errors.New("cannot rehearse: no master has started this")
	}
	unix.CloseOnExec(reportFD)
	return errors.Join(json.NewEncoder(out).Encode(r), out.Close())
}

func rehearse(load func() (*config.Config, []config.Notice, error), r *report) error {
	unix.CloseOnExec(reportFD)
	unix.CloseOnExec(rehearsalEstateFD)
	e, err := readEstate(rehearsalEstateFD)
	if err != nil {
		return err
	}
	if err := e.check(); err != nil {
		return err
	}
	if _, _, err := load(); err != nil {
		LogFaults(slog.New((*lineCollector)(r)), err)
		return err
	}
	return rehearseSupervisor()
}

// rehearseSupervisor starts a supervisor and stops it before it has a pool.
func rehearseSupervisor() error {
	conn, file, err := control.Pair()
	if err != nil {
		return err
	}
	defer conn.Close()
	defer file.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reaper := proc.NewReaper(nil)
	starter := proc.NewStarter(reaper)
	go func() { _ = reaper.Run(ctx) }()
	go func() { _ = starter.Run(ctx) }()
	path, args := superviseCommand("")
	ended := make(chan proc.Exit, 1)
	fds := []int{int(null.Fd()), int(null.Fd()), unix.Stderr, int(file.Fd())}
	if _, err := starter.Start(proc.Spec{Path: path, Args: args, Env: os.Environ(), Files: fds}, func(e proc.Exit) { ended <- e }); err != nil {
		return fmt.Errorf("cannot start a supervisor: %w", err)
	}
	if err := conn.Send(&control.Stop{}); err != nil {
		return fmt.Errorf("cannot speak to a supervisor: %w", err)
	}
	if exit := <-ended; !exit.Status.Exited() || exit.Status.ExitStatus() != 0 {
		return fmt.Errorf("a supervisor of the new program exited %s", how(exit))
	}
	return nil
}

// rehearse starts the program as a child that says whether it can take over,
// and calls done on the loop with why it cannot.
func (m *Master) rehearse(ctx context.Context, done func(version string, err error)) {
	p := m.opts.Program
	finish := func(r report, err error) {
		m.loop.Post(func() {
			for _, line := range r.Lines {
				logfile.Printf(m.log, line.Level, "%s", line.Text)
			}
			done(r.Version, err)
		})
	}
	out, in, err := os.Pipe()
	if err != nil {
		finish(report{}, fmt.Errorf("cannot rehearse: %w", err))
		return
	}
	estate, err := m.newEstate("").write()
	if err != nil {
		_ = out.Close()
		_ = in.Close()
		finish(report{}, err)
		return
	}
	exited := make(chan proc.Exit, 1)
	spec := proc.Spec{
		Path: p.Path, Args: slices.Concat(p.Args[:1], []string{RehearseCommand}, p.Args[1:]),
		Env:     listen.StripEnviron(p.Environ),
		Files:   []int{m.null, m.null, unix.Stderr, int(in.Fd()), estate},
		Setpgid: true, Pdeathsig: syscall.SIGKILL,
	}
	m.starter.Go(spec, func(pid int, err error) {
		_ = in.Close()
		_ = unix.Close(estate)
		if err != nil {
			_ = out.Close()
			finish(report{}, err)
			return
		}
		m.helpers.Go(func() { finish(m.witness(ctx, pid, out, exited)) })
	}, func(exit proc.Exit) { exited <- exit })
}

// witness waits for the end of a rehearsal, and makes it when ctx or its time
// is over.
func (m *Master) witness(ctx context.Context, pid int, out *os.File, exited <-chan proc.Exit) (report, error) {
	defer out.Close()
	ctx, cancel := context.WithTimeout(ctx, rehearsalPatience)
	defer cancel()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ctx.Done():
			_ = proc.KillLeader(pid, syscall.SIGKILL)
			_ = out.SetReadDeadline(time.Unix(1, 0))
		case <-ended:
		}
	}()
	text, err := io.ReadAll(io.LimitReader(out, maxReport))
	var exit proc.Exit
	select {
	case exit = <-exited:
	case <-m.ending.Done():
		return report{}, errEnding // nobody waits for children any more
	}
	var r report
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return report{}, fmt.Errorf("it did not say within %v that it can, and was killed", rehearsalPatience)
	case err != nil:
		return report{}, fmt.Errorf("cannot hear the new program: %w", err)
	case json.Unmarshal(text, &r) != nil:
		return report{}, fmt.Errorf("the new program %s exited %s and did not say that it can take over", m.opts.Program.Path, how(exit))
	case r.Error != "":
		return r, errors.New(r.Error)
	}
	return r, nil
}

// A lineCollector is a handler for the lines of a report.
type lineCollector report

// Enabled implements slog.Handler.
func (*lineCollector) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (c *lineCollector) Handle(_ context.Context, r slog.Record) error {
	c.Lines = append(c.Lines, reportLine{r.Level, strings.TrimSuffix(r.Message, "\n")})
	return nil
}

// WithAttrs implements slog.Handler; faults have none.
func (c *lineCollector) WithAttrs([]slog.Attr) slog.Handler { return c }

// WithGroup implements slog.Handler.
func (c *lineCollector) WithGroup(string) slog.Handler { return c }
