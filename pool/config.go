package pool

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// A Manager decides how many workers a pool keeps: php-fpm's pm.
type Manager uint8

// The process managers.
const (
	// Static keeps Config.MaxChildren workers.
	Static Manager = iota + 1
	// Dynamic keeps between Config.MinSpareServers and Config.MaxSpareServers
	// workers idle.
	Dynamic
	// Ondemand starts a worker when a request needs one, and stops it when it
	// has been idle for Config.ProcessIdleTimeout.
	Ondemand
)

var managerNames = [...]string{Static: "static", Dynamic: "dynamic", Ondemand: "ondemand"} //nolint:gochecknoglobals // a table, never changed

// String returns the manager as the pm directive spells it.
func (m Manager) String() string { return nameOf(managerNames[:], int(m), "manager") }

// What a zero field of [Config] stands for.
const (
	DefaultMaxSpawnRate       = 32
	DefaultProcessIdleTimeout = 10 * time.Second
	DefaultStartTimeout       = 60 * time.Second
	DefaultStopGrace          = 5 * time.Second
	DefaultBackoffMin         = 100 * time.Millisecond
	DefaultBackoffMax         = 30 * time.Second
)

// A Config says how a pool behaves. It is copied by [New].
type Config struct {
	Manager Manager

	// MaxChildren is the number of places: how many workers may serve at once.
	// A worker that retires shares its place with its replacement, so that up
	// to a quarter more processes (at least one) can exist while workers are
	// being replaced. Required.
	MaxChildren int
	// StartServers is how many workers a Dynamic pool starts with; 0 is the
	// middle between MinSpareServers and MaxSpareServers.
	StartServers int
	// MinSpareServers and MaxSpareServers bound the idle workers of a Dynamic
	// pool. Required for it, ignored by others.
	MinSpareServers, MaxSpareServers int
	// MaxSpawnRate bounds how many spare workers a Dynamic pool starts within a
	// second. Workers that a request waits for are not counted. 0 is
	// DefaultMaxSpawnRate.
	MaxSpawnRate int
	// ProcessIdleTimeout is how long a worker of an Ondemand pool stays idle; 0
	// is DefaultProcessIdleTimeout.
	ProcessIdleTimeout time.Duration

	// Slots makes the workers mere slots for programs that live for one request
	// (CGI): none is started, each is ready at once and vanishes when its lease
	// is over. MaxChildren bounds the slots; MaxRequests, MaxLifetime and the
	// numbers of spare workers mean nothing.
	Slots bool
	// Concurrency is how many requests a worker takes at once; 0 is 1.
	Concurrency int

	// MaxRequests is after how many requests a worker retires; 0 is never.
	MaxRequests int
	// MaxRequestsJitter is the fraction, from 0 to 1, of MaxRequests by which
	// the limit of a worker may be lower, so that workers started together do
	// not retire together.
	MaxRequestsJitter float64
	// MaxLifetime is after how long a worker retires; 0 is never.
	MaxLifetime time.Duration

	// QueueMaxLength is how many requests may wait; 0 is no limit.
	QueueMaxLength int
	// NoQueue refuses requests for which all MaxChildren workers are taken. One
	// still waits for a worker that is starting. QueueMaxLength means nothing
	// then.
	NoQueue bool
	// QueueTimeout is how long a request may wait; 0 is no limit.
	QueueTimeout time.Duration

	// TerminateTimeout is how long a request may run before its worker is
	// stopped; 0 is no limit.
	TerminateTimeout time.Duration
	// TerminateTrackFinished lets TerminateTimeout also count the time after
	// the response is over.
	TerminateTrackFinished bool
	// SlowlogTimeout is after how long a request is reported as slow; 0 is never.
	SlowlogTimeout time.Duration
	// SlowlogRepeat is how often the report is repeated, each after another
	// SlowlogTimeout, while the request still runs.
	SlowlogRepeat int

	// StartTimeout is how long a worker may take to become ready; 0 is
	// DefaultStartTimeout.
	StartTimeout time.Duration
	// StopGrace is the time between asking a worker to leave and killing it; 0
	// is DefaultStopGrace.
	StopGrace time.Duration
	// BackoffMin is the pause after the first failed start, doubled with each
	// further one up to BackoffMax; 0 are DefaultBackoffMin and
	// DefaultBackoffMax.
	BackoffMin, BackoffMax time.Duration

	// Rand returns numbers in [0,1) for the jitter; nil is math/rand/v2's.
	Rand func() float64
	// Fault, when set, is called with each internal error: an event that cannot
	// happen in the state its worker or request is in (a [*StateError]). The
	// event is ignored and counted in Snapshot.InternalErrors either way.
	Fault func(error)
}

// Validate returns all faults of c, joined, or nil. The messages name the
// directives of a pool file.
func (c *Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.Manager >= Static && c.Manager <= Ondemand, "pm must be static, dynamic or ondemand")
	check(c.MaxChildren > 0, "pm.max_children must be a positive value")
	if c.Manager == Dynamic && !c.Slots {
		check(c.MinSpareServers > 0, "pm.min_spare_servers(%d) must be a positive value", c.MinSpareServers)
		check(c.MaxSpareServers > 0, "pm.max_spare_servers(%d) must be a positive value", c.MaxSpareServers)
		check(c.MinSpareServers <= c.MaxChildren && c.MaxSpareServers <= c.MaxChildren,
			"pm.min_spare_servers(%d) and pm.max_spare_servers(%d) cannot be greater than pm.max_children(%d)",
			c.MinSpareServers, c.MaxSpareServers, c.MaxChildren)
		check(c.MaxSpareServers >= c.MinSpareServers,
			"pm.max_spare_servers(%d) must not be less than pm.min_spare_servers(%d)", c.MaxSpareServers, c.MinSpareServers)
		check(c.StartServers == 0 || c.StartServers >= c.MinSpareServers && c.StartServers <= c.MaxSpareServers,
			"pm.start_servers(%d) must not be less than pm.min_spare_servers(%d) and not greater than pm.max_spare_servers(%d)",
			c.StartServers, c.MinSpareServers, c.MaxSpareServers)
	}
	check(c.MaxSpawnRate >= 0, "pm.max_spawn_rate must be a positive value")
	check(c.MaxRequests >= 0, "pm.max_requests(%d) must not be negative", c.MaxRequests)
	check(c.MaxRequestsJitter >= 0 && c.MaxRequestsJitter <= 1, "pm.max_requests_jitter(%v) must be between 0 and 1", c.MaxRequestsJitter)
	check(c.Concurrency >= 0, "runner.concurrency(%d) must not be negative", c.Concurrency)
	check(!c.Slots || c.Concurrency <= 1, "runner.concurrency(%d) must be 1 for workers that live for one request", c.Concurrency)
	check(c.QueueMaxLength >= 0, "queue.max_length(%d) must not be negative", c.QueueMaxLength)
	check(c.SlowlogRepeat >= 0, "request_slowlog_repeat(%d) must not be negative", c.SlowlogRepeat)
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"pm.process_idle_timeout", c.ProcessIdleTimeout},
		{"pm.max_lifetime", c.MaxLifetime},
		{"queue.timeout", c.QueueTimeout},
		{"request_terminate_timeout", c.TerminateTimeout},
		{"request_slowlog_timeout", c.SlowlogTimeout},
		{"runner.start_timeout", c.StartTimeout},
		{"the stop grace", c.StopGrace},
		{"the start back-off", min(c.BackoffMin, c.BackoffMax)},
	} {
		check(d.value >= 0, "%s(%v) must not be negative", d.name, d.value)
	}
	return errors.Join(faults...)
}

// withDefaults returns c with its zero fields filled in.
func (c Config) withDefaults() Config {
	if c.Manager == Dynamic && c.StartServers == 0 {
		c.StartServers = c.MinSpareServers + (c.MaxSpareServers-c.MinSpareServers)/2
	}
	setDefault(&c.MaxSpawnRate, DefaultMaxSpawnRate)
	setDefault(&c.ProcessIdleTimeout, DefaultProcessIdleTimeout)
	setDefault(&c.Concurrency, 1)
	setDefault(&c.StartTimeout, DefaultStartTimeout)
	setDefault(&c.StopGrace, DefaultStopGrace)
	setDefault(&c.BackoffMin, DefaultBackoffMin)
	setDefault(&c.BackoffMax, DefaultBackoffMax)
	c.BackoffMax = max(c.BackoffMax, c.BackoffMin)
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	return c
}

func setDefault[T int | time.Duration](v *T, value T) {
	if *v == 0 {
		*v = value
	}
}
