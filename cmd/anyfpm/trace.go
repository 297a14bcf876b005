package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/anyfpm/anyfpm/slowlog"
)

func (a *app) newTrace() *cobra.Command {
	return &cobra.Command{
		Use:   "trace PID",
		Short: "Show where a process is now",
		Long: `Trace prints what a process is doing: the stack of its Python, PHP, Perl or Ruby
program, what it waits for, and its child processes. The process is not stopped
and does not notice. It need not be a worker of anyfpm.

It must run as the same user, or trace needs to be root or to have
CAP_SYS_PTRACE. What may not be read is said in a note.

Exit codes: 0 shown, 1 there is no such process.`,
		Example: `  anyfpm trace 4711`,
		Args:    exactly(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			pid, err := strconv.Atoi(args[0])
			if err != nil || pid <= 0 {
				return usageError(fmt.Errorf("%q is no process id", args[0]))
			}
			err = slowlog.Trace(a.stdout, pid)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("there is no process %d", pid)
			}
			return err
		},
	}
}
