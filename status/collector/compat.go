package collector

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anyfpm/anyfpm/status"
)

// A compatMetric is one of php-fpm_exporter's metrics of a pool.
type compatMetric struct {
	desc  *prometheus.Desc
	typ   prometheus.ValueType
	value func(s *status.Snapshot, now time.Time) float64
}

// A processMetric is one of php-fpm_exporter's metrics of a worker.
type processMetric struct {
	desc  *prometheus.Desc
	typ   prometheus.ValueType
	value func(p *status.Process) float64
}

// compatMetrics are the metrics of php-fpm_exporter. Several are counters
// without _total, and durations in microseconds: the names are its own.
type compatMetrics struct {
	up, failures *prometheus.Desc
	pool         []compatMetric
	process      []processMetric
	state        *prometheus.Desc
}

// exporterStates are the states that php-fpm_exporter has a series for in any
// case. One of them is misspelt there; what php-fpm has said since 7.4 appears
// beside it, as it does with php-fpm_exporter.
var exporterStates = [...]string{ //nolint:gochecknoglobals // a table, never changed
	"Idle", "Running", "Finishing", "Reading headers", "Getting request informations", "Ending",
}

func newCompatMetrics() compatMetrics {
	return compatMetrics{
		up:       compatDesc("up", "Could PHP-FPM be reached?"),
		failures: compatDesc("scrape_failures", "The number of failures scraping from PHP-FPM."),
		pool:     compatPoolMetrics(),
		process: []processMetric{
			{compatDesc("process_requests", "The number of requests the process has served.", "child"), prometheus.CounterValue,
				func(p *status.Process) float64 { return float64(p.Requests) }},
			{compatDesc("process_last_request_memory", "The max amount of memory the last request consumed.", "child"), prometheus.GaugeValue,
				func(p *status.Process) float64 { return whenIdle(p, float64(p.LastRequestMemory)) }},
			{compatDesc("process_last_request_cpu", "The %cpu the last request consumed.", "child"), prometheus.GaugeValue,
				func(p *status.Process) float64 { return whenIdle(p, p.LastRequestCPU) }},
			{compatDesc("process_request_duration", "The duration in microseconds of the requests.", "child"), prometheus.GaugeValue,
				func(p *status.Process) float64 { return float64(p.RequestDuration.Microseconds()) }},
		},
		state: compatDesc("process_state", "The state of the process (Idle, Running, ...).", "child", "state"),
	}
}

func compatPoolMetrics() []compatMetric {
	gauge := func(name, help string, value func(*status.Snapshot) int) compatMetric {
		return compatMetric{compatDesc(name, help), prometheus.GaugeValue,
			func(s *status.Snapshot, _ time.Time) float64 { return float64(value(s)) }}
	}
	counter := func(name, help string, value func(*status.Snapshot) uint64) compatMetric {
		return compatMetric{compatDesc(name, help), prometheus.CounterValue,
			func(s *status.Snapshot, _ time.Time) float64 { return float64(value(s)) }}
	}
	return []compatMetric{
		{compatDesc("start_since", "The number of seconds since FPM has started."), prometheus.CounterValue,
			func(s *status.Snapshot, now time.Time) float64 { return float64(now.Unix() - s.StartTime.Unix()) }},
		counter("accepted_connections", "The number of requests accepted by the pool.", func(s *status.Snapshot) uint64 { return s.AcceptedConn }),
		gauge("listen_queue", "The number of requests in the queue of pending connections.", func(s *status.Snapshot) int { return s.ListenQueue }),
		counter("max_listen_queue", "The maximum number of requests in the queue of pending connections since FPM has started.",
			func(s *status.Snapshot) uint64 { return uint64(s.MaxListenQueue) }),
		gauge("listen_queue_length", "The size of the socket queue of pending connections.", func(s *status.Snapshot) int { return s.ListenQueueLen }),
		gauge("idle_processes", "The number of idle processes.", func(s *status.Snapshot) int { return s.IdleProcesses }),
		gauge("active_processes", "The number of active processes.", func(s *status.Snapshot) int { return s.ActiveProcesses }),
		gauge("total_processes", "The number of idle + active processes.", func(s *status.Snapshot) int { return s.TotalProcesses }),
		counter("max_active_processes", "The maximum number of active processes since FPM has started.",
			func(s *status.Snapshot) uint64 { return uint64(s.MaxActiveProcesses) }),
		counter("max_children_reached", "The number of times, the process limit has been reached, when pm tries to start more children (works only for pm 'dynamic' and 'ondemand').",
			func(s *status.Snapshot) uint64 { return s.MaxChildrenReached }),
		counter("slow_requests", "The number of requests that exceeded your 'request_slowlog_timeout' value.", func(s *status.Snapshot) uint64 { return s.SlowRequests }),
		gauge("memory_peak", "The memory usage peak since FPM has started.", func(s *status.Snapshot) int { return int(s.MemoryPeak) }),
		gauge("max_children", "The configured pm.max_children.", func(s *status.Snapshot) int { return s.Limits.MaxChildren }),
		gauge("start_servers", "The configured pm.start_servers.", func(s *status.Snapshot) int { return s.Limits.StartServers }),
		gauge("min_spare_servers", "The configured pm.min_spare_servers.", func(s *status.Snapshot) int { return s.Limits.MinSpareServers }),
		gauge("max_spare_servers", "The configured pm.max_spare_servers.", func(s *status.Snapshot) int { return s.Limits.MaxSpareServers }),
	}
}

func (m *compatMetrics) describe(ch chan<- *prometheus.Desc) {
	ch <- m.up
	ch <- m.failures
	for _, metric := range m.pool {
		ch <- metric.desc
	}
	for _, metric := range m.process {
		ch <- metric.desc
	}
	ch <- m.state
}

func (m *compatMetrics) collect(ch chan<- prometheus.Metric, s *status.Snapshot, now time.Time) {
	pool, scrapeURI := label(s.Pool), label(ScrapeURI(s.Listen, s.StatusPath))
	send(ch, m.failures, prometheus.CounterValue, float64(s.Failures), pool, scrapeURI)
	if s.Unreachable {
		send(ch, m.up, prometheus.GaugeValue, 0, pool, scrapeURI)
		return
	}
	send(ch, m.up, prometheus.GaugeValue, 1, pool, scrapeURI)
	for _, metric := range m.pool {
		send(ch, metric.desc, metric.typ, metric.value(s, now), pool, scrapeURI)
	}
	for i := range s.Processes {
		p := &s.Processes[i]
		child := strconv.Itoa(i)
		for _, metric := range m.process {
			send(ch, metric.desc, metric.typ, metric.value(p), pool, child, scrapeURI)
		}
		m.collectState(ch, p, pool, child, scrapeURI)
	}
}

func (m *compatMetrics) collectState(ch chan<- prometheus.Metric, p *status.Process, pool, child, scrapeURI string) {
	known := false
	for _, state := range exporterStates {
		in := 0.0
		if state == string(p.State) {
			in, known = 1, true
		}
		send(ch, m.state, prometheus.GaugeValue, in, pool, child, state, scrapeURI)
	}
	if !known {
		send(ch, m.state, prometheus.GaugeValue, 1, pool, child, label(string(p.State)), scrapeURI)
	}
}

// compatDesc describes a metric with the labels pool, more and scrape_uri.
func compatDesc(name, help string, more ...string) *prometheus.Desc {
	labels := append([]string{"pool"}, more...)
	return prometheus.NewDesc("phpfpm_"+name, help, append(labels, "scrape_uri"), nil)
}

// whenIdle is php-fpm's rule for what it knows only after a request.
func whenIdle(p *status.Process, value float64) float64 {
	if p.State != status.Idle {
		return 0
	}
	return value
}

// ScrapeURI returns what php-fpm_exporter's users configure to reach a pool,
// tcp://127.0.0.1:9000/status or unix:///run/php.sock;/status, from the pool's
// listen and pm.status_path.
func ScrapeURI(listen, statusPath string) string {
	switch {
	case strings.HasPrefix(listen, "/"):
		return "unix://" + listen + ";" + statusPath
	case strings.Contains(listen, ":"):
		return "tcp://" + listen + statusPath
	default:
		return "tcp://127.0.0.1:" + listen + statusPath
	}
}
