package master

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/proc"
)

func ondemand(p *config.Pool) {
	p.PM = config.Ondemand
	behave(p, fakeQuiet)
}

func TestOndemandPoolHasNoProcessWhileIdle(t *testing.T) {
	s := newService(t, "www")
	ondemand(s.cfg.Pools[0])
	s.start()
	if children, err := proc.Children(); err != nil || len(children) > 0 {
		t.Fatalf("processes %v, %v before the first connection", children, err)
	}
	_, first := s.who("www")
	s.eventually("the idle state", func() bool { return s.state("www") == poolIdle })
	s.eventually("the end of the process", func() bool {
		children, err := proc.Children()
		return err == nil && len(children) == 0
	})
	if _, second := s.who("www"); second == first {
		t.Error("the same process served twice although it was told to end")
	}
}

// The dangerous moment is between "quiet" and the end: connections come and go
// at every distance from it.
func TestNoConnectionIsLostAtTheEndOfAnOndemandSupervisor(t *testing.T) {
	s := newService(t, "www")
	ondemand(s.cfg.Pools[0])
	s.start()
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			for i := range 25 {
				<-time.After(time.Duration(client*i) * 100 * time.Microsecond)
				c, err := dial(s.path("www"))
				if err != nil {
					t.Error(err)
					return
				}
				if answer, err := c.ask("who"); err != nil || !strings.HasPrefix(answer, "www 1 ") {
					t.Errorf("client %d, connection %d: %q, %v", client, i, answer, err)
				}
				c.Close()
			}
		})
	}
	clients.Wait()
}

func TestCrashedOndemandPoolRests(t *testing.T) {
	s := newService(t, "www")
	s.cfg.Pools[0].PM = config.Ondemand
	s.start()
	_, pid := s.who("www")
	s.kill(pid)
	s.eventually("the idle state", func() bool { return s.state("www") == poolIdle })
	if _, again := s.who("www"); again == pid {
		t.Error("served by the dead")
	}
}

func TestEndOfIdlePools(t *testing.T) {
	s := newService(t, "www", "api")
	ondemand(s.cfg.Pools[0])
	ondemand(s.cfg.Pools[1])
	s.start()
	s.master.loop.Post(s.master.finish)
	if err := s.wait(); err != nil {
		t.Error(err)
	}
}

// cpu returns the CPU time this process has used. Other than time it does not
// pass for what else the machine does.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// privateMemory returns the private memory of this process in KiB.
func privateMemory(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	rollup, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for line := range strings.Lines(string(rollup)) {
		if strings.HasPrefix(line, "Private_") {
			n, err := strconv.Atoi(strings.Fields(line)[1])
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
	}
	return total
}

func TestThousandIdlePools(t *testing.T) {
	const pools = 1000
	names := make([]string, pools)
	for i := range names {
		names[i] = fmt.Sprintf("p%d", i)
	}
	s := newService(t, names...)
	for _, p := range s.cfg.Pools {
		ondemand(p)
	}
	before, fds := privateMemory(t), openFDs(t)
	began := cpu(t)
	s.start()
	took := cpu(t) - began
	grown, used := privateMemory(t)-before, openFDs(t)-fds
	t.Logf("started in %v, %d KiB, %d descriptors", took, grown, used)
	if took > 5*time.Second {
		t.Errorf("took %v to start", took)
	}
	if used > pools+20 {
		t.Errorf("%d descriptors for %d pools", used, pools)
	}
	if grown > 20<<10 {
		t.Errorf("%d KiB for %d pools", grown, pools)
	}
	if generation, _ := s.who("p777"); generation != 1 {
		t.Errorf("generation %d", generation)
	}
	began = cpu(t)
	s.next <- s.cfg
	if err := NewClient(s.path("control")).Reload(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if took := cpu(t) - began; took > 2*time.Second {
		t.Errorf("took %v to reload", took)
	}
}
