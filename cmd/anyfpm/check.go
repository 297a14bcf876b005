package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/master"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/runner"
)

func (a *app) newCheck() *cobra.Command {
	flags := &serviceFlags{}
	var dump bool
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a configuration",
		Long: `Check reads a configuration with all it includes and says everything that is
wrong with it, each fault with its file and line. Nothing is started and no
socket is opened; logs are, as at a start.

Exit codes: 0 it can be used, 78 it cannot.`,
		Example: `  anyfpm check /etc/anyfpm/anyfpm.conf
  anyfpm check --dump anyfpm.conf       also print it, as php-fpm -tt does`,
		Args: exactly(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				flags.path = args[0]
			}
			if flags.path == "" {
				flags.path = a.defaultConfig(flags.prefix, flags.php || a.php())
			}
			return a.check(flags, dump)
		},
	}
	flags.configFlags.register(cmd.Flags())
	cmd.Flags().BoolVar(&dump, "dump", false, "print the configuration as it is understood")
	return cmd
}

// check tells a human about a configuration.
func (a *app) check(f *serviceFlags, dump bool) error {
	f.forceStderr = true // not for the log
	cfg, notices, err := a.read(f)
	if err != nil {
		return a.refuse(f, notices, err)
	}
	master.LogNotices(slog.New(logfile.NewHandler(a.stderr, logfile.HandlerOptions{})), notices)
	if dump {
		if err := config.Dump(a.stdout, cfg); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.stdout, "%s: ok, %s\n", f.path, count(len(cfg.Pools), "pool"))
	return err
}

// test is php-fpm's -t: everything is a line of the log, which is also shown
// on standard error.
func (a *app) test(f *serviceFlags, dump bool) error {
	cfg, notices, err := a.read(f)
	if err != nil {
		return a.refuse(f, notices, err)
	}
	log, closeLog, err := master.OpenLog(&cfg.Global, f.forceStderr)
	if err != nil {
		return a.refuse(f, notices, err)
	}
	defer closeLog()
	master.LogNotices(log, notices)
	if dump {
		var text bytes.Buffer
		if err := config.Dump(&text, cfg); err != nil {
			return err
		}
		for line := range strings.Lines(text.String()) {
			logfile.Printf(log, logfile.LevelNotice, "%s", strings.TrimSuffix(line, "\n"))
		}
	}
	logfile.Printf(log, logfile.LevelNotice, "configuration file %s test is successful", f.path)
	return nil
}

// read reads a configuration in order to check it, and whether the programs it
// needs are there.
func (a *app) read(f *serviceFlags) (*config.Config, []config.Notice, error) {
	opt := f.options(a)
	opt.Test = true
	opt.Settings = f.iniSettings()
	cfg, notices, err := config.Load(f.path, opt)
	if err != nil {
		return nil, notices, err
	}
	for _, p := range cfg.Pools {
		err := runner.Check(p)
		if err == nil {
			err = runner.CheckVersion(p, func(plan runner.Plan) ([]byte, error) { return ask(p, plan) })
		}
		if err != nil {
			return nil, notices, fmt.Errorf("[pool %s] %w", p.Name, err)
		}
	}
	return cfg, notices, nil
}

const (
	// askPatience is how long an interpreter may take to tell its version.
	askPatience = 5 * time.Second
	// maxAnswer is how much of its answer is read.
	maxAnswer = 4 << 10
)

// ask runs a program as the pool's user, who may have written it.
func ask(p *config.Pool, plan runner.Plan) ([]byte, error) {
	spec := proc.Spec{Path: plan.Path, Args: plan.Args, Env: plan.Env, Dir: plan.Dir}
	if os.Geteuid() == 0 && p.User != "" {
		u, err := proc.LookupUser(p.User, p.Group)
		if err != nil {
			return nil, err
		}
		spec.Credential = &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}
		for _, gid := range u.Groups {
			spec.Credential.Groups = append(spec.Credential.Groups, uint32(gid))
		}
	}
	return proc.Output(spec, maxAnswer, askPatience)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
