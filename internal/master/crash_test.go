package master

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/internal/proc"
)

func TestKilledSupervisorIsRestartedWithoutOrphans(t *testing.T) {
	s := newService(t, "www", "api").start()
	child, err := strconv.Atoi(s.ask("www", "child"))
	if err != nil {
		t.Fatal(err)
	}
	_, www := s.who("www")
	_, api := s.who("api")
	s.kill(www)
	if generation, pid := s.who("www"); pid == www || generation != 1 {
		t.Errorf("after the kill: generation %d, pid %d", generation, pid)
	}
	if err := syscall.Kill(child, 0); err != syscall.ESRCH {
		t.Errorf("the orphan was there when its pool served again: %v", err)
	}
	if _, pid := s.who("api"); pid != api {
		t.Error("another pool was touched")
	}
	s.expectLog("WARNING: pid "+strconv.Itoa(os.Getpid())+", exited(), line", " exited on signal 9 (SIGKILL) after ")
}

func TestCrashLoopIsSlow(t *testing.T) {
	s := newService(t, "www", "api")
	behave(s.cfg.Pools[0], fakeExits)
	s.start() // the other pool is not kept waiting
	const third = "supervisor died 3 times in a row, starting it again in 200ms"
	s.expectLog("the pool does not start", "supervisor died 2 times in a row, starting it again in 100ms", third)
	before, _, _ := strings.Cut(s.log(), third)
	if starts := strings.Count(before, "told to exit"); starts > 3 {
		t.Errorf("started %d times", starts)
	}
	service, err := NewClient(s.path("control")).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := service.Pools[1]; p.Pool != "www" || !p.Failed || !strings.Contains(p.FailureReason, "exited with code 1") {
		t.Errorf("status of the pool: %+v", p)
	}
	if err := s.stop(); err != nil { // also while it waits
		t.Error(err)
	}
}

func TestFailingPoolIsVisible(t *testing.T) {
	s := newService(t, "www")
	behave(s.cfg.Pools[0], fakeFails)
	s.start()
	if state := s.state("www"); state != poolFailing {
		t.Errorf("the pool is %s", state)
	}
	service, err := NewClient(s.path("control")).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := service.Pools[0]; !p.Failed || p.FailureReason != "no interpreter" {
		t.Errorf("status of the pool: %+v", p)
	}
}

func TestSupervisorThatBreaksTheProtocolIsKilled(t *testing.T) {
	s := newService(t, "www")
	behave(s.cfg.Pools[0], fakeGarbage)
	s.start()
	s.expectLog("the supervisor broke the connection, killing it", "control protocol: a message of 4294967295 bytes", "exited on signal 9 (SIGKILL)")
}

func TestMissingSupervisorProgram(t *testing.T) {
	s := newService(t, "www")
	s.start(func(o *Options) {
		o.Supervisor = func(string) (string, []string) { return "/no/such/program", nil }
	})
	s.expectLog("the pool does not start: cannot start /no/such/program: no such file")
}

func TestForeignChildIsLeftAlone(t *testing.T) {
	// A child from before the service, as s6-notifyoncheck is.
	foreign, err := syscall.ForkExec("/bin/sleep", []string{"sleep", "1000"}, &syscall.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, "www").start()
	_, pid := s.who("www")
	s.kill(pid)
	s.who("www")
	if children, err := proc.Children(); err != nil || len(children) != 2 {
		t.Errorf("children %v, %v, want the supervisor and %d", children, err, foreign)
	}
	s.kill(foreign)
	s.expectLog("unknown child (" + strconv.Itoa(foreign) + ") exited on signal 9 (SIGKILL) - potentially a bug or pre exec child")
}
