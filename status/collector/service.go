package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anyfpm/anyfpm/status"
)

// A serviceMetric is a metric of ours about the whole service.
type serviceMetric struct {
	desc    *prometheus.Desc
	collect func(ch chan<- prometheus.Metric, s *status.Service)
}

func serviceMetrics() []serviceMetric {
	build := ownDesc("build_info", "The version that runs; always 1.", "version")
	start := ownDesc("start_time_seconds", "Start of the master, since the epoch.")
	reloads := ownDesc("reloads_total", "Loads of the configuration after the first, by their result.", "result")
	success := ownDesc("config_last_reload_successful", "Whether the last load of the configuration succeeded.")
	loaded := ownDesc("config_last_reload_success_timestamp_seconds", "Last successful load of the configuration, since the epoch.")
	lost := ownDesc("master_log_dropped_total", "Lines of the master lost because the error log could not be written.")
	waiting := ownDesc("pressure_waiting_seconds_total", "Time in which at least one process of the service's control group, or of the system, waited for the resource (PSI some).", "resource")
	stalled := ownDesc("pressure_stalled_seconds_total", "Time in which all of them that wanted to run waited for the resource (PSI full).", "resource")
	return []serviceMetric{
		{build, func(ch chan<- prometheus.Metric, s *status.Service) {
			send(ch, build, prometheus.GaugeValue, 1, label(s.Version))
		}},
		{start, func(ch chan<- prometheus.Metric, s *status.Service) {
			send(ch, start, prometheus.GaugeValue, seconds(s.StartTime))
		}},
		{reloads, func(ch chan<- prometheus.Metric, s *status.Service) {
			send(ch, reloads, prometheus.CounterValue, float64(s.Reloads), "success")
			send(ch, reloads, prometheus.CounterValue, float64(s.FailedReloads), "failure")
		}},
		{success, func(ch chan<- prometheus.Metric, s *status.Service) {
			send(ch, success, prometheus.GaugeValue, boolValue(!s.ReloadFailing))
		}},
		{loaded, func(ch chan<- prometheus.Metric, s *status.Service) {
			send(ch, loaded, prometheus.GaugeValue, seconds(s.LastReload))
		}},
		{waiting, func(ch chan<- prometheus.Metric, s *status.Service) {
			for _, p := range s.Pressure {
				send(ch, waiting, prometheus.CounterValue, p.Some.Seconds(), label(p.Resource))
			}
		}},
		{stalled, func(ch chan<- prometheus.Metric, s *status.Service) {
			for _, p := range s.Pressure {
				send(ch, stalled, prometheus.CounterValue, p.Full.Seconds(), label(p.Resource))
			}
		}},
		{lost, func(ch chan<- prometheus.Metric, s *status.Service) {
			send(ch, lost, prometheus.CounterValue, float64(s.LogDrops))
		}},
	}
}

// seconds is a time since the epoch; the zero time is 0.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
