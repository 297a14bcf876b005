package master

import (
	"fmt"
	"os"
	"strings"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/listen"
)

// Options are what a [Master] runs with.
type Options struct {
	// Config is a valid configuration, and Notices what reading it has to say
	// for the log.
	Config  *config.Config
	Notices []config.Notice
	// Reload reads the configuration again. It is called on a goroutine of its
	// own. Nil makes every reload start from Config.
	Reload func() (*config.Config, []config.Notice, error)

	Version string
	Prefix  string
	// PHP is for a service that stands in for php-fpm.
	PHP bool
	// Daemon says that nobody watches standard error; ForceStderr that it is
	// the log although it is no terminal.
	Daemon      bool
	ForceStderr bool

	// Environ is the environment of the service; nil is os.Environ().
	Environ []string
	// Program is what a reload executes if it has been replaced.
	Program Program
	// Inheritance makes the service go on with what another program in this
	// process has left; Config is not used then.
	Inheritance *Inheritance
	// Exec executes a program in place of this one; nil is syscall.Exec.
	Exec func(path string, args, environ []string) error
	// Ready is called once the sockets are open and the pid file is written;
	// nil for nobody to tell.
	Ready func()
	// Supervisor is how to start the supervisor of a pool; nil is this program
	// with the argument "supervise". The control socket is its descriptor 3.
	Supervisor func(pool string) (path string, args []string)
	// SetTitle changes what ps shows of the process; nil leaves it.
	SetTitle func(title string)
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	if o.Ready == nil {
		o.Ready = func() {}
	}
	if o.SetTitle == nil {
		o.SetTitle = func(string) {}
	}
	if o.Supervisor == nil {
		o.Supervisor = superviseCommand
	}
	if o.Reload == nil {
		cfg := o.Config
		o.Reload = func() (*config.Config, []config.Notice, error) { return cfg, nil, nil }
	}
	return o
}

// superviseCommand starts the supervisor of a pool: this program.
func superviseCommand(pool string) (path string, args []string) {
	return "/proc/self/exe", []string{"anyfpm: pool " + pool, "supervise"}
}

// supervisorEnviron is the environment for supervisors, and through them for
// the workers of pools with clear_env = no.
func (o Options) supervisorEnviron() []string {
	var environ []string
	for _, entry := range listen.StripEnviron(o.Environ) {
		if !strings.HasPrefix(entry, "NOTIFY_SOCKET=") && !strings.HasPrefix(entry, "WATCHDOG_") {
			environ = append(environ, entry)
		}
	}
	return environ
}

// An InitError says that the service could not be brought up. What is wrong
// has been logged.
type InitError struct {
	Err error
}

// Error names the first thing that went wrong.
func (e *InitError) Error() string { return fmt.Sprintf("FPM initialization failed: %v", e.Err) }

// Unwrap returns the reason.
func (e *InitError) Unwrap() error { return e.Err }
