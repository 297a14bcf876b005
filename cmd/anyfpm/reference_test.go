package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

//go:generate go test -run TestReference -update

var update = flag.Bool("update", false, "rewrite the references of the command line")

// TestReference compares docs/commands.md and the manual page with the help
// of the commands, which they are made of.
func TestReference(t *testing.T) {
	root := (&app{args: []string{"anyfpm"}}).newRoot()
	root.InitDefaultCompletionCmd("any")
	for path, text := range map[string][]byte{
		"../../docs/commands.md": commandsPage(root),
		"../../docs/anyfpm.8":    manualPage(root),
	} {
		if *update {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, text) {
			t.Errorf("%s is out of date (%v): run go generate ./cmd/anyfpm", path, err)
		}
	}
}

// visible are the commands that are for people.
func visible(root *cobra.Command) []*cobra.Command {
	var found []*cobra.Command
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			found = append(found, c)
		}
	}
	return found
}

// use is the command's first line of usage.
func use(c *cobra.Command) string {
	if !c.HasSubCommands() {
		return c.UseLine()
	}
	if !c.HasParent() {
		return "anyfpm COMMAND [flags]"
	}
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	return c.CommandPath() + " " + strings.Join(names, "|")
}

// options calls each for every option that is for people.
func options(c *cobra.Command, each func(names, about string)) {
	c.LocalFlags().SortFlags = true
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, about := pflag.UnquoteUsage(f)
		names := "--" + f.Name
		if f.Shorthand != "" {
			names = "-" + f.Shorthand + ", " + names
		}
		if value != "" && value != "count" {
			names += " " + value
		}
		each(names, about)
	})
}

func commandsPage(root *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprint(&b, "# The command line\n\nWhat `anyfpm --help` and `anyfpm COMMAND --help` say; the manual page anyfpm(8) has the same. This page is generated.\n")
	one := func(c *cobra.Command) {
		title := c.CommandPath()
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", title, strings.ReplaceAll(text(c), "\n  ", "\n    "))
		fmt.Fprintf(&b, "\n```\n%s\n```\n", use(c))
		first := true
		options(c, func(names, about string) {
			if first {
				fmt.Fprint(&b, "\n| option | |\n|---|---|\n")
				first = false
			}
			fmt.Fprintf(&b, "| `%s` | %s |\n", names, strings.ReplaceAll(about, "|", "\\|"))
		})
		if c.Example != "" {
			fmt.Fprintf(&b, "\nExamples:\n\n```\n%s\n```\n", unindented(c.Example))
		}
	}
	one(root)
	for _, c := range visible(root) {
		one(c)
	}
	return b.Bytes()
}

// manualPage is the same in man(7).
func manualPage(root *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH ANYFPM 8 \"\" anyfpm\n.SH NAME\nanyfpm \\- %s\n", root.Short)
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(use(root)))
	one := func(c *cobra.Command) {
		fmt.Fprintf(&b, ".nf\n%s\n.fi\n", roff(text(c)))
		options(c, func(names, about string) {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(names), roff(about))
		})
		if c.Example != "" {
			fmt.Fprintf(&b, ".PP\nExamples:\n.PP\n.nf\n%s\n.fi\n", roff(c.Example))
		}
	}
	fmt.Fprint(&b, ".SH DESCRIPTION\n")
	one(root)
	fmt.Fprint(&b, ".SH COMMANDS\n")
	for _, c := range visible(root) {
		fmt.Fprintf(&b, ".SS %s\n", roff(use(c)))
		one(c)
	}
	fmt.Fprint(&b, ".SH SEE ALSO\n.BR php-fpm (8),\nand the directory docs of the source: configuration.md, signals.md, runners.md.\n")
	return b.Bytes()
}

// text is what a command says about itself.
func text(c *cobra.Command) string {
	if c.Long != "" {
		return strings.TrimSpace(c.Long)
	}
	return c.Short + "."
}

// unindented takes away the indentation that all lines share.
func unindented(s string) string {
	lines := strings.Split(strings.Trim(s, "\n"), "\n")
	shared := len(s)
	for _, line := range lines {
		if trimmed := strings.TrimLeft(line, " \t"); trimmed != "" {
			shared = min(shared, len(line)-len(trimmed))
		}
	}
	for i, line := range lines {
		lines[i] = line[min(shared, len(line)):]
	}
	return strings.Join(lines, "\n")
}

// roff protects what man(7) would take for its own.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
