package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/master"
)

func (a *app) newRun() *cobra.Command {
	flags := &serviceFlags{}
	var http, fcgi, root string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a service",
		Long: `Run serves the pools of a configuration until it is told to stop. It stays in the
foreground, unless -D says otherwise.

Without a configuration it serves a directory, for browsers over HTTP and for
web servers over FastCGI: executable files are run as CGI scripts, others are
sent. The directory is examples/quickstart below the working directory or, where
there is none, a copy that the program carries.

Signals: QUIT stops gracefully, TERM and INT at once, USR1 reopens logs, USR2 and
HUP reload the configuration. Exit codes: 0 stopped as told, 70 failed while it
ran, 78 the configuration or what it asks for is not possible.`,
		Example: `  anyfpm run
  anyfpm run --root /srv/www --http 127.0.0.1:8000
  anyfpm run -y /etc/anyfpm/anyfpm.conf`,
		Args: exactly(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if flags.path == "" {
				return a.serveDirectory(flags, root, http, fcgi)
			}
			if http != "" || fcgi != "" || root != "" {
				return usageError(errors.New("--http, --listen and --root are for a service without -y"))
			}
			flags.foreground = true
			return flags.serve(a)
		},
	}
	flags.register(cmd.Flags())
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.Flags().StringVar(&http, "http", "", "serve browsers at `ADDR` (default 127.0.0.1:8080)")
	cmd.Flags().StringVar(&fcgi, "listen", "", "serve web servers at `ADDR` (default 127.0.0.1:9000)")
	cmd.Flags().StringVar(&root, "root", "", "serve the directory `DIR` (default the examples)")
	return cmd
}

// serveDirectory runs the built-in configuration.
func (a *app) serveDirectory(f *serviceFlags, root, http, fcgi string) error {
	if root == "" {
		dir, remove, err := quickstart()
		if err != nil {
			return &exit{code: exitConfig, err: err}
		}
		defer remove()
		root = dir
	}
	root, err := directory(root)
	if err != nil {
		return &exit{code: exitConfig, err: fmt.Errorf("cannot serve: %w", err)}
	}
	cfg := config.Default(root, http, fcgi)
	cfg.Global.PID = f.pid
	said := a.stderr
	if _, _, daemon := master.Daemon(a.environ); daemon {
		said = io.Discard // who started it has said it
	}
	if os.Geteuid() == 0 {
		leaveRoot(cfg.Pools[0], said)
	}
	fmt.Fprintf(said, "anyfpm: serving %s on http://%s/ and, for web servers, FastCGI on %s\n", root, cfg.Pools[0].HTTPListen, cfg.Pools[0].Listen)
	return f.runService(a, service{cfg: cfg})
}

// directory returns the whole path of a directory that is there: one of the
// command line is below the working directory, not below the prefix.
func directory(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: path, Err: syscall.ENOTDIR}
	}
	return path, err
}

// leaveRoot makes the scripts of a pool that names no user run as nobody. The
// directory may be closed to others, such as one below /root; then they run as
// root, which is said.
func leaveRoot(pool *config.Pool, said io.Writer) {
	if openToOthers(pool.HTTPRoot) {
		pool.User = "nobody"
		return
	}
	fmt.Fprintf(said, "anyfpm: warning: %s is not open to other users, so its scripts run as root\n", pool.HTTPRoot)
}

// openToOthers says whether any user may list dir and reach it.
func openToOthers(dir string) bool {
	const list, enter = 0o005, 0o001
	for want := fs.FileMode(list); ; want = enter {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&want != want {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}
