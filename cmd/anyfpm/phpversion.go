package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/phpini"
	"github.com/anyfpm/anyfpm/internal/proc"
)

// maxPHPVersion is far more than php-cgi says of itself.
const maxPHPVersion = 64 << 10

// printPHPVersion prints the version of the PHP that php-cgi is: scripts read
// it off php-fpm's first line.
func (a *app) printPHPVersion(f *serviceFlags) error {
	home := f.phpHome(a)
	program, err := a.findProgram(home.program)
	if err != nil {
		return a.printVersion(true)
	}
	text, err := output(program, append(f.phpArguments(home.arguments(a.environ)), "-v"), phpini.Standalone(home.environ(a.environ)))
	if err != nil || text == "" {
		return a.printVersion(true)
	}
	_, err = io.WriteString(a.stdout, strings.Replace(text, "(cgi-fcgi)", "(fpm-fcgi)", 1))
	return err
}

// output runs a program and returns what it prints.
func output(program string, args, environ []string) (string, error) {
	out, childOut, err := os.Pipe()
	if err != nil {
		return "", fmt.Errorf("cannot run %s: %w", program, err)
	}
	defer out.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		_ = childOut.Close()
		return "", fmt.Errorf("cannot run %s: %w", program, err)
	}
	defer null.Close()
	reaper := proc.NewReaper(nil)
	starter := proc.NewStarter(reaper)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _ = reaper.Run(ctx) }()
	go func() { _ = starter.Run(ctx) }()
	_, err = starter.Start(proc.Spec{
		Path: program, Args: append([]string{program}, args...), Env: environ,
		Files: []int{int(null.Fd()), int(childOut.Fd()), unix.Stderr},
	}, func(proc.Exit) {})
	_ = childOut.Close()
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(out, maxPHPVersion))
	return string(text), err
}
