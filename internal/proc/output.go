package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// Output runs a program to its end and returns what it wrote to its standard
// output, of which limit bytes are read. Its standard input is empty and its
// standard error thrown away; spec.Files is not used. It is killed, with its
// group, when it takes longer than patience, and that is an error; its exit
// status is none.
//
// It is for a process without a [Reaper], which would take away the child.
func Output(spec Spec, limit int64, patience time.Duration) ([]byte, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	out, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	spec.Files = []int{int(null.Fd()), int(end.Fd()), int(null.Fd())}
	spec.Setpgid = true
	c, err := spec.start(filesLimit{raised: true}, false)
	_ = end.Close()
	if err != nil {
		return nil, err
	}
	var text []byte
	if err = out.SetReadDeadline(time.Now().Add(patience)); err == nil {
		text, err = io.ReadAll(io.LimitReader(out, limit))
	}
	_ = KillLeader(c.pid, syscall.SIGKILL) // it is of no use any more, if it still runs
	var status syscall.WaitStatus
	for {
		if _, again := syscall.Wait4(c.pid, &status, 0, nil); !errors.Is(again, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("no answer from %s: %w", spec.Path, err)
	}
	return text, nil
}
