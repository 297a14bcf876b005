package master

import (
	"github.com/anyfpm/anyfpm/internal/control"
)

// passed are idle connections on their way from a supervisor that drains to
// the current one of its pool. The master sees their descriptors, never a byte
// of them.
type passed struct {
	list []control.Connection
	fds  []int  // the sender's, until done
	done func() // the sender may go on
}

// passOn takes connections from a supervisor. They wait while the pool has
// nobody to take them, and the sender with them.
func (p *pool) passOn(from *supervisor, c passed) {
	if !from.handing {
		c.done()
		return
	}
	p.passing = append(p.passing, c)
	p.passAll()
}

// passAll hands connections to the current supervisor as soon as that serves,
// and gives them up if the pool goes away.
func (p *pool) passAll() {
	to := p.current
	switch {
	case p.state == poolClosing:
		for _, c := range p.passing {
			c.done()
		}
	case to != nil && to.state == supervisorReady:
		for _, c := range p.passing {
			to.send(outgoing{message: func([]string, []int) (control.Message, []int) {
				return &control.Connections{List: c.list}, c.fds
			}, sent: c.done})
		}
	default:
		return
	}
	p.passing = nil
}
