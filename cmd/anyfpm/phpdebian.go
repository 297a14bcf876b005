package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A phpHome is where the PHP of a php-fpm.conf lives on Debian, which has a
// program and a set of php.ini files for each version and each way to run it:
// php-fpm 8.2 reads those in /etc/php/8.2/fpm, php-cgi those in
// /etc/php/8.2/cgi. In php-fpm's place php-cgi has to read php-fpm's.
type phpHome struct {
	ini     string // directory of php.ini; empty when it is not Debian's PHP
	program string // php-cgi of that version, or just php-cgi
}

var debianHome = regexp.MustCompile(`/php/(\d+\.\d+)/fpm$`)

// phpHome looks around the configuration file.
func (f *configFlags) phpHome(a *app) phpHome {
	if !f.php && !a.php() {
		return phpHome{program: "php-cgi"}
	}
	return a.findPHPHome(f.path)
}

// findPHPHome looks around a configuration file.
func (a *app) findPHPHome(configFile string) phpHome {
	home := phpHome{program: "php-cgi"}
	file, err := filepath.Abs(configFile)
	if err != nil {
		return home
	}
	dir := filepath.Dir(file)
	match := debianHome.FindStringSubmatch(dir)
	if match == nil {
		return home
	}
	if _, err := os.Stat(filepath.Join(dir, "php.ini")); err == nil {
		home.ini = dir
	}
	if versioned := "php-cgi" + match[1]; a.hasProgram(versioned) {
		home.program = versioned
	}
	return home
}

func (a *app) hasProgram(name string) bool {
	_, err := a.findProgram(name)
	return err == nil
}

// environ adds to an environment where php.ini is, unless it says so itself.
func (h phpHome) environ(environ []string) []string {
	if h.ini == "" {
		return environ
	}
	for _, entry := range [...]string{"PHPRC=" + h.ini, "PHP_INI_SCAN_DIR=" + filepath.Join(h.ini, "conf.d")} {
		name, _, _ := strings.Cut(entry, "=")
		if !slices.ContainsFunc(environ, func(e string) bool { return strings.HasPrefix(e, name+"=") }) {
			environ = append(environ[:len(environ):len(environ)], entry)
		}
	}
	return environ
}
