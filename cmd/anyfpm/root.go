package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const rootHelp = `anyfpm is php-fpm for every language: it keeps pools of workers (CGI scripts,
PHP, Python, Perl and Ruby interpreters, FastCGI programs, WSGI applications)
behind FastCGI sockets for nginx, Apache or Caddy.

It reads php-fpm's configuration files and takes php-fpm's options and signals,
so that it can be put in php-fpm's place:

  anyfpm -F -y /etc/anyfpm/anyfpm.conf

Exit codes: 0 success, 1 the service refused, 64 wrong usage, 69 no service
answers, 70 the service failed, 78 the configuration cannot be used.`

const rootExamples = `  anyfpm run                         serve the examples on http://127.0.0.1:8080/
  anyfpm run -y anyfpm.conf          serve a configuration in the foreground
  anyfpm check anyfpm.conf           is it right?
  anyfpm status                      all pools of the running service
  anyfpm reload                      take up a new configuration, losing no request
  anyfpm trace 4711                  where in its code is that worker?
  anyfpm request 127.0.0.1:9000 /srv/www/hello.sh`

// newRoot returns the whole command line.
func (a *app) newRoot() *cobra.Command {
	flags := &rootFlags{}
	root := &cobra.Command{
		Use:               "anyfpm",
		Short:             "php-fpm for every language",
		Long:              rootHelp,
		Example:           rootExamples,
		Args:              noCommand,
		SilenceUsage:      true,
		SilenceErrors:     true,
		DisableAutoGenTag: true,

		SuggestionsMinimumDistance: 2,
	}
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().NFlag() == 0 && !a.php() {
			return cmd.Help()
		}
		return a.asPHPFPM(flags)
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	flags.register(root.Flags())
	if a.php() {
		help := root.HelpFunc()
		root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
			if cmd == root {
				a.printPHPUsage()
				return
			}
			help(cmd, args)
		})
	}
	root.AddCommand(
		a.newRun(), a.newCheck(), a.newStatus(), a.newReload(), a.newStop(), a.newReopen(),
		a.newRequest(), a.newTrace(), a.newVersion(), a.newSupervise(), a.newRehearse(),
	)
	namesOnly(root)
	return root
}

// namesOnly has cobra's own commands refuse a name that they do not know; they
// would answer with a help and success.
func namesOnly(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				if err != nil {
					return usageError(err)
				}
				return noCommand(found, rest)
			}
		case "completion":
			c.Args = noCommand
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// noCommand refuses what is no command, and guesses what was meant.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		text += ", did you mean " + strings.Join(similar, " or ") + "?"
	}
	return &exit{code: exitUsage, err: fmt.Errorf("%s", text)}
}

// exactly makes a wrong number of arguments a wrong usage.
func exactly(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error { return usageError(check(cmd, args)) }
}
