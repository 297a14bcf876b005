// Command offgen makes the tables of offsets that the samplers use.
//
// A probe (directory probe) prints where one version of an interpreter keeps
// its fields; what it printed is kept as a fact file (directory facts), whose
// first line names its source. The tables in slowlog/cpython, slowlog/php,
// slowlog/perl and slowlog/ruby are generated from the fact files and nothing
// else, and a test says when they are not.
//
//	offgen probe -source 'CPython 3.9.18, own headers' probe/python.c -I... > facts/python-3.9.txt
//	offgen tables ../../..
//
// It is needed when a new version of an interpreter comes out, never at run
// time.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "offgen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("use: offgen probe -source TEXT FILE [compiler flags] | offgen tables DIR")
	}
	switch args[0] {
	case "probe":
		flags := flag.NewFlagSet("probe", flag.ContinueOnError)
		source := flags.String("source", "", "where the headers come from, for the first line of the facts")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if *source == "" || flags.NArg() == 0 {
			return fmt.Errorf("use: offgen probe -source TEXT FILE [compiler flags]")
		}
		return probe(os.Stdout, *source, flags.Arg(0), flags.Args()[1:])
	case "tables":
		if len(args) != 2 {
			return fmt.Errorf("use: offgen tables DIR, where DIR is the repository")
		}
		return writeTables(args[1])
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func writeTables(repository string) error {
	for _, t := range tables {
		src, err := t.render()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(repository, t.file), src, 0o644); err != nil {
			return err
		}
	}
	return nil
}
