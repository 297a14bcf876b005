package supervisor

import (
	"log/slog"

	"github.com/anyfpm/anyfpm/internal/sockdiag"
)

// A backlog is what waits before the doors, and what waited longest so far.
type backlog struct {
	used, limit int
	overflows   uint64 // connections dropped since the doors are ours
}

// A doorBacklog is a door's part of it.
type doorBacklog struct {
	socket    sockdiag.Socket
	known     bool   // the kernel answers
	last      uint32 // the kernel's count of overflows when it was last read
	overflows uint64
}

// openDiag opens the connection over which the kernel tells of backlogs.
// Without it, as in a sandbox without netlink, those of unix sockets are shown
// as empty.
func (s *Supervisor) openDiag() {
	diag, err := sockdiag.Open()
	if err != nil {
		s.log.Warn("the backlog of the listening socket cannot be shown", slog.Any("err", err))
		return
	}
	s.diag = diag
}

// watchBacklog begins to watch the backlog of a door.
func (d *door) watchBacklog() {
	if d.s.diag == nil {
		return
	}
	socket, err := d.s.diag.Socket(d.fd)
	if err == nil {
		_, err = socket.Backlog()
	}
	if err == nil {
		d.backlog.last, err = socket.Overflows()
	}
	if err != nil {
		d.s.log.Warn("the backlog of the listening socket cannot be shown",
			slog.String("listen", d.address), slog.Any("err", err))
		return
	}
	d.backlog.socket, d.backlog.known = socket, true
}

// readBacklog asks the kernel how many connections wait for accept at the
// pool's doors. That of pm.status_listen is not counted.
func (s *Supervisor) readBacklog() (total backlog) {
	for _, d := range s.doors {
		b := &d.backlog
		if !b.known || d.status {
			continue
		}
		if d.fd >= 0 {
			if now, err := b.socket.Backlog(); err == nil {
				total.used += now.Used
				total.limit += now.Limit
			}
			if n, err := b.socket.Overflows(); err == nil {
				b.overflows += uint64(n - b.last) // it wraps
				b.last = n
			}
		}
		total.overflows += b.overflows
	}
	return total
}

// listenQueue returns what php-fpm calls the listen queue, here our queue and
// the kernel's, and the longest it is known to have been.
func (s *Supervisor) listenQueue(queue, maxQueue int) (now, highest int, b backlog) {
	b = s.readBacklog()
	now = queue + b.used
	s.maxListenQueue = max(s.maxListenQueue, now, maxQueue)
	return now, s.maxListenQueue, b
}
