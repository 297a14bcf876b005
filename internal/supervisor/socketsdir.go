package supervisor

import (
	"fmt"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/scratch"
)

// sockets is what a supervisor's directory is on disk.
var sockets = scratch.Kind{Prefix: "anyfpm-w-", Suffix: ".sock"} //nolint:gochecknoglobals // never changed

// socketsParent is where the directory of the workers' sockets is: with other
// temporary files, unless that makes a name longer than a socket's may be or is
// not there, as in a chroot.
func socketsParent() string {
	const longest = len(unix.RawSockaddrUnix{}.Path) - len("/anyfpm-w-4294967295/9999999999.sock\x00")
	if dir := os.TempDir(); len(dir) <= longest && unix.Access(dir, unix.F_OK) == nil {
		return dir
	}
	return "/tmp"
}

// socketsDir is the path of the directory of the workers' sockets. If somebody
// has removed it there is another: a pool must not end with what is in /tmp.
func (s *Supervisor) socketsDir() (string, error) {
	old := s.dir
	if old != nil && !old.Gone() {
		return old.Path, nil
	}
	dir, err := sockets.Make(socketsParent())
	if err != nil {
		return "", fmt.Errorf("cannot make a directory for the workers' sockets: %w", err)
	}
	s.dir = dir
	if old != nil {
		s.log.Warn("the directory of the workers' sockets was removed, there is another", slog.String("dir", dir.Path))
		old.Remove()
	}
	return dir.Path, nil
}
