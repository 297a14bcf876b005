package config

import (
	"os"
	"path/filepath"
	"testing"
)

// write puts a configuration into a temporary file.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pool.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unprivileged are options under which no file is created and no user needed.
func unprivileged() Options {
	return Options{System: System{CreateLog: func(string) error { return nil }}}
}

func TestLoadPlainFile(t *testing.T) {
	c, notices, err := Load(write(t, `
[global]
pid = /run/fpm.pid
[www] ; a comment
listen = 127.0.0.1:9000
pm = static
pm.max_children = 3
env[GREETING] = "good day"
`), unprivileged())
	if err != nil {
		t.Fatal(err)
	}
	if len(notices) != 0 {
		t.Errorf("notices: %v", notices)
	}
	if c.Global.PID != "/run/fpm.pid" || c.Global.ControlListen != "/run/fpm.ctl" || c.Global.ProcessControlTimeout != -1 {
		t.Errorf("global: %+v", c.Global)
	}
	if len(c.Pools) != 1 {
		t.Fatalf("%d pools", len(c.Pools))
	}
	p := c.Pools[0]
	if p.Name != "www" || p.Line != 4 || p.PM != Static || p.MaxChildren != 3 || p.Runner != RunnerCGI || p.QueueMaxLength != 511 {
		t.Errorf("pool: %+v", p)
	}
	if len(p.Env) != 1 || p.Env[0] != (KeyValue{"GREETING", "good day"}) {
		t.Errorf("env: %v", p.Env)
	}
}
