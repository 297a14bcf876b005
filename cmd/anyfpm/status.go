package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/anyfpm/anyfpm/status"
)

func (a *app) newStatus() *cobra.Command {
	flags := &operatorFlags{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [POOL...]",
		Short: "Show all pools",
		Long: `Status shows the pools of the running service, also when every worker is busy.

Exit codes: 0 shown, 1 there is no such pool, 69 no service answers.`,
		Example: `  anyfpm status
  anyfpm status --json | jq '.pools[].queue'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := flags.client(a)
			if err != nil {
				return err
			}
			service, err := client.Status(cmd.Context())
			if err != nil {
				return err
			}
			if err := choose(service, args); err != nil {
				return err
			}
			if asJSON {
				out := json.NewEncoder(a.stdout)
				out.SetIndent("", "  ")
				return out.Encode(service)
			}
			return printStatus(a.stdout, service)
		},
	}
	flags.register(cmd.Flags())
	cmd.ValidArgsFunction = flags.pools(a)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print everything that is known, as JSON")
	return cmd
}

// choose leaves only the named pools in service, unless there are no names.
func choose(service *status.Service, names []string) error {
	if len(names) == 0 {
		return nil
	}
	for _, name := range names {
		if !slices.ContainsFunc(service.Pools, func(p status.Snapshot) bool { return p.Pool == name }) {
			return fmt.Errorf("no pool %q", name)
		}
	}
	service.Pools = slices.DeleteFunc(service.Pools, func(p status.Snapshot) bool { return !slices.Contains(names, p.Pool) })
	return nil
}

func printStatus(w io.Writer, service *status.Service) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "POOL\tSTATE\tPM\tACTIVE\tIDLE\tMAX\tQUEUE\tREQUESTS\tSLOW\tUP\tLISTEN")
	for _, p := range service.Pools {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n",
			p.Pool, poolState(&p), p.ProcessManager, p.ActiveProcesses, p.IdleProcesses, p.Limits.MaxChildren,
			p.Queue, p.AcceptedConn, p.SlowRequests, age(service.Time, p.StartTime), p.Listen)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, p := range service.Pools {
		if p.Failed {
			fmt.Fprintf(w, "%s: %s\n", p.Pool, p.FailureReason)
		}
	}
	if service.ReloadFailing {
		fmt.Fprintf(w, "the last reload failed: %s\n", service.ReloadProblem)
	}
	return nil
}

// poolState says in a word how a pool is.
func poolState(p *status.Snapshot) string {
	switch {
	case p.Unreachable:
		return "unreachable"
	case p.Failed:
		return "failed"
	case p.TotalProcesses == 0 && p.StartingProcesses == 0:
		return "idle"
	case p.Queue > 0:
		return "busy"
	default:
		return "ok"
	}
}

// age is the time since a start, to the second.
func age(now, start time.Time) string {
	if start.IsZero() {
		return "-"
	}
	return now.Sub(start).Truncate(time.Second).String()
}
