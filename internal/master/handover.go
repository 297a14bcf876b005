package master

import (
	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/control"
)

// passed are idle connections on their way from a supervisor that drains to
// the current one of its pool. The master sees their descriptors, never a byte
// of them.
type passed struct {
	list []control.Connection
	fds  []int
	done func() // the sender may go on
}

// passOn takes connections from a supervisor. They wait while the pool has
// nobody to take them, and the sender with them.
func (p *pool) passOn(from *supervisor, c passed) {
	if !from.handing {
		closeAll(c.fds)
		c.done()
		return
	}
	p.passing = append(p.passing, c)
	p.passAll()
}

// passAll hands connections to the current supervisor as soon as that serves,
// and closes them if the pool goes away.
func (p *pool) passAll() {
	to := p.current
	switch {
	case p.state == poolClosing:
		for _, c := range p.passing {
			closeAll(c.fds)
			c.done()
		}
	case to != nil && to.state == supervisorReady:
		for _, c := range p.passing {
			to.send(outgoing{message: func([]string, []int) (control.Message, []int) {
				return &control.Connections{List: c.list}, c.fds
			}, sent: func() {
				closeAll(c.fds)
				c.done()
			}})
		}
	default:
		return
	}
	p.passing = nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd) // another process has its own, or nobody wants it
	}
}
