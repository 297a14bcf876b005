package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly(cobra.NoArgs),
		RunE:  func(*cobra.Command, []string) error { return a.printVersion(a.php()) },
	}
}

// printVersion prints the version. Tools that ask php-fpm for its own look at
// the first word.
func (a *app) printVersion(php bool) error {
	format := "anyfpm %s (%s, %s/%s)\n"
	if php {
		format = "PHP (fpm-fcgi) by anyfpm %s (%s, %s/%s)\n"
	}
	_, err := fmt.Fprintf(a.stdout, format, version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version is that of the module, as the Go tool has recorded it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
