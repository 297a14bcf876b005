package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/master"
	"github.com/anyfpm/anyfpm/internal/proc"
)

// serviceFlags are the options of php-fpm that say how to run a service.
type serviceFlags struct {
	configFlags
	pid         string
	daemonize   *bool // nil leaves it to the configuration
	foreground  bool  // unless daemonize is set, whatever the configuration says
	forceStderr bool
	// For php-cgi.
	phpINI   string
	noINI    bool
	settings []string
}

// configFlags are the options that say how to read a configuration.
type configFlags struct {
	path      string
	prefix    string
	allowRoot bool
	php       bool
}

func (f *configFlags) register(fs *pflag.FlagSet) {
	fs.StringVarP(&f.path, "fpm-config", "y", "", "read the configuration `FILE`")
	fs.StringVarP(&f.prefix, "prefix", "p", "", "take paths in the configuration as below `DIR`")
	fs.BoolVarP(&f.allowRoot, "allow-to-run-as-root", "R", false, "allow pools whose workers are root")
	fs.BoolVar(&f.php, "php", false, "stand in for php-fpm: its names, defaults and manners")
}

func (f *serviceFlags) register(fs *pflag.FlagSet) {
	f.configFlags.register(fs)
	fs.StringVarP(&f.pid, "pid", "g", "", "write the pid to `FILE`, unless the configuration names another")
	set := func(value bool) func(string) error {
		return func(string) error { f.daemonize = &value; return nil }
	}
	fs.BoolFuncP("daemonize", "D", "run in the background, whatever the configuration says", set(true))
	fs.BoolFuncP("nodaemonize", "F", "stay in the foreground, whatever the configuration says", set(false))
	fs.BoolVarP(&f.forceStderr, "force-stderr", "O", false, "log to standard error in the foreground although it is no terminal")
	fs.StringVarP(&f.phpINI, "php-ini", "c", "", "give `PATH` of a php.ini to php-cgi")
	fs.BoolVarP(&f.noINI, "no-php-ini", "n", false, "let php-cgi read no php.ini")
	fs.StringArrayVarP(&f.settings, "define", "d", nil, "define the php.ini entry `NAME[=VALUE]` for php-cgi")
}

// options are the circumstances of reading a configuration.
func (f *configFlags) options(a *app) config.Options {
	return config.Options{
		Prefix: f.prefix, PHP: f.php || a.php(), PHPProgram: f.phpHome(a).program,
		Root: os.Geteuid() == 0, AllowRoot: f.allowRoot,
	}
}

// load reads the configuration of a service.
func (f *serviceFlags) load(a *app) (*config.Config, []config.Notice, error) {
	opt := f.options(a)
	opt.PID = f.pid
	opt.Settings = f.iniSettings()
	opt.PHPArguments = f.phpArguments(f.phpHome(a).arguments(a.environ))
	return config.Load(f.path, opt)
}

// phpArguments are the options that php-cgi gets as they came; ini is for a
// command line that does not say which php.ini to read.
func (f *serviceFlags) phpArguments(ini []string) []string {
	var args []string
	if f.noINI {
		args = append(args, "-n")
	}
	switch {
	case f.phpINI != "":
		args = append(args, "-c", f.phpINI)
	case !f.noINI:
		args = append(args, ini...)
	}
	for _, s := range f.settings {
		args = append(args, "-d", s)
	}
	return args
}

// iniSettings are the entries of -d by name; one without a value is on.
func (f *serviceFlags) iniSettings() map[string]string {
	settings := map[string]string{}
	for _, s := range f.settings {
		name, value, found := strings.Cut(s, "=")
		if !found {
			value = "1"
		}
		settings[name] = strings.Trim(value, `"`)
	}
	return settings
}

// defaultConfig is the configuration of a service that names none.
func (a *app) defaultConfig(prefix string, php bool) string {
	switch {
	case prefix != "" && php:
		return filepath.Join(prefix, "etc/php-fpm.conf")
	case prefix != "":
		return filepath.Join(prefix, "etc/anyfpm.conf")
	case !php:
		return "/etc/anyfpm/anyfpm.conf"
	}
	if version := a.versionInName(); version != "" {
		file := "/etc/php/" + version + "/fpm/php-fpm.conf"
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	// Debian's, of the newest version.
	if found, _ := filepath.Glob("/etc/php/*/fpm/php-fpm.conf"); len(found) > 0 {
		return slices.Max(found)
	}
	return "/usr/local/etc/php-fpm.conf"
}

// serve reads the configuration and runs it.
func (f *serviceFlags) serve(a *app) error {
	load := func() (*config.Config, []config.Notice, error) { return f.load(a) }
	if a.rehearsing {
		return master.Rehearse(version(), load)
	}
	inheritance, environ, err := master.Inherit(a.args, a.environ)
	if err != nil {
		return &exit{code: exitSoftware, err: err}
	}
	a.environ = environ
	program := master.Program{Args: cloneAll(a.args)}
	program.Path = proc.FindSelf(program.Args[0])
	if inheritance != nil {
		program.Path = inheritance.Program()
		return f.runService(a, service{inheritance: inheritance, reload: load, program: program})
	}
	cfg, notices, err := load()
	if err != nil {
		return a.refuse(f, notices, err)
	}
	return f.runService(a, service{cfg: cfg, notices: notices, reload: load, program: program})
}

// cloneAll copies arguments: their own memory becomes the title of the process.
func cloneAll(args []string) []string {
	copies := make([]string, 0, len(args))
	for _, arg := range args {
		copies = append(copies, strings.Clone(arg))
	}
	return copies
}

// A service is what runService runs: a configuration, or what another program
// has left.
type service struct {
	cfg         *config.Config
	notices     []config.Notice
	inheritance *master.Inheritance
	program     master.Program
	// reload reads the configuration again.
	reload func() (*config.Config, []config.Notice, error)
}

// runService runs a service in the foreground or the background.
func (f *serviceFlags) runService(a *app, s service) error {
	ready, environ, isDaemon := master.Daemon(a.environ)
	if f.background(s) && !isDaemon {
		if s.cfg.Global.ErrorLog == "" && f.path != "" {
			return &exit{code: exitConfig, err: errors.New("a service in the background needs a log of its own: set error_log")}
		}
		if err := master.Daemonize(a.args, environ); err != nil {
			// The service has said on standard error what is wrong.
			return &exit{code: exitSoftware, err: err, silent: true}
		}
		return nil
	}
	s.program.Environ = environ
	environ = f.phpHome(a).environ(environ)
	php := f.php || a.php()
	if php {
		if err := detach(); err != nil {
			return &exit{code: exitSoftware, err: err}
		}
	}
	m, err := master.New(master.Options{
		Config: s.cfg, Notices: s.notices, Reload: s.reload, Program: s.program, Inheritance: s.inheritance,
		Version: version(), Prefix: f.prefix, PHP: php,
		Daemon: isDaemon, ForceStderr: f.forceStderr,
		Environ: environ, Ready: ready,
		SetTitle: proc.TakeTitle(a.command()).Set,
	})
	if err != nil {
		return &exit{code: exitSoftware, err: err}
	}
	err = m.Run(context.Background())
	if code, _ := classify(err); err != nil && code == exitRefused {
		return &exit{code: exitSoftware, err: err}
	}
	return err
}

// background tells whether a service is to be put into the background: one that
// another program has left is where it is.
func (f *serviceFlags) background(s service) bool {
	switch {
	case s.inheritance != nil:
		return false
	case f.daemonize != nil:
		return *f.daemonize
	default:
		return s.cfg.Global.Daemonize && !f.foreground
	}
}

// refuse says, in the form of the log, why a configuration is not used: on
// standard error and, if php-fpm would have come far enough to open it, in the
// error log as well.
func (a *app) refuse(f *serviceFlags, notices []config.Notice, err error) error {
	handler := logfile.NewHandler(a.stderr, logfile.HandlerOptions{})
	if path := scan(f.path).errorLog; filepath.IsAbs(path) && !f.forceStderr && processed(err) {
		if file, err := logfile.Open(path); err == nil {
			defer file.Close()
			handler = logfile.NewStartup(logfile.NewHandler(file, logfile.HandlerOptions{}), handler)
		}
	}
	log := slog.New(handler)
	master.LogNotices(log, notices)
	master.LogFaults(log, err)
	logfile.Printf(log, logfile.LevelError, "FPM initialization failed")
	return &exit{code: exitConfig, err: err, silent: true}
}

// processed tells faults of a configuration whose files could all be read.
func processed(err error) bool {
	var faults *config.Errors
	return errors.As(err, &faults) && !strings.HasPrefix(faults.Trailer(), "failed to load")
}

// detach does in the foreground what php-fpm does there as well: a session of
// its own, and no standard input and output.
func detach() error {
	// It fails for the leader of a process group, which is none of php-fpm's
	// business either.
	_, _ = unix.Setsid()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cannot detach: %w", err)
	}
	defer null.Close()
	for _, fd := range []int{unix.Stdin, unix.Stdout} {
		if err := unix.Dup3(int(null.Fd()), fd, 0); err != nil {
			return fmt.Errorf("cannot detach: %w", err)
		}
	}
	return nil
}
