package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/anyfpm/anyfpm/internal/master"
)

// newRehearse tells a master whether this program can take over from the one
// that it runs. What follows is the command line of the service.
func (a *app) newRehearse() *cobra.Command {
	return &cobra.Command{
		Use:                master.RehearseCommand,
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			service := *a
			service.args = append([]string{a.args[0]}, args...)
			service.rehearsing = true
			if code := service.run(); code != exitOK {
				return &exit{code: code, err: errors.New("cannot rehearse"), silent: true}
			}
			return nil
		},
	}
}
