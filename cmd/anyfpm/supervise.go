package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/anyfpm/anyfpm/internal/supervisor"
)

// controlFD is where a supervisor finds its master.
const controlFD = 3

// newSupervise is the process of one pool. Only a master starts it.
func (a *app) newSupervise() *cobra.Command {
	return &cobra.Command{
		Use:    "supervise",
		Hidden: true,
		Args:   exactly(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if err := supervisor.Main(controlFD); err != nil {
				var logged *supervisor.PoolError
				return &exit{code: exitSoftware, err: err, silent: errors.As(err, &logged)}
			}
			return nil
		},
	}
}
