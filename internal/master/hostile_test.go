package master

import (
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/status"
)

// lingering returns a socket that takes for ever to close: it lingers, and
// nobody reads what it has sent.
func lingering(t *testing.T) (fd int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	c, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() // a duplicate is left
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	file, err := c.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err = unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = unix.Write(fd, make([]byte, 1<<16))
	}
	const hour = 3600
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: hour}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// sendLingering sends a message with such a socket, of which it keeps none.
func sendLingering(t *testing.T, mouth *control.Conn, m control.Message) {
	t.Helper()
	fd := lingering(t)
	err := mouth.Send(m, fd)
	_ = unix.Close(fd)
	if err != nil {
		t.Fatal(err)
	}
}

// A supervisor that a script has taken over sends a socket that takes for ever
// to close. Whether the master reads it or not, it goes on.
func TestDescriptorThatTakesForEverToClose(t *testing.T) {
	s := newService(t, "www").start()
	old, mouth := s.predecessor("www")
	s.on(func() {
		old.handing = false
		old.listen()
	})
	sendLingering(t, mouth, &control.Usage{})
	sendLingering(t, mouth, &control.Connections{List: []control.Connection{{}}})
	if err := mouth.Send(&control.Failed{Reason: "the last word"}); err != nil {
		t.Fatal(err)
	}
	s.eventually("the last word", func() (heard bool) {
		s.on(func() { heard = old.failure == "the last word" })
		return heard
	})

	unread, mouth := s.predecessor("www")
	sendLingering(t, mouth, &control.Usage{})
	s.on(func() { unread.gone(nil) })
	s.on(func() { old.gone(nil) })
	s.expectGeneration("www", 1)
}

// A supervisor that tells of more workers than there can be is not believed.
func TestSnapshotWithTooManyWorkers(t *testing.T) {
	tests := map[string]struct {
		text string
		want int // workers, or -1 if it is refused
	}{
		"none":          {`{"processes":null}`, 0},
		"empty":         {`{"processes":[]}`, 0},
		"two":           {`{"processes":[{"pid":1},{"pid":2}]}`, 2},
		"three":         {`{"processes":[{},{},{}]}`, -1},
		"in two arrays": {`{"processes":[{},{}],"Processes":[{}]}`, -1},
		"no array":      {`{"processes":{"pid":1}}`, -1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := readSnapshot([]byte(tt.text), 2)
			if tt.want < 0 && err == nil {
				t.Errorf("read %d workers", len(s.Processes))
			}
			if tt.want >= 0 && (err != nil || len(s.Processes) != tt.want) {
				t.Errorf("read %+v, %v", s, err)
			}
		})
	}
}

// Whoever can connect to the metrics cannot take all descriptors of the master,
// and is served again when there is room.
func TestTooManyScrapers(t *testing.T) {
	s := newService(t, "www")
	s.cfg.Global.MetricsListen = s.path("metrics")
	s.start()
	// connect tells whether a request on a new connection is answered.
	connect := func() (*conn, bool) {
		t.Helper()
		c := s.dial("metrics")
		_, err := c.ask("GET /none HTTP/1.1\r\nHost: x\r\n\r")
		return c, err == nil
	}
	var last *conn
	for n := range maxConnections {
		c, answered := connect()
		if !answered {
			t.Fatalf("no answer on connection %d", n)
		}
		last = c
	}
	if _, answered := connect(); answered {
		t.Errorf("connection %d is answered", maxConnections)
	}
	last.Close()
	s.eventually("room for another", func() bool {
		_, answered := connect()
		return answered
	})
}

// deadlines notes those of a connection.
type deadlines struct {
	http.ResponseWriter
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = t; return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = t; return nil }

// A scraper that does not send its body, or does not read the page, goes.
func TestScrapeDeadlines(t *testing.T) {
	var got deadlines
	before := time.Now()
	inTime(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = *w.(*deadlines) })).ServeHTTP(&deadlines{}, nil)
	for _, end := range []time.Time{got.read, got.write} {
		if end.Before(before.Add(scrapeTimeout)) || end.After(time.Now().Add(scrapeTimeout)) {
			t.Errorf("deadlines %v and %v", got.read, got.write)
		}
	}
}

// What a pool says of itself gives no commands to the terminal on which an
// operator reads it.
func TestPoolHasNoCommandsForTerminals(t *testing.T) {
	s := newService(t, "www").start()
	const reason = "Exception: \x1b]0;title\a\u009b31m"
	const want = `Exception: \x1b]0;title\x07\xc2\x9b31m`
	s.on(func() {
		p := s.master.pools["www"]
		told := p.snapshot(&status.Snapshot{Failed: true, FailureReason: reason, ProcessManager: reason, Runner: reason})
		if told.FailureReason != want || told.ProcessManager != string(p.cfg.PM) || told.Runner != string(p.cfg.Runner) {
			t.Errorf("its status is %+v", told)
		}
		p.current.handle(&control.Failed{Reason: reason})
		if p.failure != want {
			t.Errorf("it fails because of %q", p.failure)
		}
	})
}

// However many ask for the status at once, supervisors are asked once, and once
// more for those who have asked meanwhile.
func TestManyAskForTheStatus(t *testing.T) {
	s := newService(t, "www", "silent")
	behave(s.cfg.Pools[1], fakeSilent)
	s.run()
	s.expectLog("fpm is running")
	s.eventually("the first pool", func() bool { return s.state("www") == poolServing })
	const many = 2 * queueLength
	answered, asked := 0, uint64(0)
	s.on(func() {
		before := s.master.snapshots.lastID
		for range many {
			s.master.snapshots.ask(func(service status.Service) {
				if len(service.Pools) == 2 {
					answered++
				}
			})
		}
		asked = s.master.snapshots.lastID - before
	})
	if asked != 1 {
		t.Errorf("asked %d times at once", asked)
	}
	for _, want := range []int{1, many} {
		s.pass(s.master.bounds.snapshot)
		s.eventually("answers", func() (enough bool) {
			s.on(func() { enough = answered == want })
			return enough
		})
	}
}
