package master

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/logfile"
)

// sharing returns a master with process.max and no loop, and its log.
func sharing(t *testing.T, maximum int) (*Master, *bytes.Buffer) {
	t.Helper()
	cfg := &config.Config{Global: config.Global{ProcessMax: maximum}}
	m, err := New(Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	m.log = slog.New(logfile.NewHandler(&log, logfile.HandlerOptions{}))
	return m, &log
}

func member(m *Master, p config.Pool) *supervisor {
	s := &supervisor{pool: &pool{master: m, cfg: &p}, cfg: &p, state: supervisorReady}
	m.shares.add(s)
	return s
}

// A supervisor that claims more workers than its pool can have takes nothing
// from the others.
func TestImpossibleShare(t *testing.T) {
	m, _ := sharing(t, 10)
	liar := member(m, config.Pool{PM: config.Ondemand, MaxChildren: 2})
	honest := member(m, config.Pool{PM: config.Ondemand, MaxChildren: 8})
	m.shares.update(liar, &control.Usage{Workers: 1000, Wanted: 1000})
	m.shares.update(honest, &control.Usage{Workers: 1, Wanted: 6})
	if honest.share.granted != 6 {
		t.Errorf("the other pool is granted %d, want 6", honest.share.granted)
	}
}

func TestShares(t *testing.T) {
	m, log := sharing(t, 10)
	static := member(m, config.Pool{PM: config.Static, MaxChildren: 4})
	dynamic := member(m, config.Pool{PM: config.Dynamic, MaxChildren: 8, StartServers: 3})
	ondemand := member(m, config.Pool{PM: config.Ondemand, MaxChildren: 8})
	expect := func(when string, want ...int) {
		t.Helper()
		got := []int{static.share.granted, dynamic.share.granted, ondemand.share.granted}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: granted %v, want %v", when, got, want)
				return
			}
		}
	}
	expect("at the start", 4, 3, 1)
	m.shares.update(static, &control.Usage{Workers: 4, Wanted: 4})
	m.shares.update(dynamic, &control.Usage{Workers: 3, Wanted: 5})
	expect("with room", 4, 5, 1)
	m.shares.update(ondemand, &control.Usage{Workers: 1, Wanted: 1000})
	m.shares.update(ondemand, &control.Usage{Workers: 1, Wanted: 8})
	expect("when it is full", 4, 5, 1)
	if got := strings.Count(log.String(), "The maximum number of processes has been reached."); got != 1 {
		t.Errorf("warned %d times:\n%s", got, log)
	}
	m.shares.update(dynamic, &control.Usage{Workers: 2, Wanted: 2})
	expect("when one needs less", 4, 2, 4)
	m.shares.remove(static)
	expect("when one is gone", 4, 2, 8)
	m.cfg.Global.ProcessMax = 0
	m.shares.reset()
	expect("without a maximum", 4, unlimited, unlimited)
	m.cfg.Global.ProcessMax = 3
	m.shares.reset()
	if sum := dynamic.share.granted + ondemand.share.granted; sum > 4 {
		t.Errorf("granted %d in total under a lower maximum", sum)
	}
	m.cfg.Global.ProcessMax = 20
	m.shares.reset()
	expect("under a higher maximum", 4, 3, 8)
	m.shares.update(dynamic, &control.Usage{Workers: -1, Wanted: -5})
	if dynamic.share.workers < 0 {
		t.Error("believed a nonsensical report")
	}
}

func TestNoMaximumIsNoLimit(t *testing.T) {
	m, _ := sharing(t, 0)
	if s := member(m, config.Pool{PM: config.Static, MaxChildren: 4}); s.share.granted != unlimited {
		t.Errorf("granted %d", s.share.granted)
	}
}
