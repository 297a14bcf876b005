package proc

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// A filesLimit is the limit of open files that programs are started with. The
// runtime of Go raises the soft limit of its own program and gives what it
// found there back to programs that the standard library starts; vforkExec has
// to do that itself.
type filesLimit struct {
	raised bool
	born   *unix.Rlimit // what the runtime found; nil if it is not known
}

// findFilesLimit asks the standard library, by starting a program. It must not
// be called while a [Reaper] runs.
func findFilesLimit() filesLimit {
	var now, born unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil || now.Cur+1 != now.Max {
		// The mark of the runtime is a soft limit one below the hard one.
		return filesLimit{}
	}
	pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{})
	if err != nil {
		return filesLimit{raised: true}
	}
	err = unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &born)
	_, _ = syscall.Wait4(pid, nil, 0, nil)
	if err != nil {
		return filesLimit{raised: true}
	}
	return filesLimit{raised: true, born: &born}
}
