package pool

import (
	"testing"
	"time"
)

// serving returns a pool of the configuration in which `workers` are ready.
func serving(t testing.TB, cfg Config, workers int) *Pool {
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var started []*Worker
	for _, a := range p.Start(0) {
		if a.Kind == Start {
			started = append(started, a.Worker)
		}
	}
	for _, w := range started[:workers] {
		p.Ready(0, w)
	}
	return p
}

// load is a configuration in which a request has every deadline.
func load(m Manager) Config {
	return Config{
		Manager: m, MaxChildren: 64, StartServers: 48, MinSpareServers: 1, MaxSpareServers: 64,
		QueueMaxLength: 1000, QueueTimeout: 30 * time.Second,
		TerminateTimeout: 30 * time.Second, SlowlogTimeout: 5 * time.Second, MaxLifetime: time.Hour,
		MaxRequests: 1 << 40, MaxRequestsJitter: 0.1,
	}
}

// rounds are the ways a request takes through a pool.
func rounds(t testing.TB) map[string]func() {
	static := serving(t, load(Static), 64)
	dynamic := serving(t, load(Dynamic), 48)
	full := serving(t, load(Static), 1)
	slots := serving(t, Config{Manager: Ondemand, Slots: true, MaxChildren: 64, TerminateTimeout: time.Second}, 0)
	shared := load(Static)
	shared.Concurrency = 8
	concurrent := serving(t, shared, 64)

	now := time.Duration(0)
	round := func(p *Pool, depth int) func() {
		requests := make([]Request, depth)
		for i := range requests[1:] {
			p.Arrive(now, &requests[1+i])
		}
		next := 0
		return func() {
			now += time.Microsecond
			p.Arrive(now, &requests[next])
			next = (next + 1) % depth
			p.Free(now, &requests[next])
			p.Next()
		}
	}
	return map[string]func(){
		"static":      round(static, 16),
		"dynamic":     round(dynamic, 16),
		"queued":      round(full, 100),
		"slots":       round(slots, 16),
		"concurrency": round(concurrent, 128),
	}
}

// TestNoAllocation holds that a request costs no allocation in steady state.
func TestNoAllocation(t *testing.T) {
	for name, round := range rounds(t) {
		if n := testing.AllocsPerRun(1000, round); n != 0 {
			t.Errorf("%s: %v allocations per request", name, n)
		}
	}
}

// BenchmarkRequest measures one request from Arrive to Free, with the look at
// the next deadline.
func BenchmarkRequest(b *testing.B) {
	for name, round := range rounds(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				round()
			}
		})
	}
}
