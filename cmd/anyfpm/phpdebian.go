package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A phpHome is where the PHP of a php-fpm lives on Debian, which has a program
// and a set of php.ini files for each version and each way to run it: php-fpm8.2
// reads those in /etc/php/8.2/fpm, php-cgi8.2 those in /etc/php/8.2/cgi. In
// php-fpm's place php-cgi has to read php-fpm's.
type phpHome struct {
	ini     string // directory of php.ini; empty when it is not Debian's PHP
	program string // php-cgi of that version, or just php-cgi
}

var (
	debianHome = regexp.MustCompile(`/php/(\d+\.\d+)/fpm$`)
	debianName = regexp.MustCompile(`^php-fpm(\d+\.\d+)$`)
)

// phpHome finds it.
func (f *configFlags) phpHome(a *app) phpHome {
	home := phpHome{program: "php-cgi"}
	if !f.php && !a.php() {
		return home
	}
	dir, version := a.debianHome(f.path)
	if version == "" {
		return home
	}
	if _, err := os.Stat(filepath.Join(dir, "php.ini")); err == nil {
		home.ini = dir
	}
	if versioned := "php-cgi" + version; a.hasProgram(versioned) {
		home.program = versioned
	}
	return home
}

// debianHome is the directory of a php-fpm: the one that the configuration is in
// or, if this program has a version in its name, the one of that version.
func (a *app) debianHome(configFile string) (dir, version string) {
	named := a.versionInName()
	if file, err := filepath.Abs(configFile); err == nil {
		dir = filepath.Dir(file)
		if match := debianHome.FindStringSubmatch(dir); match != nil && (named == "" || named == match[1]) {
			return dir, match[1]
		}
	}
	if named == "" {
		return "", ""
	}
	return "/etc/php/" + named + "/fpm", named
}

// versionInName is the 8.2 of php-fpm8.2.
func (a *app) versionInName() string {
	if match := debianName.FindStringSubmatch(filepath.Base(a.args[0])); match != nil {
		return match[1]
	}
	return ""
}

func (a *app) hasProgram(name string) bool {
	_, err := a.findProgram(name)
	return err == nil
}

// arguments tell php-cgi where php.ini is, unless the environment does so. PHPRC
// would tell each php that a script starts, too.
func (h phpHome) arguments(environ []string) []string {
	named := func(entry string) bool { return strings.HasPrefix(entry, "PHPRC=") && entry != "PHPRC=" }
	if h.ini == "" || slices.ContainsFunc(environ, named) {
		return nil
	}
	return []string{"-c", h.ini}
}

// environ adds to an environment where the further ini files are, for which
// there is no argument.
func (h phpHome) environ(environ []string) []string {
	const scanDir = "PHP_INI_SCAN_DIR="
	named := func(entry string) bool { return strings.HasPrefix(entry, scanDir) } // empty, it means none
	if h.ini == "" || slices.ContainsFunc(environ, named) {
		return environ
	}
	return append(environ[:len(environ):len(environ)], scanDir+filepath.Join(h.ini, "conf.d"))
}
