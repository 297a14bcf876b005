package pool

import (
	"strings"
	"testing"
	"time"
)

// TestValidateNamesEveryFault breaks one field after the other.
func TestValidateNamesEveryFault(t *testing.T) {
	good := func() Config {
		return Config{Manager: Dynamic, MaxChildren: 8, StartServers: 3, MinSpareServers: 2, MaxSpareServers: 4}
	}
	if c := good(); c.Validate() != nil {
		t.Fatalf("the good configuration: %v", c.Validate())
	}
	tests := []struct {
		spoil func(*Config)
		want  string
	}{
		{func(c *Config) { c.Manager = 0 }, "pm must be static, dynamic or ondemand"},
		{func(c *Config) { c.MaxChildren = 0 }, "pm.max_children must be a positive value"},
		{func(c *Config) { c.MinSpareServers = 0 }, "pm.min_spare_servers(0) must be a positive value"},
		{func(c *Config) { c.MaxSpareServers = -1 }, "pm.max_spare_servers(-1) must be a positive value"},
		{func(c *Config) { c.MaxSpareServers = 9 }, "pm.min_spare_servers(2) and pm.max_spare_servers(9) cannot be greater than pm.max_children(8)"},
		{func(c *Config) { c.MaxSpareServers = 1 }, "pm.max_spare_servers(1) must not be less than pm.min_spare_servers(2)"},
		{func(c *Config) { c.StartServers = 5 }, "pm.start_servers(5) must not be less than pm.min_spare_servers(2) and not greater than pm.max_spare_servers(4)"},
		{func(c *Config) { c.MaxSpawnRate = -1 }, "pm.max_spawn_rate must be a positive value"},
		{func(c *Config) { c.MaxRequests = -1 }, "pm.max_requests(-1) must not be negative"},
		{func(c *Config) { c.MaxRequestsJitter = 1.5 }, "pm.max_requests_jitter(1.5) must be between 0 and 1"},
		{func(c *Config) { c.Concurrency = -1 }, "runner.concurrency(-1) must not be negative"},
		{func(c *Config) { c.Slots, c.Concurrency = true, 2 }, "runner.concurrency(2) must be 1 for workers that live for one request"},
		{func(c *Config) { c.QueueMaxLength = -1 }, "queue.max_length(-1) must not be negative"},
		{func(c *Config) { c.SlowlogRepeat = -1 }, "request_slowlog_repeat(-1) must not be negative"},
		{func(c *Config) { c.QueueTimeout = -time.Second }, "queue.timeout(-1s) must not be negative"},
		{func(c *Config) { c.BackoffMax = -time.Second }, "the start back-off(-1s) must not be negative"},
	}
	var all Config
	for _, tt := range tests {
		c := good()
		tt.spoil(&c)
		tt.spoil(&all)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
		if p, err := New(c); p != nil || err == nil || !strings.HasPrefix(err.Error(), "cannot make pool: ") {
			t.Errorf("New gave %v, %v", p, err)
		}
	}
	if n := strings.Count(all.Validate().Error(), "\n") + 1; n < 10 {
		t.Errorf("a configuration with every fault reports only %d of them", n)
	}
}

// TestDefaults fills in what is zero and nothing else.
func TestDefaults(t *testing.T) {
	c := Config{Manager: Dynamic, MaxChildren: 8, MinSpareServers: 2, MaxSpareServers: 5, StopGrace: time.Minute}.withDefaults()
	if c.StartServers != 3 || c.MaxSpawnRate != DefaultMaxSpawnRate || c.Concurrency != 1 {
		t.Errorf("start %d, spawn rate %d, concurrency %d", c.StartServers, c.MaxSpawnRate, c.Concurrency)
	}
	if c.StopGrace != time.Minute || c.StartTimeout != DefaultStartTimeout || c.BackoffMax != DefaultBackoffMax {
		t.Errorf("grace %v, start %v, back-off %v", c.StopGrace, c.StartTimeout, c.BackoffMax)
	}
	if c.QueueTimeout != 0 || c.TerminateTimeout != 0 || c.MaxLifetime != 0 {
		t.Errorf("a limit that was off is on: %+v", c)
	}
	if r := c.Rand(); r < 0 || r >= 1 {
		t.Errorf("Rand gave %v", r)
	}
}
