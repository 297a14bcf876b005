package main

import (
	"os"

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
func (f *operatorFlags) client(a *app) *master.Client {
	path := f.control
	if path == "" {
		path = f.controlPath(a)
	}
	return master.NewClient(path)
}

// controlPath is the control socket of the configuration. A service goes on
// while its configuration is broken, so that must not stand in the way.
func (f *operatorFlags) controlPath(a *app) string {
	path := f.path
	if path == "" {
		path = a.defaultConfig(f.prefix, f.php || a.php())
		if _, err := os.Stat(path); err != nil {
			return config.DefaultControl()
		}
	}
	opt := f.options(a)
	opt.AllowRoot = true
	opt.System.CreateLog = func(string) error { return nil }
	if cfg, _, err := config.Load(path, opt); err == nil {
		return cfg.Global.ControlListen
	}
	return scan(path).controlPath(f.prefix)
}
