// Package runtime holds the programs that run inside a worker: resident
// interpreters that speak the protocol of docs/worker-protocol.md.
//
// A program is handed to its interpreter on standard input ("python3 -"),
// which needs no file, no /proc and no /dev in a chroot. It consists of a few
// small files, put together here such that error messages and stack traces
// name the one they come from, as anyfpm/script.py.
package runtime

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed python perl ruby
var files embed.FS

// A Program is a worker program.
type Program struct {
	// Interpreter is the command that runs it where the pool names none.
	Interpreter string
	// Text is what the interpreter reads on standard input. It is shorter
	// than a pipe is long (64 KiB).
	Text []byte
}

// Args returns the arguments of the interpreter: that it shall read its
// program from standard input, and a title for ps to show.
func (p *Program) Args(title string) []string { return []string{"-", title} }

// Load returns the program of a kind of worker: python, perl and ruby run CGI
// scripts, wsgi a WSGI application.
func Load(kind string) (*Program, error) {
	switch kind {
	case "python":
		return python().load("anyfpm", "wire", "linux", "pages", "zygote", "worker",
			"report", "modules", "patterns", "cache", "environment", "program", "once", "stdio", "state", "exits", "persistent", "script")
	case "wsgi":
		return python().load("anyfpm", "wire", "linux", "pages", "zygote", "worker",
			"report", "application", "filewrapper", "response", "wsgi")
	case "perl":
		return perl().load("linux", "wire", "zygote", "stdio", "messages", "state", "package", "carp", "libraries", "script", "worker")
	case "ruby":
		return ruby().load("wire", "linux", "zygote", "stdio", "state", "script", "leavings", "worker", "main")
	}
	return nil, fmt.Errorf("there is no worker program for %q", kind)
}

// A language says how files become a program.
type language struct {
	interpreter string
	dir, ext    string
	// wrap returns the source of a file as a part of the program.
	wrap func(name, source string) string
}

// python makes each file the module anyfpm.name.
func python() language {
	return language{"python3", "python", ".py", func(name, source string) string {
		if name != "anyfpm" {
			name = "anyfpm." + name
		}
		return fmt.Sprintf("load(%s, %s)\n", quote(name), quote(source))
	}}
}

// perl gives each file a scope of its own for its pragmas and lexicals.
func perl() language {
	return language{"perl", "perl", ".pl", func(name, source string) string {
		return fmt.Sprintf("{\n#line 1 \"anyfpm/%s.pl\"\n%s\n}\n", name, source)
	}}
}

// ruby evaluates each file at the top level, as require does.
func ruby() language {
	return language{"ruby", "ruby", ".rb", func(name, source string) string {
		return fmt.Sprintf("eval(%s, TOPLEVEL_BINDING, %s)\n", quote(source), quote("anyfpm/"+name+".rb"))
	}}
}

// load puts the named files together after boot, each after those that it
// uses. The last one does not return.
func (l language) load(names ...string) (*Program, error) {
	text, err := l.read("boot")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		source, err := l.read(name)
		if err != nil {
			return nil, err
		}
		text += "\n" + l.wrap(name, source)
	}
	return &Program{Interpreter: l.interpreter, Text: []byte(text)}, nil
}

func (l language) read(name string) (string, error) {
	source, err := files.ReadFile(l.dir + "/" + name + l.ext)
	if err != nil {
		return "", fmt.Errorf("cannot put the %s worker together: %w", l.dir, err)
	}
	return string(source), nil
}

// quote returns s as a string literal of Python and Ruby.
func quote(s string) string {
	literal, err := json.Marshal(s)
	if err != nil {
		return `""` // Marshal takes any string
	}
	return strings.ReplaceAll(string(literal), "#", `\u0023`) // "#{…}" is code in Ruby
}
