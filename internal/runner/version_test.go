package runner

import (
	"errors"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/config"
)

func TestCheckVersion(t *testing.T) {
	says := func(text string) Asker { return func(Plan) ([]byte, error) { return []byte(text), nil } }
	tests := []struct {
		name    string
		kind    config.RunnerKind
		command string
		ask     Asker
		want    string // part of the error; empty for none
	}{
		{"old python", config.RunnerPython, "/usr/bin/python3", says("anyfpm version 3.7\n"), "/usr/bin/python3 is python 3.7, and runner = python needs 3.8 or newer; install the package python3 or set runner.command"},
		{"python 2", config.RunnerWSGI, "/usr/bin/python3", says("anyfpm version 2.7\n"), "runner = wsgi needs 3.8"},
		{"oldest python", config.RunnerPython, "/usr/bin/python3", says("anyfpm version 3.8\n"), ""},
		{"a warning before", config.RunnerPython, "/usr/bin/python3", says("odd\nanyfpm version 3.6\n"), "3.6"},
		{"old perl", config.RunnerPerl, "perl", says("anyfpm version 5.8.8\n"), "perl 5.8, and runner = perl needs 5.26"},
		{"perl 7", config.RunnerPerl, "perl", says("anyfpm version 7.0.0\n"), ""},
		{"old ruby", config.RunnerRuby, "ruby", says("anyfpm version 2.6.10\n"), "ruby 2.6, and runner = ruby needs 2.7"},
		{"ruby", config.RunnerRuby, "ruby", says("anyfpm version 3.1.2\n"), ""},
		{"no version", config.RunnerPython, "/usr/bin/python3", says("usage: …\n"), ""},
		{"no answer", config.RunnerPython, "/usr/bin/python3", func(Plan) ([]byte, error) { return nil, errors.New("it hangs") }, ""},
		{"another program", config.RunnerPython, "/bin/sh", says("anyfpm version 3.7\n"), ""},
		{"php", config.RunnerPHP, "php-cgi", says("anyfpm version 3.7\n"), ""},
		{"missing", config.RunnerRuby, "/no/such/ruby", says(""), "install the package ruby"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckVersion(&config.Pool{Runner: tt.kind, RunnerCommand: []string{tt.command}}, tt.ask)
			switch {
			case err == nil && tt.want != "":
				t.Errorf("no error, want %q", tt.want)
			case err != nil && (tt.want == "" || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
