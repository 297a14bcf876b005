package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/phpini"
)

// phpFlags are the options of php-fpm that do not run a service.
type phpFlags struct {
	test    int
	version bool
	info    bool
	modules bool
	usage   bool
}

// rootFlags are all of php-fpm's options.
type rootFlags struct {
	serviceFlags
	phpFlags
}

func (f *rootFlags) register(fs *pflag.FlagSet) {
	f.serviceFlags.register(fs)
	fs.CountVarP(&f.test, "test", "t", "check the configuration; twice (-tt) also print it")
	fs.BoolVarP(&f.version, "version", "v", false, "print the version")
	fs.BoolVarP(&f.info, "info", "i", false, "print what php-cgi knows of itself")
	fs.BoolVarP(&f.modules, "modules", "m", false, "print the modules of php-cgi")
	fs.BoolVarP(&f.usage, "usage", "?", false, "print php-fpm's usage")
	fs.BoolP("profile-info", "e", false, "accepted for php-fpm's sake, without effect")
	for _, name := range []string{"usage", "profile-info", "info", "modules"} {
		_ = fs.MarkHidden(name) // they exist
	}
}

// asPHPFPM does what php-fpm does with the same options.
func (a *app) asPHPFPM(f *rootFlags) error {
	if f.path == "" {
		f.path = a.defaultConfig(f.prefix, f.php || a.php())
	}
	switch {
	case f.usage:
		a.printPHPUsage()
		return nil
	case f.version && (f.php || a.php()):
		return a.printPHPVersion(&f.serviceFlags)
	case f.version:
		return a.printVersion(false)
	case f.info:
		return a.execPHP("-i", &f.serviceFlags)
	case f.modules:
		return a.execPHP("-m", &f.serviceFlags)
	}
	if f.test > 0 {
		return a.test(&f.serviceFlags, f.test > 1)
	}
	return f.serve(a)
}

// execPHP becomes php-cgi, which knows what php-fpm would answer.
func (a *app) execPHP(option string, f *serviceFlags) error {
	home := f.phpHome(a)
	program, err := a.findProgram(home.program)
	if err != nil {
		return &exit{code: exitSoftware, err: err}
	}
	args := append(append([]string{program}, f.phpArguments(home.arguments(a.environ))...), option)
	if err := unix.Exec(program, args, phpini.Standalone(home.environ(a.environ))); err != nil {
		return &exit{code: exitSoftware, err: fmt.Errorf("cannot execute %s: %w", program, err)}
	}
	return nil
}

// findProgram looks for a program in PATH.
func (a *app) findProgram(name string) (string, error) {
	path := "/usr/local/bin:/usr/bin:/bin"
	for _, entry := range a.environ {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			path = value
		}
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && unix.Access(file, unix.X_OK) == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("cannot find %s, which knows that", name)
}

// printPHPUsage prints php-fpm's usage, on standard output as php-fpm does.
func (a *app) printPHPUsage() {
	name := "php" // as php-fpm has it when it is called without a path
	if strings.Contains(a.args[0], "/") {
		name = filepath.Base(a.args[0])
	}
	_, _ = io.WriteString(a.stdout, "Usage: "+name+` [-n] [-e] [-h] [-i] [-m] [-v] [-t] [-p <prefix>] [-g <pid>] [-c <file>] [-d foo[=bar]] [-y <file>] [-D] [-F [-O]]
  -c <path>|<file> Look for php.ini file in this directory
  -n               No php.ini file will be used
  -d foo[=bar]     Define INI entry foo with value 'bar'
  -e               Generate extended information for debugger/profiler
  -h               This help
  -i               PHP information
  -m               Show compiled in modules
  -v               Version number
  -p, --prefix <dir>
                   Specify alternative prefix path to FastCGI process manager (default: /usr).
  -g, --pid <file>
                   Specify the PID file location.
  -y, --fpm-config <file>
                   Specify alternative path to FastCGI process manager config file.
  -t, --test       Test FPM configuration and exit
  -D, --daemonize  force to run in background, and ignore daemonize option from config file
  -F, --nodaemonize
                   force to stay in foreground, and ignore daemonize option from config file
  -O, --force-stderr
                   force output to stderr in nodaemonize even if stderr is not a TTY
  -R, --allow-to-run-as-root
                   Allow pool to run as root (disabled by default)
`) // nobody to tell
}
