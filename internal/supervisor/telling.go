package supervisor

import (
	"syscall"

	"github.com/anyfpm/anyfpm/internal/control"
)

// A batch of connections, and what to post to the loop when they are sent.
type batch struct {
	message control.Connections
	fds     []int
	done    func()
}

// send sends what the loop has to say; it may have to wait for the master.
func (s *session) send() {
	for {
		var err error
		select {
		case m, more := <-s.out:
			if !more {
				return
			}
			err = s.master.Send(m)
		case b := <-s.batches:
			err = s.master.Send(&b.message, b.fds...)
			closeAll(b.fds) // the other generation has its own
			s.loop.Post(b.done)
		}
		if err != nil {
			for range s.out { // the master is gone; receive knows
			}
			return
		}
	}
}

// tell queues a message without waiting. The queue is longer than a master
// that reads at all lets it become.
func (s *session) tell(m control.Message) {
	select {
	case s.out <- m:
	default:
		s.log.Warn("the master does not read, a message to it is lost")
	}
}

// Ready implements Events.
func (s *session) Ready() { s.tell(&control.Ready{}) }

// Failed implements Events.
func (s *session) Failed(reason string) { s.tell(&control.Failed{Reason: reason}) }

// Quiet implements Events.
func (s *session) Quiet() { s.tell(&control.Quiet{}) }

// Crashed implements Events.
func (s *session) Crashed(pid int, sig syscall.Signal) {
	s.tell(&control.WorkerExited{PID: pid, Signal: int(sig)})
}

// Usage implements Events.
func (s *session) Usage(workers, wanted int) {
	s.tell(&control.Usage{Workers: workers, Wanted: wanted})
}

// Status implements Events.
func (s *session) Status(id uint64, status []byte) {
	s.tell(&control.Snapshot{ID: id, Status: status})
}

// HandOver implements Events. The Supervisor waits for done before the next.
func (s *session) HandOver(list []control.Connection, fds []int, done func()) {
	s.batches <- batch{message: control.Connections{List: list}, fds: fds, done: done}
}
