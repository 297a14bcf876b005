package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

func main() {
	harness.Main()
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are what the command line chooses.
type options struct {
	binary      string
	prototype   string
	rows        *regexp.Regexp
	duration    time.Duration
	rounds      int
	workers     int
	connections int
	peersOnly   bool
	list        bool
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.binary, "bin", "", "anyfpm `program`; built from the module when empty")
	flags.StringVar(&o.prototype, "prototype", "", "`directory` of the prototype relay to compare the relay with")
	rows := flags.String("rows", "", "only rows whose name begins with one of these, separated by commas")
	flags.DurationVar(&o.duration, "duration", 5*time.Second, "how long one measurement takes")
	flags.IntVar(&o.rounds, "rounds", 5, "how often each is measured, taking turns")
	flags.IntVar(&o.workers, "workers", 4, "workers of each")
	flags.IntVar(&o.connections, "connections", 16, "connections of the load generator")
	flags.BoolVar(&o.peersOnly, "peers", false, "measure the peers alone")
	flags.BoolVar(&o.list, "list", false, "list the rows and exit")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	names := strings.Split(*rows, ",")
	for i, name := range names {
		names[i] = regexp.QuoteMeta(strings.TrimSpace(name))
	}
	var err error
	o.rows, err = regexp.Compile("^(" + strings.Join(names, "|") + ")")
	return o, err
}

func run(args []string, out, progress io.Writer) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.list {
		return list(out, o)
	}
	if o.binary == "" && !o.peersOnly {
		binary, remove, err := harness.Build()
		if err != nil {
			return err
		}
		defer remove()
		o.binary = binary
	}
	return errors.Join(compareAll(o, out, progress), measureAll(o, out, progress))
}

func list(out io.Writer, o options) error {
	for _, c := range comparisons(o) {
		if _, err := fmt.Fprintf(out, "%-28s %s\n", c.name, c.against()); err != nil {
			return err
		}
	}
	for _, m := range measures() {
		if _, err := fmt.Fprintf(out, "%-28s %s\n", m.name, m.what); err != nil {
			return err
		}
	}
	return nil
}
