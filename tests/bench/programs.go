package main

import (
	_ "embed"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// The programs under load, each the least that shows what is compared.
var (
	//go:embed programs/hello.c
	helloC string
	//go:embed programs/hello.sh
	helloSh string
	//go:embed programs/hello.pl
	helloPl string
	//go:embed programs/hello.php
	helloPHP string
	//go:embed programs/libfcgi.c
	libfcgiC string
	//go:embed programs/resident.c
	residentC string
	//go:embed programs/imports.py
	importsPy string
	//go:embed programs/modules.pl
	modulesPl string
	//go:embed programs/app.py
	appPy string
	//go:embed programs/forkloop.py
	forkloopPy string
	//go:embed programs/forkloop.pl
	forkloopPl string
)

// A script is a program of one file and what makes it.
type script struct {
	name, source string
	flags        []string // of the C compiler; nil for a script
}

var (
	cHello    = script{"hello.cgi", helloC, []string{"-static"}}
	shHello   = script{"hello.sh", helloSh, nil}
	perlHello = script{"hello.pl", helloPl, nil}
	phpHello  = script{"hello.php", helloPHP, nil}
	imports   = script{"imports.py", importsPy, nil}
	modules   = script{"modules.pl", modulesPl, nil}
)

// install puts a script into a document root and returns its URL's path.
func (s script) install(box *harness.Sandbox) string {
	if s.flags != nil {
		box.Program(s.name, s.source, s.flags...)
	} else {
		box.Script(s.name, s.source)
	}
	return "/" + s.name
}
