package master

import (
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/config"
)

// reload reloads with cfg and returns the outcome.
func (s *service) reload(cfg *config.Config) error {
	s.t.Helper()
	s.next <- cfg
	return NewClient(s.path("control")).Reload(s.t.Context(), "")
}

// nextStarts waits until the next generation of a pool is started.
func (s *service) nextStarts(pool string) {
	s.t.Helper()
	s.eventually("the next generation", func() (next bool) {
		s.on(func() { next = s.master.pools[pool].next != nil })
		return next
	})
}

// lastSettles waits until the master has heard that the generation started last
// is ready, which may answer before.
func (s *service) lastSettles(pool string) {
	s.t.Helper()
	s.eventually("the new generation", func() (settled bool) {
		s.on(func() { settled = s.master.pools[pool].next == nil })
		return settled
	})
}

func TestReloadKeepsRequestsInFlight(t *testing.T) {
	s := newService(t, "www").start()
	old := s.dial("www")
	if answer, err := old.ask("who"); err != nil || !strings.HasPrefix(answer, "www 1 ") {
		t.Fatalf("%q, %v", answer, err)
	}
	s.next <- s.config("www")
	s.signal(syscall.SIGUSR2)
	s.expectLog("Reloading in progress ...", "reloading: ", "using inherited socket fd=", "\""+s.path("www")+"\"")
	s.eventually("the end of the reload", func() bool { return strings.Count(s.log(), "ready to handle connections") == 2 })
	s.expectGeneration("www", 2)
	if answer, err := old.ask("who"); err != nil || !strings.HasPrefix(answer, "www 1 ") {
		t.Errorf("the old connection: %q, %v", answer, err)
	}
	old.Close()
	s.eventually("the end of the old generation", func() (gone bool) {
		s.on(func() { gone = len(s.master.pools["www"].leaving) == 0 })
		return gone
	})
}

// A pool that is still starting goes on with the reload, which is no failure.
func TestReloadOvertakesStart(t *testing.T) {
	s := newService(t, "www")
	behave(s.cfg.Pools[0], fakeSilent)
	s.run()
	s.expectLog("fpm is running")
	s.eventually("the control socket", func() bool { _, err := os.Stat(s.path("control")); return err == nil })
	if err := s.reload(s.config("www")); err != nil {
		t.Error(err)
	}
	s.expectGeneration("www", 2)
	if log := s.log(); strings.Contains(log, "ERROR") {
		t.Errorf("log:\n%s", log)
	}
}

func TestReloadUnderLoadFailsNoRequest(t *testing.T) {
	s := newService(t, "www", "api").start()
	var stop atomic.Bool
	var asked atomic.Int64
	var clients sync.WaitGroup
	for _, pool := range []string{"www", "www", "api"} {
		clients.Go(func() {
			for !stop.Load() {
				c, err := dial(s.path(pool))
				if err != nil {
					t.Error(err)
					return
				}
				if answer, err := c.ask("who"); err != nil {
					t.Errorf("%q, %v", answer, err)
				}
				c.Close()
				asked.Add(1)
			}
		})
	}
	const reloads = 10
	for range reloads {
		if err := s.reload(s.config("www", "api")); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	clients.Wait()
	s.expectGeneration("www", reloads+1)
	t.Logf("%d requests", asked.Load())
}

func TestSignalStorm(t *testing.T) {
	s := newService(t, "www", "api").start()
	for i := range 50 {
		s.signal([]syscall.Signal{syscall.SIGUSR2, syscall.SIGUSR1, syscall.SIGHUP}[i%3])
		<-time.After(time.Duration(i%5) * time.Millisecond)
	}
	s.who("www")
	s.signal(syscall.SIGQUIT)
	s.signal(syscall.SIGUSR2)
	s.signal(syscall.SIGTERM)
	if err := s.wait(); err != nil {
		t.Error(err)
	}
}

func TestBadConfigurationChangesNothing(t *testing.T) {
	s := newService(t, "www").start()
	_, before := s.who("www")
	s.nextError <- errors.New("[test.conf:3] unknown entry 'lisen'")
	err := NewClient(s.path("control")).Reload(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "unknown entry 'lisen'") {
		t.Errorf("reload ended with %v", err)
	}
	s.expectLog("ERROR: ", "unknown entry 'lisen'", "reload failed, going on with the configuration in use")
	if generation, pid := s.who("www"); generation != 1 || pid != before {
		t.Errorf("generation %d, pid %d, before %d", generation, pid, before)
	}
	service, err := NewClient(s.path("control")).Status(t.Context())
	if err != nil || !service.ReloadFailing || service.FailedReloads != 1 || !strings.Contains(service.ReloadProblem, "lisen") {
		t.Errorf("status %+v, %v", service, err)
	}
	if err := s.reload(s.config("www")); err != nil {
		t.Error(err)
	}
	if service, err := NewClient(s.path("control")).Status(t.Context()); err != nil || service.ReloadFailing || service.Reloads != 1 {
		t.Errorf("status %+v, %v", service, err)
	}
}

func TestSocketThatCannotBeOpenedChangesNothing(t *testing.T) {
	s := newService(t, "www").start()
	cfg := s.config("www", "new", "api")
	cfg.Pools[2].Listen = s.path("no/such/directory")
	err := s.reload(cfg)
	if err == nil || !strings.Contains(err.Error(), "unable to bind listening socket") {
		t.Errorf("reload ended with %v", err)
	}
	if generation, _ := s.who("www"); generation != 1 {
		t.Errorf("generation %d", generation)
	}
	if _, err := os.Lstat(s.path("new")); err == nil {
		t.Error("a socket of the bad configuration is left")
	}
}

func TestPoolThatDoesNotStartKeepsItsOldGeneration(t *testing.T) {
	for _, mode := range []string{fakeFails, fakeExits, fakeSilent} {
		t.Run(mode, func(t *testing.T) {
			s := newService(t, "www", "api").start()
			_, before := s.who("www")
			cfg := s.config("www", "api")
			behave(cfg.Pools[0], mode)
			cfg.Pools[0].Listen = s.path("elsewhere")
			failed := make(chan error, 1)
			go func() { failed <- s.reload(cfg) }()
			if mode == fakeSilent {
				s.nextStarts("www")
				s.eventually("the other pool", func() bool { generation, _ := s.who("api"); return generation == 2 })
				s.lastSettles("api")
				s.pass(startRounds*cfg.Pools[0].RunnerStartTime + readySlack)
			}
			err := receive(t, "the end of the reload", failed)
			if err == nil || !strings.Contains(err.Error(), "[pool www] ") {
				t.Errorf("reload ended with %v", err)
			}
			s.expectLog("reload failed, the old generation goes on: ")
			if generation, pid := s.who("www"); generation != 1 || pid != before {
				t.Errorf("generation %d, pid %d, before %d", generation, pid, before)
			}
			s.expectGeneration("api", 2)
			if _, err := os.Lstat(s.path("elsewhere")); err == nil {
				t.Error("the new socket is left")
			}
			if err := s.reload(s.config("www", "api")); err != nil {
				t.Error(err)
			}
			s.expectGeneration("www", 2)
		})
	}
}

func TestPoolsComeAndGo(t *testing.T) {
	s := newService(t, "www", "old").start()
	leaving := s.dial("old")
	if _, err := leaving.ask("who"); err != nil {
		t.Fatal(err)
	}
	cfg := s.config("www", "new")
	cfg.Pools[0].Listen = s.path("moved")
	if err := s.reload(cfg); err != nil {
		t.Fatal(err)
	}
	if generation, _ := s.who("new"); generation != 1 {
		t.Errorf("the new pool is of generation %d", generation)
	}
	if answer := s.ask("moved", "who"); !strings.HasPrefix(answer, "www 2 ") {
		t.Errorf("the moved pool answers %q", answer)
	}
	for _, name := range []string{"www", "old"} {
		if _, err := os.Lstat(s.path(name)); err == nil {
			t.Errorf("the socket %s is left", name)
		}
	}
	if answer, err := leaving.ask("who"); err != nil || !strings.HasPrefix(answer, "old 1 ") {
		t.Errorf("a request in the pool that was removed: %q, %v", answer, err)
	}
	// It may come back while it is still leaving.
	if err := s.reload(s.config("www", "old")); err != nil {
		t.Fatal(err)
	}
	if generation, _ := s.who("old"); generation != 1 {
		t.Errorf("generation %d", generation)
	}
	if _, err := leaving.ask("who"); err != nil {
		t.Error(err)
	}
	s.cfg = s.config("www", "old")
}

func TestReloadOfOnePool(t *testing.T) {
	s := newService(t, "www", "api").start()
	c := NewClient(s.path("control"))
	s.next <- s.config("www", "api")
	if err := c.Reload(t.Context(), "api"); err != nil {
		t.Fatal(err)
	}
	s.expectGeneration("api", 2)
	if generation, _ := s.who("www"); generation != 1 {
		t.Errorf("the other pool is of generation %d", generation)
	}
	if err := c.Reload(t.Context(), "none"); err == nil || !strings.Contains(err.Error(), "no such pool") {
		t.Errorf("reload of a pool that is not there: %v", err)
	}
	s.next <- s.config("www") // without it
	if err := c.Reload(t.Context(), "api"); err != nil {
		t.Error(err)
	}
	if _, err := dial(s.path("api")); err == nil {
		t.Error("the removed pool still listens")
	}
	s.who("www")
}

func TestReloadsAskedForMeanwhileBecomeOne(t *testing.T) {
	s := newService(t, "www").start()
	results := make(chan error, 5)
	s.on(func() {
		for range 5 {
			s.master.requestReload("", waiter{done: func(err error) { results <- err }})
		}
	})
	for range 5 {
		select {
		case err := <-results:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Fatal("a reload does not end")
		}
	}
	s.on(func() {
		if generation := s.master.pools["www"].generation; generation != 3 {
			t.Errorf("generation %d after one reload and four more at once", generation)
		}
	})
}

func TestReloadOfADeadPool(t *testing.T) {
	s := newService(t, "www")
	behave(s.cfg.Pools[0], fakeExits)
	s.start()
	s.expectLog("supervisor died 3 times in a row")
	if err := s.reload(s.config("www")); err != nil {
		t.Fatal(err)
	}
	s.expectGeneration("www", 2)
}

func TestSupervisorKilledDuringReload(t *testing.T) {
	s := newService(t, "www").start()
	_, pid := s.who("www")
	cfg := s.config("www")
	behave(cfg.Pools[0], fakeSilent)
	failed := make(chan error, 1)
	go func() { failed <- s.reload(cfg) }()
	s.nextStarts("www")
	s.kill(pid)
	s.pass(startRounds*cfg.Pools[0].RunnerStartTime + readySlack)
	if err := receive(t, "the end of the reload", failed); err == nil {
		t.Error("the reload did not fail")
	}
	if generation, again := s.who("www"); generation != 1 || again == pid {
		t.Errorf("generation %d, pid %d", generation, again)
	}
}

// How the current generation is while the next one starts is not the outcome of
// the reload.
func TestGenerationFailsAndRecoversDuringReload(t *testing.T) {
	s := newService(t, "www").start()
	cfg := s.config("www")
	behave(cfg.Pools[0], fakeSilent)
	failed := make(chan error, 1)
	go func() { failed <- s.reload(cfg) }()
	s.nextStarts("www")
	s.on(func() {
		p := s.master.pools["www"]
		for what, happens := range map[string]func(){
			"failed":    func() { p.supervisorFailed(p.current, errors.New("no workers")) },
			"recovered": func() { p.supervisorReady(p.current) },
		} {
			happens()
			if s.master.reload == nil {
				t.Errorf("the reload has ended because the current generation has %s", what)
			}
		}
	})
	s.pass(startRounds*cfg.Pools[0].RunnerStartTime + readySlack)
	if err := receive(t, "the end of the reload", failed); err == nil || strings.Contains(err.Error(), "no workers") {
		t.Errorf("the reload ended with %v", err)
	}
}

func TestReloadOfGlobalDirectives(t *testing.T) {
	s := newService(t, "www").start()
	cfg := s.config("www")
	cfg.Global.ErrorLog = s.path("other.log")
	cfg.Global.PID = s.path("other.pid")
	cfg.Global.ControlListen = s.path("other.control")
	if err := s.reload(cfg); err != nil {
		t.Fatal(err)
	}
	s.eventually("the line in the new log", func() bool {
		text, err := os.ReadFile(s.path("other.log"))
		return err == nil && strings.Contains(string(text), "ready to handle connections")
	})
	if _, err := os.Stat(s.path("other.pid")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.path("pid")); err == nil {
		t.Error("the old pid file is left")
	}
	if _, err := NewClient(s.path("other.control")).Status(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.path("control")); err == nil {
		t.Error("the old control socket is left")
	}
}
