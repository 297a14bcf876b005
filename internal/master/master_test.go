package master

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestLifeOfAService(t *testing.T) {
	s := newService(t, "www", "api")
	readied := make(chan struct{})
	s.start(func(o *Options) { o.Ready = func() { close(readied) } })
	receive(t, "the call of Ready", readied)
	if pid, err := os.ReadFile(s.path("pid")); err != nil || string(pid) != strconv.Itoa(os.Getpid()) {
		t.Errorf("pid file has %q, %v", pid, err)
	}
	for _, pool := range []string{"www", "api"} {
		if generation, _ := s.who(pool); generation != 1 {
			t.Errorf("pool %s is of generation %d", pool, generation)
		}
	}
	if got, want := s.ask("www", "fds"), "listen:"+s.path("www")+" error_log"; got != want {
		t.Errorf("the supervisor got the descriptors %q, want %q", got, want)
	}
	s.signal(syscall.SIGTERM)
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pid", "www", "api", "control"} {
		if _, err := os.Lstat(s.path(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
	lines := []string{"NOTICE: pid %d, announceRunning(), line", "ready to handle connections", "Terminating ...", "exiting, bye-bye!"}
	at := 0
	for _, line := range lines {
		line = strings.ReplaceAll(line, "%d", strconv.Itoa(os.Getpid()))
		i := strings.Index(s.log()[at:], line)
		if i < 0 {
			t.Fatalf("%q is missing in the log, or not where it belongs:\n%s", line, s.log())
		}
		at += i
	}
}

func TestNothingLeaks(t *testing.T) {
	run := func() {
		s := newService(t, "www")
		s.start()
		s.who("www")
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
	run() // what the runtime opens at first use
	before := openFDs(t)
	run()
	if !happens(func() bool { return openFDs(t) <= before+1 }) { // the saved standard error
		t.Errorf("%d descriptors open after, %d before", openFDs(t), before)
	}
}

func TestQuitWaitsForRequests(t *testing.T) {
	s := newService(t, "www").start()
	c := s.dial("www")
	if _, err := c.ask("who"); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGQUIT)
	s.expectLog("Finishing ...")
	s.eventually("the end of accepting", func() bool { return s.state("www") == poolClosing })
	if _, err := dial(s.path("www")); err == nil {
		t.Error("a new connection is accepted")
	}
	if answer, err := c.ask("wait 50ms"); err != nil || answer != "waited" {
		t.Errorf("a request during the end: %q, %v", answer, err)
	}
	c.Close()
	if err := s.wait(); err != nil {
		t.Error(err)
	}
}

func TestQuitEscalates(t *testing.T) {
	s := newService(t, "www")
	s.cfg.Global.ProcessControlTimeout = 50 * time.Millisecond
	s.start()
	c := s.dial("www")
	if _, err := c.ask("who"); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGQUIT)
	if err := s.wait(); err != nil { // although the connection is open
		t.Error(err)
	}
}

func TestTermOverridesQuit(t *testing.T) {
	s := newService(t, "www").start()
	c := s.dial("www")
	if _, err := c.ask("who"); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGQUIT)
	s.expectLog("Finishing ...")
	s.signal(syscall.SIGQUIT)
	s.expectLog("not switching to 'finishing' state, because already in 'finishing' state")
	s.signal(syscall.SIGUSR2)
	s.expectLog("not switching to 'reloading' state, because already in 'finishing' state")
	s.signal(syscall.SIGTERM)
	s.expectLog("Terminating ...")
	if err := s.wait(); err != nil {
		t.Error(err)
	}
}

func TestDrainDelayGoesOnAccepting(t *testing.T) {
	s := newService(t, "www")
	s.cfg.Global.DrainDelay = time.Hour
	s.start()
	s.signal(syscall.SIGTERM)
	s.expectLog("Terminating ...")
	s.who("www")
	s.signal(syscall.SIGTERM) // enough of that
	if err := s.wait(); err != nil {
		t.Error(err)
	}
}

func TestDeafSupervisorIsKilled(t *testing.T) {
	for _, mode := range []string{fakeDeaf, fakeDefects} {
		t.Run(mode, func(t *testing.T) {
			s := newService(t, "www")
			behave(s.cfg.Pools[0], mode)
			s.start()
			s.signal(syscall.SIGTERM)
			s.expectLog("Terminating ...")
			s.pass(s.master.bounds.grace)
			if err := s.wait(); err != nil {
				t.Error(err)
			}
			s.expectLog("does not end, killing it")
		})
	}
}

func TestCancelledContextIsAQuit(t *testing.T) {
	s := newService(t, "www").start()
	s.cancel()
	if err := s.wait(); err != nil {
		t.Error(err)
	}
	s.expectLog("Finishing ...")
}

func TestFailedStarts(t *testing.T) {
	tests := map[string]struct {
		change func(*service)
		want   string
	}{
		"socket of a living service": {func(s *service) {
			l, err := net.Listen("unix", s.path("www"))
			if err != nil {
				t.Fatal(err)
			}
			s.t.Cleanup(func() { l.Close() })
		}, "Another FPM instance seems to already listen on "},
		"two pools, one socket": {func(s *service) {
			s.cfg.Pools[1].Listen = s.cfg.Pools[0].Listen
		}, "[pool api] unable to set listen address as it's already used in another pool 'www'"},
		"pid file nowhere": {func(s *service) {
			s.cfg.Global.PID = s.path("none/pid")
		}, "Unable to create the PID file (" + "DIR/none/pid).: No such file or directory (2)"},
		"error log nowhere": {func(s *service) {
			s.cfg.Global.ErrorLog = s.path("none/log")
		}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := openFDs(t)
			s := newService(t, "www", "api")
			tt.change(s)
			s.run()
			err := s.wait()
			var init *InitError
			if !errors.As(err, &init) {
				t.Fatalf("ended with %v, want an InitError", err)
			}
			if tt.want != "" {
				s.expectLog(strings.ReplaceAll(tt.want, "DIR", s.dir), "FPM initialization failed")
			}
			if _, err := os.Lstat(s.path("api")); err == nil {
				t.Error("a socket is left")
			}
			if !happens(func() bool { return openFDs(t) <= before+3 }) { // standard error, and the other's socket
				t.Errorf("%d descriptors open after, %d before", openFDs(t), before)
			}
		})
	}
}

func TestReopenLogs(t *testing.T) {
	s := newService(t, "www")
	s.cfg.Pools[0].AccessLog = s.path("access.log")
	s.start()
	for _, name := range []string{"error.log", "access.log"} {
		if err := os.Rename(s.path(name), s.path(name+".1")); err != nil {
			t.Fatal(err)
		}
	}
	_, before := s.who("www")
	s.signal(syscall.SIGUSR1)
	s.expectLog("error log file re-opened", "access log file re-opened", "reopened error_log")
	s.eventually("the new access log", func() bool {
		text, err := os.ReadFile(s.path("access.log"))
		return err == nil && string(text) == "reopened access_log\n"
	})
	if _, after := s.who("www"); after != before {
		t.Error("the supervisor was replaced")
	}
}

// Who has logs reopened is told of those that cannot be.
func TestReopenTells(t *testing.T) {
	s := newService(t, "www")
	dir := s.path("logs")
	s.cfg.Pools[0].AccessLog = filepath.Join(dir, "access.log")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.start()
	c := NewClient(s.path("control"))
	if err := c.Reopen(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	want := "cannot open " + s.cfg.Pools[0].AccessLog + ": no such file or directory"
	if err := c.Reopen(t.Context()); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEmergencyRestart(t *testing.T) {
	s := newService(t, "www")
	s.cfg.Global.EmergencyRestartThreshold = 3
	s.cfg.Global.EmergencyRestartInterval = time.Minute
	behave(s.cfg.Pools[0], fakeCrashes)
	s.next <- s.config("www")
	s.start()
	s.expectLog("failed processes threshold (3 in 60 sec) is reached, initiating reload")
	s.eventually("the end of the reload", func() bool { return strings.Count(s.log(), "ready to handle connections") == 2 })
	s.expectGeneration("www", 2)
}
