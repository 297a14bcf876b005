package master

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
)

// noProcess is a process ID that no process can have.
const noProcess = 1<<22 + 1

// predecessor gives a pool an old supervisor that hands its connections over,
// and returns it with its end of the connection to the master. Nobody reads
// yet what that says.
func (s *service) predecessor(name string) (old *supervisor, mouth *control.Conn) {
	s.t.Helper()
	conn, file, err := control.Pair()
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		s.t.Fatal(err)
	}
	if mouth, err = control.FromFD(fd); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { mouth.Close() })
	s.on(func() {
		p := s.master.pools[name]
		old = &supervisor{pool: p, cfg: p.cfg, state: supervisorDraining, handing: true}
		old.timer = loop.NewTimer(old.escalate)
		old.link = s.master.newLink(old, conn)
		old.pid = noProcess
		p.leave(old)
	})
	return old, mouth
}

// lastWords hands the connection of a client over and ends.
func lastWords(t *testing.T, mouth *control.Conn) (client *conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	client = connOf(t, fds[0])
	err = mouth.Send(&control.Connections{List: []control.Connection{{}}}, fds[1])
	_ = unix.Close(fds[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := mouth.Close(); err != nil {
		t.Fatal(err)
	}
	return client
}

func ended(s *supervisor) { s.exited(proc.Exit{PID: s.pid}) }

// What a supervisor has sent before its end counts, however early its end is
// noticed: in its last words are connections on which a request may wait.
func TestLastWordsOfASupervisor(t *testing.T) {
	for name, notice := range map[string]func(s *service, old *supervisor, mouth *control.Conn) *conn{
		"end noticed first": func(s *service, old *supervisor, mouth *control.Conn) *conn {
			client := lastWords(s.t, mouth)
			s.on(func() { ended(old) })
			return client
		},
		"end noticed while it is read": func(s *service, old *supervisor, mouth *control.Conn) *conn {
			client := lastWords(s.t, mouth)
			s.on(func() {
				old.listen()
				ended(old)
			})
			return client
		},
		"end noticed during a suspension": func(s *service, old *supervisor, mouth *control.Conn) *conn {
			rest := make(chan error, 1)
			s.on(func() {
				old.listen()
				// What is under way keeps the service from its rest.
				s.master.cleaning++
				s.master.suspend(func(err error) { rest <- err })
			})
			s.eventually("the pause", func() (paused bool) {
				s.on(func() { paused = !old.reading })
				return paused
			})
			client := lastWords(s.t, mouth)
			s.on(func() {
				ended(old)
				s.master.cleaning--
				s.master.checkSuspended()
				if old.state != supervisorGone && s.master.suspension.reaping != reapingOn {
					s.t.Error("the service rests before the supervisor is heard out")
				}
			})
			if err := receive(s.t, "the rest", rest); err != nil {
				s.t.Error(err)
			}
			s.on(func() {
				if old.state != supervisorGone {
					s.t.Errorf("the service rests with a supervisor that is %v", old.state)
				}
				s.master.goOn()
			})
			return client
		},
		"end noticed as it pauses": func(s *service, old *supervisor, mouth *control.Conn) *conn {
			client := lastWords(s.t, mouth)
			s.on(func() {
				s.master.suspension = &suspension{master: s.master}
				old.conn.Pause()
				old.reading = true
				old.read() // what it has to say of the pause comes after the end
				ended(old)
			})
			s.eventually("the end", func() (gone bool) {
				s.on(func() { gone = old.state == supervisorGone })
				return gone
			})
			s.on(func() { s.master.suspension = nil })
			return client
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, "www").start()
			old, mouth := s.predecessor("www")
			client := notice(s, old, mouth)
			if answer, err := client.ask("hello"); answer != "what?" || err != nil {
				t.Errorf("a connection that was handed over at the end: %q, %v", answer, err)
			}
			s.eventually("the end of the predecessor", func() (gone bool) {
				s.on(func() { gone = old.state == supervisorGone && len(old.pool.leaving) == 0 })
				return gone
			})
		})
	}
}

// Nobody waits for a connection for ever that another process holds open.
func TestSupervisorThatIsNeverHeardOut(t *testing.T) {
	s := newService(t, "www").start()
	old, _ := s.predecessor("www")
	s.on(func() {
		ended(old)
		if old.state == supervisorGone {
			t.Error("it was not heard out")
		}
	})
	s.pass(s.master.bounds.hearing)
	s.eventually("the end of the predecessor", func() (gone bool) {
		s.on(func() { gone = old.state == supervisorGone && len(old.pool.leaving) == 0 })
		return gone
	})
}
