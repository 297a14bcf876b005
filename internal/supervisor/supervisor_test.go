package supervisor

import (
	"reflect"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/runner"
	"github.com/anyfpm/anyfpm/pool"
)

// Each directive about a pool's workers and queue gets where it is acted on.
func TestDirectivesOfThePool(t *testing.T) {
	cfg := resident("/bin/true")
	cfg.PM, cfg.MaxChildren, cfg.StartServers, cfg.MinSpareServers, cfg.MaxSpareServers, cfg.MaxSpawnRate = config.Dynamic, 50, 20, 10, 30, 7
	cfg.ProcessIdleTimeout, cfg.MaxRequests, cfg.MaxRequestsJitter, cfg.MaxLifetime = 1*time.Second, 500, 0.5, 2*time.Second
	cfg.RunnerConcurrency, cfg.RunnerStartTime, cfg.QueueMaxLength, cfg.QueueTimeout = 3, 3*time.Second, 40, 4*time.Second
	cfg.TerminateTimeout, cfg.TerminateTrackFinish = 5*time.Second, true
	cfg.SlowlogTimeout, cfg.SlowlogRepeat = 6*time.Second, 8
	r, err := runner.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := poolConfig(cfg, r)
	got.Rand = nil
	want := pool.Config{
		Manager: pool.Dynamic, MaxChildren: 50, StartServers: 20, MinSpareServers: 10, MaxSpareServers: 30, MaxSpawnRate: 7,
		ProcessIdleTimeout: 1 * time.Second, MaxRequests: 500, MaxRequestsJitter: 0.5, MaxLifetime: 2 * time.Second,
		Concurrency: 3, StartTimeout: 3 * time.Second, QueueMaxLength: 40, QueueTimeout: 4 * time.Second,
		TerminateTimeout: 5 * time.Second, TerminateTrackFinished: true,
		SlowlogTimeout: 6 * time.Second, SlowlogRepeat: 8,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
