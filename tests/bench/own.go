package main

import (
	"fmt"
	"strings"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// anyfpm starts a pool of static workers with further directives; WWW in them
// stands for the document root.
func anyfpm(t harness.T, o options, lines ...string) *harness.Daemon {
	return harness.Start(t, harness.Service{
		Binary: o.binary,
		Conf:   fmt.Sprintf("[www]\npm = static\npm.max_children = %d\npm.status_path = /status\nping.path = /ping\n%s\n", o.workers, strings.Join(lines, "\n")),
		As:     identity(),
	})
}

// ownScript runs a script with one of anyfpm's runners.
func ownScript(s script, keepAlive bool, lines ...string) contender {
	return contender{name: "anyfpm" + kept(keepAlive), keepAlive: keepAlive, start: func(t harness.T, o options) upstream {
		d := anyfpm(t, o, lines...)
		return upstream{address: d.Address(), root: d.WWW, path: s.install(d.Sandbox), pid: d.Supervisor("www")}
	}}
}

// ownProgram keeps a FastCGI program with runner = fastcgi.
func ownProgram(name, source string, keepAlive bool, flags ...string) contender {
	return contender{name: "anyfpm" + kept(keepAlive), keepAlive: keepAlive, start: func(t harness.T, o options) upstream {
		box := harness.NewSandbox(t, identity())
		d := anyfpm(t, o, "runner = fastcgi", "runner.command = "+box.Program(name, source, flags...))
		return upstream{address: d.Address(), root: d.WWW, path: "/", pid: d.Supervisor("www")}
	}}
}

// ownWSGI keeps the WSGI application with runner = wsgi.
func ownWSGI() contender {
	return contender{name: "anyfpm, kept", keepAlive: true, start: func(t harness.T, o options) upstream {
		box := harness.NewSandbox(t, identity())
		box.File("app.py", appPy)
		d := anyfpm(t, o, "runner = wsgi", "runner.application = app:application", "runner.path[] = "+box.WWW)
		return upstream{address: d.Address(), root: d.WWW, path: "/", pid: d.Supervisor("www")}
	}}
}
