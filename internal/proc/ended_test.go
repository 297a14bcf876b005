package proc

import (
	"os/exec"
	"syscall"
	"testing"
)

func TestEnded(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(t *testing.T) *exec.Cmd
		want uint8
	}{
		{"exit code", func(t *testing.T) *exec.Cmd { return child(t, "exit", "7") }, 7},
		{"success", func(t *testing.T) *exec.Cmd { return child(t, "exit", "0") }, 0},
		{"signal", func(t *testing.T) *exec.Cmd {
			cmd := child(t, "block")
			if code, ok := Ended(cmd.Process.Pid); ok {
				t.Errorf("ended with %d while it lives", code)
			}
			if Ending(cmd.Process.Pid) || Ending(0) {
				t.Error("a living process is taken for one that ends")
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			return cmd
		}, 143},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := tt.end(t)
			var code uint8
			eventually(t, func() (ok bool) { code, ok = Ended(cmd.Process.Pid); return ok })
			if code != tt.want {
				t.Errorf("code %d, want %d", code, tt.want)
			}
			if !Ending(cmd.Process.Pid) {
				t.Error("a zombie is not taken for one that ends")
			}
			_ = cmd.Wait() // it can still be waited for
			status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if got := (Exit{Status: status}).Code(); got != tt.want {
				t.Errorf("waited for, code %d, want %d", got, tt.want)
			}
			if code, ok := Ended(cmd.Process.Pid); ok {
				t.Errorf("ended with %d after it was waited for", code)
			}
		})
	}
}

// child starts a helper that no Reaper knows.
func child(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = helper(name).Env
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close() })
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}
