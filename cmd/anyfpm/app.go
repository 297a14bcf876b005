package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/master"
)

// The exit codes of all commands; those of php-fpm among them (sysexits(3)).
const (
	exitOK          = 0
	exitRefused     = 1  // the service did not do what it was asked for
	exitUsage       = 64 // the command line cannot be understood
	exitUnavailable = 69 // no service answers
	exitSoftware    = 70 // the service failed while it ran
	exitConfig      = 78 // the configuration, or what it asks for, is not possible
)

// An app is one run of the program.
type app struct {
	args    []string // with the name of the program
	environ []string
	// rehearsing says that a service is not run but looked at; see newRehearse.
	rehearsing bool
	// hint is what to do about a service that does not answer.
	hint string

	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// An exit is an error with an exit code of its own. A silent one has told its
// story already.
type exit struct {
	code   int
	err    error
	silent bool
}

// Error returns the text of the cause.
func (e *exit) Error() string { return fmt.Sprint(e.err) }

// Unwrap returns the cause.
func (e *exit) Unwrap() error { return e.err }

// run executes the command of the command line and returns its exit code.
func (a *app) run() int {
	root := a.newRoot()
	root.SetArgs(cloneAll(a.args[1:]))
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	command, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	code, silent := classify(err)
	if silent {
		return code
	}
	switch {
	case code == exitUsage:
		a.misused(command, err)
	case code == exitUnavailable && a.hint != "":
		fmt.Fprintf(a.stderr, "anyfpm: %v; %s\n", err, a.hint)
	default:
		fmt.Fprintf(a.stderr, "anyfpm: %v\n", err)
	}
	return code
}

// classify finds the exit code of an error.
func classify(err error) (code int, silent bool) {
	var own *exit
	var faults *config.Errors
	var initial *master.InitError
	var absent *master.NotRunningError
	switch {
	case errors.As(err, &own):
		return own.code, own.silent
	case errors.As(err, &initial):
		return exitConfig, true
	case errors.As(err, &faults):
		return exitConfig, false
	case errors.As(err, &absent):
		return exitUnavailable, false
	default:
		return exitRefused, false
	}
}

// misused explains a command line that cannot be understood: like php-fpm by
// the whole usage, which scripts look for, or by a hint.
func (a *app) misused(command *cobra.Command, err error) {
	if a.php() {
		a.printPHPUsage()
		return
	}
	fmt.Fprintf(a.stderr, "anyfpm: %v\nRun '%s --help' for what there is.\n", err, command.CommandPath())
}

// usageError makes err one of the command line.
func usageError(err error) error {
	if err == nil {
		return nil
	}
	return &exit{code: exitUsage, err: err}
}

// command is anyfpm, or the name of php-fpm that the program was called by, such
// as php-fpm8.2.
func (a *app) command() string {
	if name := filepath.Base(a.args[0]); strings.HasPrefix(name, "php-fpm") {
		return name
	}
	return "anyfpm"
}

// php tells whether the program stands in for php-fpm: by its name or by the
// option --php.
func (a *app) php() bool {
	if a.command() != "anyfpm" {
		return true
	}
	for _, arg := range a.args[1:] {
		if arg == "--php" {
			return true
		}
	}
	return false
}
