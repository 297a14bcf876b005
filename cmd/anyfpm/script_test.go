package main

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this binary be anyfpm for the scripts, under names of php-fpm
// as well, and for the supervisors that those start.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "supervise" {
		main()
	}
	testscript.Main(m, map[string]func(){"anyfpm": main, "php-fpm": main, "php-fpm8.2": main})
}

// TestScripts runs the transcripts in testdata/script. UPDATE=1 rewrites the
// expected output in them.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Setenv("XDG_RUNTIME_DIR", env.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await},
	})
}

// await FILE TEXT waits until TEXT is in the file.
func await(ts *testscript.TestScript, neg bool, args []string) {
	const patience = time.Minute
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	path, end := ts.MkAbs(args[0]), time.After(patience)
	for {
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte(args[1])) {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-end:
			ts.Fatalf("%q is not in %s: %s, %v", args[1], args[0], content, err)
		}
	}
}
