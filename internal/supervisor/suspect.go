package supervisor

import (
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/loop"
)

// suspectPatience is how long the stdout of a script that has exited must have
// a writer for the log to say that the script has left one behind. A process
// that is just being started has it, too, as it has a copy of each descriptor
// until its program executes.
const suspectPatience = 100 * time.Millisecond

// suspect has the log say, once that is sure, that a process which the script
// started holds its stdout. Nobody reads it any more.
func (s *Supervisor) suspect(p *script) {
	fd, name, pid := p.stdout.release(), p.name, p.pid
	if !hasWriter(fd) {
		loop.Close(fd)
		return
	}
	s.suspects[fd] = struct{}{}
	s.loop.Set(loop.NewTimer(func() {
		if hasWriter(fd) {
			s.log.Info("script has exited but a process it started holds its stdout, the response ended without it",
				slog.String("script", name), slog.Int("pid", pid))
		}
		delete(s.suspects, fd)
		loop.Close(fd)
	}), s.loop.Now()+s.suspicion)
}

// hasWriter tells whether a process can write to the pipe.
func hasWriter(fd int) bool {
	list := []unix.PollFd{{Fd: int32(fd)}}
	n, err := unix.Poll(list, 0)
	return err == nil && n == 0
}
