package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func (a *app) newStop() *cobra.Command {
	flags := &operatorFlags{}
	var now bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "Stop the service when its requests are done",
		Long: `Stop makes the running service accept no more, finish the requests it has, and
end; with --now it does not wait for requests. Stop returns when the service is
gone.

Exit codes: 0 it is gone, 1 it is not gone in time, 69 no service answers.`,
		Args: exactly(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := flags.client(a)
			if err != nil {
				return err
			}
			pid, err := client.Stop(cmd.Context(), now)
			if err != nil {
				return err
			}
			return awaitEnd(pid, timeout)
		},
	}
	flags.register(cmd.Flags())
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.Flags().BoolVar(&now, "now", false, "do not wait for requests")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "wait at most `TIME` (default for ever)")
	return cmd
}

// awaitEnd waits for the end of a process that is no child of ours.
func awaitEnd(pid int, timeout time.Duration) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot wait for process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	var end time.Time
	if timeout > 0 {
		end = time.Now().Add(timeout)
	}
	for {
		wait := -1
		if timeout > 0 {
			wait = int(max(time.Until(end).Milliseconds(), 0))
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, wait)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("cannot wait for process %d: %w", pid, err)
		case n == 0:
			return fmt.Errorf("the service (pid %d) is still there after %v", pid, timeout)
		default:
			return nil
		}
	}
}
