package main

import (
	"os/exec"
	"strconv"
	"strings"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// forkLoops is what there is to reach with isolation = fork on this machine: a
// parent that does nothing but fork, run the script's work and reap, on one
// core, without a request, a response or a web server. A zygote is like the cold
// one: it has the modules loaded and the script compiled, but has not run it.
func forkLoops(t harness.T, _ options) []figure {
	const forks = 2000
	box := harness.NewSandbox(t, identity())
	var figures []figure
	for _, l := range []struct{ what, program, file, source string }{
		{"python", "/usr/bin/python3", "forkloop.py", forkloopPy},
		{"perl", "/usr/bin/perl", "forkloop.pl", forkloopPl},
	} {
		for _, cold := range [][]string{nil, {"cold"}} {
			args := append([]string{box.File(l.file, l.source), strconv.Itoa(forks)}, cold...)
			out, err := exec.Command(program(t, l.program), args...).CombinedOutput()
			if err != nil {
				t.Fatalf("cannot run %s: %v\n%s", l.file, err, out)
			}
			rate, err := strconv.Atoi(strings.TrimSpace(string(out)))
			if err != nil {
				t.Fatalf("%s says %q: %v", l.file, out, err)
			}
			what := strings.Join(append([]string{l.what + " forks, runs and reaps"}, cold...), ", ")
			figures = append(figures, figure{what, float64(rate), 0, "a second"})
		}
	}
	return figures
}
