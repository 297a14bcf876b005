package proc

import (
	"os/exec"
	"syscall"
	"testing"
)

func TestEnding(t *testing.T) {
	cmd := exec.Command("/proc/self/exe") // no Reaper knows it
	cmd.Env = helper("block").Env
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if Ending(cmd.Process.Pid) || Ending(0) {
		t.Error("a living process is taken for one that ends")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return Ending(cmd.Process.Pid) }) // a zombie is one too
	_ = cmd.Wait()
	if Ending(cmd.Process.Pid) {
		t.Error("a process that was waited for is taken for one that ends")
	}
}
