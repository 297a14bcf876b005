package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/listen"
	"github.com/anyfpm/anyfpm/internal/proc"
)

const (
	// daemonVariable tells a process that it is the service in the background
	// and on which descriptor its starter waits.
	daemonVariable = "ANYFPM_READY_FD"

	// daemonPatience is how long the starter waits, as in php-fpm.
	daemonPatience = 10 * time.Second
)

// Daemonize starts this program again with the same arguments, in a session of
// its own and without a terminal, and waits until that service is up. argv and
// environ are this process's. Inherited listening sockets go along.
func Daemonize(argv, environ []string) error {
	ready, tell, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot daemonize: %w", err)
	}
	defer ready.Close()
	defer tell.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cannot daemonize: %w", err)
	}
	defer null.Close()
	// Like the sockets, it keeps its number: descriptors from 3 on may be
	// taken.
	if _, err := unix.FcntlInt(tell.Fd(), unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("cannot daemonize: %w", err)
	}
	table := listen.NewTable(slog.New(slog.DiscardHandler))
	table.Inherit(environ)
	if err := table.KeepOnExec(true); err != nil {
		return fmt.Errorf("cannot daemonize: %w", err)
	}
	spec := proc.Spec{
		Path: "/proc/self/exe", Args: argv,
		Env:    slices.Concat(listen.StripEnviron(environ), table.Environ(), []string{fmt.Sprintf("%s=%d", daemonVariable, tell.Fd())}),
		Files:  []int{int(null.Fd()), int(null.Fd()), unix.Stderr},
		Setsid: true,
	}
	starter := proc.NewStarter(proc.NewReaper(nil))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _ = starter.Run(ctx) }()
	if _, err := starter.Start(spec, func(proc.Exit) {}); err != nil {
		return fmt.Errorf("cannot daemonize: %w", err)
	}
	_ = tell.Close() // the end of the service is to be noticed
	if err := ready.SetReadDeadline(time.Now().Add(daemonPatience)); err != nil {
		return fmt.Errorf("cannot wait for the service: %w", err)
	}
	switch _, err := io.ReadFull(ready, make([]byte, 1)); {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("the service did not come up in time")
	default:
		return errors.New("the service did not come up")
	}
}

// Daemon tells whether this process was started by [Daemonize], and returns
// what to call when it is up and its environment without the sign of that.
func Daemon(environ []string) (ready func(), rest []string, yes bool) {
	for i, entry := range environ {
		number, found := strings.CutPrefix(entry, daemonVariable+"=")
		if !found {
			continue
		}
		rest := slices.Delete(slices.Clone(environ), i, i+1)
		fd, err := strconv.Atoi(number)
		if err != nil || fd <= unix.Stderr {
			return nil, rest, false
		}
		unix.CloseOnExec(fd)
		return func() {
			_, _ = unix.Write(fd, []byte{1}) // a starter that is gone does not matter
			_ = unix.Close(fd)
		}, rest, true
	}
	return nil, environ, false
}
