package main

import (
	"github.com/spf13/cobra"
)

func (a *app) newReload() *cobra.Command {
	flags := &operatorFlags{}
	cmd := &cobra.Command{
		Use:   "reload [POOL]",
		Short: "Take up the configuration anew, losing no request",
		Long: `Reload makes the running service read its configuration again and waits until
the new workers serve. Requests that run are finished by the old ones. If the
configuration is wrong, or workers do not start, the old ones go on and reload
says why.

Exit codes: 0 done, 1 the old configuration goes on, 69 no service answers.`,
		Example: `  anyfpm reload
  anyfpm reload www       only the pool www`,
		Args: exactly(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			pool := ""
			if len(args) == 1 {
				pool = args[0]
			}
			client, err := flags.client(a)
			if err != nil {
				return err
			}
			return client.Reload(cmd.Context(), pool)
		},
	}
	flags.register(cmd.Flags())
	cmd.ValidArgsFunction = flags.pools(a)
	return cmd
}
