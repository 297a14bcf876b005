package supervisor

import "golang.org/x/sys/unix"

const (
	// ownFiles is how many descriptors a supervisor has beside those of its
	// clients and workers: logs, sockets, epoll, what a start takes for a moment.
	ownFiles = 24
	// workerFiles is how many a worker takes beside its connections: two pipes
	// and a pidfd.
	workerFiles = 3
)

// findSpareFiles returns how many descriptors the limit of open files leaves
// for connections and bodies. What the workers need is kept for them: a
// connection that is not accepted waits, but a request whose worker cannot be
// started is lost. More than half is not kept: pm.max_children may be high
// without need.
func (s *Supervisor) findSpareFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1
	}
	workers := s.cfg.MaxChildren + 1 // the one that replaces another
	if s.traits.Once {
		workers += s.cfg.MaxChildren // those that are ending
	}
	files := int(min(limit.Cur, 1<<20)) - ownFiles
	return max(1, files/2, files-workers*(workerFiles+max(1, s.cfg.RunnerConcurrency)))
}

// spare says whether there is a descriptor for one more connection or body.
func (s *Supervisor) spare() bool { return len(s.conns)+s.spooled < s.spareFiles }

// spared has the doors look again that wait for a descriptor, now that there is
// one.
func (s *Supervisor) spared() {
	if !s.starving || !s.spare() {
		return
	}
	s.starving = false
	for _, d := range s.doors {
		d.resume()
	}
}
