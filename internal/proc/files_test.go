package proc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// helpFiles starts two shells that tell their limits of open files, each in one
// of the two ways to start.
func helpFiles() {
	reaper := NewReaper(nil)
	starter := NewStarter(reaper)
	go func() { _ = starter.Run(context.Background()) }()
	go func() { _ = reaper.Run(context.Background()) }()
	for range 2 {
		ended := make(chan Exit)
		spec := Spec{Path: "/bin/sh", Args: []string{"sh", "-c", "ulimit -S -n; ulimit -H -n"}, Files: []int{0, 1, 2}}
		if _, err := starter.Start(spec, func(e Exit) { ended <- e }); err != nil {
			fmt.Println(err)
			return
		}
		<-ended
		starter.files.born = nil
	}
}

// Programs are started with the limit of open files that this one was started
// with, not with the one that its runtime has given itself.
func TestFilesLimitAtBirth(t *testing.T) {
	for limits, want := range map[string]string{
		"ulimit -S -n 100; ulimit -H -n 300": "100\n300\n100\n300\n",
		"ulimit -n 200":                      "200\n200\n200\n200\n",
	} {
		cmd := exec.Command("/bin/sh", "-c", limits+`; exec "$0"`, os.Args[0])
		cmd.Env = helper("files").Env
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimPrefix(out.String(), "\n"); got != want {
			t.Errorf("%s: programs have %q, want %q", limits, got, want)
		}
	}
}
