package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/master"
)

// operatorFlags say which running service is meant.
type operatorFlags struct {
	configFlags
	control string
}

func (f *operatorFlags) register(fs *pflag.FlagSet) {
	f.configFlags.register(fs)
	fs.StringVar(&f.control, "control", "", "the service at the control socket `PATH` (default that of the configuration)")
	_ = fs.MarkHidden("allow-to-run-as-root") // it exists
}

// client returns a client for the service that is meant.
func (f *operatorFlags) client(a *app) (*master.Client, error) {
	path := f.control
	if path == "" {
		var err error
		if path, err = f.controlPath(a); err != nil {
			return nil, err
		}
	}
	return master.NewClient(path), nil
}

// controlPath is the control socket of the configuration. A service goes on
// while its configuration is broken, so that must not stand in the way; one
// that cannot be read at all says nothing of a socket.
func (f *operatorFlags) controlPath(a *app) (string, error) {
	path := f.path
	if path == "" {
		path = a.defaultConfig(f.prefix, f.php || a.php())
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			a.hint = fmt.Sprintf("there is no %s either, name the service's configuration with -y", path)
			return config.DefaultControl(), nil
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return "", &exit{code: exitUnavailable, err: fmt.Errorf("cannot find the service's control socket: %w; name it with --control", err)}
	}
	_ = file.Close()
	opt := f.options(a)
	opt.AllowRoot = true
	opt.System.CreateLog = func(string) error { return nil }
	if cfg, _, err := config.Load(path, opt); err == nil {
		return cfg.Global.ControlListen, nil
	}
	return scan(path).controlPath(f.prefix), nil
}

// completionPatience is how long the shell may be kept waiting.
const completionPatience = time.Second

// pools completes the name of one of the service's pools.
func (f *operatorFlags) pools(a *app) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		client, err := f.client(a)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.Background(), completionPatience)
		defer cancel()
		service, err := client.Status(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for i := range service.Pools {
			names = append(names, service.Pools[i].Pool)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
