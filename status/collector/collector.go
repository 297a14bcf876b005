// Package collector offers the state of a service to Prometheus: the metrics
// of hipages' php-fpm_exporter under their own names and labels, so that
// dashboards and alerts made for php-fpm work unchanged, and a family of ours,
// anyfpm_*, with what php-fpm cannot tell.
//
// A scrape reads one snapshot and touches no worker. Labels are bounded: a
// pool, a worker's position, and names from short lists; never a URL or a pid.
package collector

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anyfpm/anyfpm/status"
)

// A Source returns the state of the service at the time of the call. It is
// called once per scrape, possibly by several scrapes at once, and should
// answer well within a scrape's timeout; the snapshots are not changed.
type Source func() status.Service

// A Collector is a prometheus.Collector of a service.
type Collector struct {
	source  Source
	service []serviceMetric
	pool    []poolMetric
	own     ownMetrics
	compat  compatMetrics
}

// New returns a collector that reads source at each scrape.
func New(source Source) *Collector {
	return &Collector{
		source:  source,
		service: serviceMetrics(),
		pool:    poolMetrics(),
		own:     newOwnMetrics(),
		compat:  newCompatMetrics(),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.service {
		ch <- m.desc
	}
	for _, m := range c.pool {
		ch <- m.desc
	}
	c.own.describe(ch)
	c.compat.describe(ch)
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	service := c.source()
	for _, m := range c.service {
		m.collect(ch, &service)
	}
	seen := make(map[string]bool)
	for i := range service.Pools {
		s := &service.Pools[i]
		name := label(s.Pool)
		if seen[name] {
			continue // the second generation of a pool during a reload
		}
		seen[name] = true
		c.compat.collect(ch, s, service.Time)
		if s.Unreachable {
			continue
		}
		for _, m := range c.pool {
			send(ch, m.desc, m.typ, m.value(s), name)
		}
		c.own.collect(ch, s)
	}
}

// send sends one sample. Its labels are valid UTF-8 and as many as desc has,
// so making it cannot fail.
func send(ch chan<- prometheus.Metric, desc *prometheus.Desc, typ prometheus.ValueType, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(desc, typ, value, labels...)
}

// label makes a string fit for the value of a label.
func label(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
