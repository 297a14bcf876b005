package golden

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// RootsVar names directories, separated by colons, that hold other
// distributions. Interpreters in them are run with chroot, as root.
const RootsVar = "SLOWLOG_ROOTS"

// BuildsVar names perl source trees that are built but not installed.
const BuildsVar = "SLOWLOG_PERLS"

// PHPsVar names directories with a php and its libraries, as npm's packages
// @libphp/amazon-linux-2-v83 and the like have them (package/native).
const PHPsVar = "SLOWLOG_PHPS"

// PrefixesVar names directories that interpreters were installed to, each with
// a bin of its own.
const PrefixesVar = "SLOWLOG_PREFIXES"

// phpFlags have php-cgi print no headers and run for as long as it takes, as
// php does.
var phpFlags = []string{"-q", "-d", "max_execution_time=0"}

// Interpreters lists the interpreters of this machine: the distribution's,
// pyenv's, and those that the variables name.
func Interpreters() []Interpreter {
	out := inRoot("")
	home, _ := os.UserHomeDir()
	for _, path := range glob(home + "/.pyenv/versions/3.*/bin/python3") {
		version := filepath.Base(filepath.Dir(filepath.Dir(path)))
		if !strings.HasPrefix(version, "3.6") {
			out = append(out, Interpreter{Language: python, Name: "python-" + version + "-pyenv", Command: []string{path}})
		}
	}
	for _, root := range filepath.SplitList(os.Getenv(RootsVar)) {
		out = append(out, inRoot(root)...)
	}
	for _, tree := range filepath.SplitList(os.Getenv(BuildsVar)) {
		out = append(out, Interpreter{
			Language: perl, Name: "perl-" + filepath.Base(tree),
			Command: []string{filepath.Join(tree, "perl"), "-I" + filepath.Join(tree, "lib")},
		})
	}
	for _, dir := range filepath.SplitList(os.Getenv(PHPsVar)) {
		out = append(out, Interpreter{
			Language: php, Name: "php-" + filepath.Base(filepath.Dir(filepath.Dir(dir))),
			Command: append([]string{"env", "LD_LIBRARY_PATH=" + filepath.Join(dir, "lib"), filepath.Join(dir, "php", "php"), "-n"}, phpFlags...),
		})
	}
	for _, prefix := range filepath.SplitList(os.Getenv(PrefixesVar)) {
		out = append(out, inPrefix(prefix)...)
	}
	return out
}

// FirstOfEach returns the first interpreter of each language: the
// distribution's.
func FirstOfEach(interpreters []Interpreter) []Interpreter {
	var out []Interpreter
	for _, i := range interpreters {
		if !slices.ContainsFunc(out, func(o Interpreter) bool { return o.Language.Name == i.Language.Name }) {
			out = append(out, i)
		}
	}
	return out
}

// inRoot lists the interpreters a distribution has under names with versions.
func inRoot(root string) []Interpreter {
	var out []Interpreter
	for _, known := range []struct {
		language Language
		pattern  string
	}{
		{python, "/usr/bin/python3.[0-9]*"},
		{php, "/usr/bin/php-cgi[0-9].[0-9]"},
		{php, "/usr/bin/php[0-9].[0-9]"},
		{perl, "/usr/bin/perl5.[0-9]*.[0-9]*"},
		{ruby, "/usr/bin/ruby[0-9].[0-9]"},
	} {
		for _, path := range glob(root + known.pattern) {
			base := filepath.Base(path)
			if strings.Contains(base, "-config") || strings.Contains(base, "linux-gnu") {
				continue
			}
			i := Interpreter{Language: known.language, Name: base, Command: []string{path}, Root: root}
			if root != "" {
				i.Name += "-" + filepath.Base(root)
				i.Command = []string{"chroot", root, strings.TrimPrefix(path, root)}
			}
			if known.language.Name == "php" {
				i.Command = append(i.Command, phpFlags...)
			}
			out = append(out, i)
		}
	}
	return out
}

// inPrefix lists the interpreters in a directory under the names that they
// install themselves with.
func inPrefix(prefix string) []Interpreter {
	var out []Interpreter
	for _, known := range []struct {
		language Language
		name     string
		flags    []string
	}{
		{python, "python3", nil},
		{php, "php-cgi", phpFlags},
		{php, "php", phpFlags},
		{perl, "perl", nil},
		{ruby, "ruby", nil},
	} {
		path := filepath.Join(prefix, "bin", known.name)
		if _, err := os.Stat(path); err == nil {
			out = append(out, Interpreter{
				Language: known.language, Name: known.name + "-" + filepath.Base(prefix),
				Command: append([]string{path}, known.flags...),
			})
		}
	}
	return out
}

func glob(pattern string) []string {
	paths, _ := filepath.Glob(pattern)
	slices.Sort(paths)
	return paths
}

// Missing lists the languages none of some interpreters is for.
func Missing(interpreters []Interpreter) []string {
	var out []string
	for _, l := range Languages {
		if !slices.ContainsFunc(interpreters, func(i Interpreter) bool { return i.Language.Name == l.Name }) {
			out = append(out, l.Name)
		}
	}
	return out
}
