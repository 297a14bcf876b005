package collector

import (
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anyfpm/anyfpm/status"
)

// maxReasons bounds the values of a label that is not from a list of ours;
// what is beyond it is summed up as "other".
const maxReasons = 32

// A poolMetric is a metric of ours with the label pool alone.
type poolMetric struct {
	desc  *prometheus.Desc
	typ   prometheus.ValueType
	value func(*status.Snapshot) float64
}

func poolMetrics() []poolMetric {
	gauge := func(name, help string, value func(*status.Snapshot) float64) poolMetric {
		return poolMetric{ownDesc(name, help, "pool"), prometheus.GaugeValue, value}
	}
	counter := func(name, help string, value func(*status.Snapshot) uint64) poolMetric {
		return poolMetric{ownDesc(name, help, "pool"), prometheus.CounterValue, func(s *status.Snapshot) float64 { return float64(value(s)) }}
	}
	return []poolMetric{
		gauge("connections", "Open connections of clients, idle ones included.", func(s *status.Snapshot) float64 { return float64(s.Connections) }),
		gauge("queue_depth", "Requests that wait for a worker.", func(s *status.Snapshot) float64 { return float64(s.Queue) }),
		gauge("queue_limit", "Requests that may wait, queue.max_length.", func(s *status.Snapshot) float64 { return float64(s.Limits.Queue) }),
		gauge("queue_oldest_seconds", "How long the request that waits longest has waited.", func(s *status.Snapshot) float64 { return s.QueueOldest.Seconds() }),
		gauge("worker_limit", "Workers there may be, pm.max_children.", func(s *status.Snapshot) float64 { return float64(s.Limits.MaxChildren) }),
		gauge("utilization_ratio", "Active workers by workers there may be.", utilization),
		gauge("worker_pss_bytes", "Proportional set size of all workers together; 0 when it is not measured.", func(s *status.Snapshot) float64 { return float64(s.PSS) }),
		gauge("generation", "The generation of the pool, which each reload counts up.", func(s *status.Snapshot) float64 { return float64(s.Generation) }),
		gauge("pool_failed", "Whether the pool's workers do not start, so that its requests are refused.", func(s *status.Snapshot) float64 { return boolValue(s.Failed) }),
		gauge("pool_start_time_seconds", "Start of this generation of the pool, since the epoch.", func(s *status.Snapshot) float64 { return seconds(s.StartTime) }),
		gauge("listen_backlog_used", "Connections that the kernel holds for the pool's listening socket.", func(s *status.Snapshot) float64 { return float64(s.BacklogUsed) }),
		gauge("listen_backlog_limit", "Connections that the kernel holds at most.", func(s *status.Snapshot) float64 { return float64(s.BacklogLimit) }),
		counter("listen_backlog_overflows_total", "Times the kernel's backlog was found full.", func(s *status.Snapshot) uint64 { return s.BacklogOverflows }),
		counter("retries_total", "Requests given to a second worker after the first had died.", func(s *status.Snapshot) uint64 { return s.Retries }),
		counter("slow_requests_total", "Requests that ran longer than request_slowlog_timeout.", func(s *status.Snapshot) uint64 { return s.SlowRequests }),
		counter("max_children_reached_total", "Times more workers were wanted than pm.max_children allows.", func(s *status.Snapshot) uint64 { return s.MaxChildrenReached }),
		counter("worker_starts_total", "Workers started.", func(s *status.Snapshot) uint64 { return s.Spawns }),
		counter("oom_kills_total", "Workers killed by the kernel for lack of memory.", func(s *status.Snapshot) uint64 { return s.OOMKills }),
	}
}

// ownMetrics are those of ours that have another label or are histograms.
type ownMetrics struct {
	requests, responses, workers, exits, logDrops *prometheus.Desc
	queue, request, cpu, spawn                    *prometheus.Desc
}

func newOwnMetrics() ownMetrics {
	return ownMetrics{
		requests:  ownDesc("requests_total", "Requests by how they ended.", "pool", "outcome"),
		responses: ownDesc("responses_total", "Responses by the class of their status.", "pool", "code"),
		workers:   ownDesc("workers", "Workers by what they do.", "pool", "state"),
		exits:     ownDesc("worker_exits_total", "Workers gone, by reason.", "pool", "reason"),
		logDrops:  ownDesc("log_dropped_total", "Lines lost because a log could not be written.", "pool", "log"),
		queue:     ownDesc("queue_seconds", "Time from a request's arrival to its worker.", "pool"),
		request:   ownDesc("request_seconds", "Time from a request's arrival to the end of its response.", "pool"),
		cpu:       ownDesc("cpu_seconds", "CPU time, user and system, of a request.", "pool"),
		spawn:     ownDesc("spawn_seconds", "Time from the start of a worker to its being ready.", "pool"),
	}
}

func (m *ownMetrics) describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{m.requests, m.responses, m.workers, m.exits, m.logDrops, m.queue, m.request, m.cpu, m.spawn} {
		ch <- desc
	}
}

func (m *ownMetrics) collect(ch chan<- prometheus.Metric, s *status.Snapshot) {
	pool := label(s.Pool)
	for outcome, n := range s.Outcomes {
		send(ch, m.requests, prometheus.CounterValue, float64(n), pool, status.Outcome(outcome).String())
	}
	for class, n := range s.Responses {
		send(ch, m.responses, prometheus.CounterValue, float64(n), pool, strconv.Itoa(class+1)+"xx")
	}
	finishing := 0
	for i := range s.Processes {
		if s.Processes[i].State == status.Finishing {
			finishing++
		}
	}
	send(ch, m.workers, prometheus.GaugeValue, float64(s.IdleProcesses), pool, "idle")
	send(ch, m.workers, prometheus.GaugeValue, float64(max(0, s.ActiveProcesses-finishing)), pool, "active")
	send(ch, m.workers, prometheus.GaugeValue, float64(finishing), pool, "finishing")
	send(ch, m.workers, prometheus.GaugeValue, float64(s.StartingProcesses), pool, "starting")
	send(ch, m.workers, prometheus.GaugeValue, float64(s.StoppingProcesses), pool, "stopping")
	sendNamed(ch, m.exits, s.Exits, pool)
	sendNamed(ch, m.logDrops, s.LogDrops, pool)
	ch <- newHistogram(m.queue, &s.QueueTime, pool)
	ch <- newHistogram(m.request, &s.RequestTime, pool)
	ch <- newHistogram(m.cpu, &s.CPUTime, pool)
	ch <- newHistogram(m.spawn, &s.SpawnTime, pool)
}

// sendNamed sends counters by name, a bounded number of them.
func sendNamed(ch chan<- prometheus.Metric, desc *prometheus.Desc, counts map[string]uint64, pool string) {
	const other = "other"
	bounded := make(map[string]uint64)
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		value := label(name)
		if _, ok := bounded[value]; !ok && len(bounded) >= maxReasons-1 {
			value = other
		}
		bounded[value] += counts[name]
	}
	for value, n := range bounded {
		send(ch, desc, prometheus.CounterValue, float64(n), pool, value)
	}
}

func utilization(s *status.Snapshot) float64 {
	if s.Limits.MaxChildren == 0 {
		return 0
	}
	return float64(s.ActiveProcesses) / float64(s.Limits.MaxChildren)
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func ownDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("anyfpm_"+name, help, labels, nil)
}
