package main

import (
	"github.com/spf13/cobra"
)

func (a *app) newReopen() *cobra.Command {
	flags := &operatorFlags{}
	cmd := &cobra.Command{
		Use:   "reopen",
		Short: "Reopen the logs after they were moved away",
		Long: `Reopen makes the running service open all its log files again, as the signal
USR1 does, and says which could not be opened. No worker is touched.

Exit codes: 0 all are open, 1 not all, 69 no service answers.`,
		Args: exactly(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := flags.client(a)
			if err != nil {
				return err
			}
			return client.Reopen(cmd.Context())
		},
	}
	flags.register(cmd.Flags())
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	return cmd
}
