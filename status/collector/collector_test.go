package collector

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/anyfpm/anyfpm/status"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// example is a service with a busy pool, an idle one on a unix socket and one
// that does not answer.
func example() status.Service {
	start := time.Date(2026, 11, 20, 15, 35, 3, 0, time.UTC)
	www := status.Snapshot{
		Pool: "www", ProcessManager: "dynamic", StartTime: start, AcceptedConn: 70123,
		ListenQueue: 3, MaxListenQueue: 17, ListenQueueLen: 511,
		IdleProcesses: 1, ActiveProcesses: 2, TotalProcesses: 3, MaxActiveProcesses: 5,
		MaxChildrenReached: 1, SlowRequests: 4, MemoryPeak: 2097152,
		Processes: []status.Process{
			{PID: 10178, State: status.Idle, StartTime: start, Requests: 70000, RequestDuration: 311 * time.Microsecond, LastRequestCPU: 12.5, LastRequestMemory: 2097152},
			{PID: 10179, State: status.Running, StartTime: start, Requests: 1, RequestDuration: 2500 * time.Millisecond, LastRequestCPU: 50, LastRequestMemory: 1},
			{PID: 10180, State: status.RequestInfo, StartTime: start},
			{PID: 10181, State: status.Finishing, StartTime: start, Requests: 2},
		},
		Runner: "php", Listen: "127.0.0.1:9000", StatusPath: "/status", Generation: 2, Failed: false,
		Limits:      status.Limits{MaxChildren: 5, StartServers: 2, MinSpareServers: 1, MaxSpareServers: 3, Queue: 511},
		Connections: 12, Queue: 2, QueueOldest: 1250 * time.Millisecond, StartingProcesses: 1,
		BacklogUsed: 1, BacklogLimit: 511, BacklogOverflows: 7,
		Retries: 6, Spawns: 9, Exits: map[string]uint64{"idle": 3, "max_requests": 2}, OOMKills: 1, PSS: 30 << 20,
		LogDrops: map[string]uint64{"access": 5},
	}
	www.Outcomes[status.Completed], www.Outcomes[status.QueueFull] = 70100, 23
	www.Responses.Add(200)
	www.Responses.Add(503)
	for range 99 {
		www.QueueTime.Observe(2 * time.Millisecond)
		www.RequestTime.Observe(20 * time.Millisecond)
		www.CPUTime.Observe(0)
	}
	www.RequestTime.Observe(time.Second)
	return status.Service{
		Version: "1.2.3", Time: start.Add(90 * time.Second), StartTime: start.Add(-time.Hour),
		Reloads: 2, FailedReloads: 1, LastReload: start, ReloadFailing: true, LogDrops: 4,
		Pressure: []status.Pressure{
			{Resource: "cpu", Some: 90 * time.Second}, {Resource: "io", Some: 2500 * time.Millisecond, Full: time.Second}, {Resource: "memory"},
		},
		Pools: []status.Snapshot{
			www,
			{Pool: "idle", ProcessManager: "ondemand", StartTime: start, Listen: "/run/idle.sock", StatusPath: "/s", Failed: true},
			{Pool: "gone", Listen: "9001", StatusPath: "/status", Unreachable: true, Failures: 8},
			{Pool: "www", Listen: "the generation before"},
		},
	}
}

// scrape returns the text page of a registry that is strict about consistency.
func scrape(t *testing.T) []byte {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(example))
	recorder := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	if recorder.Code != 200 {
		t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
	return recorder.Body.Bytes()
}

func TestGolden(t *testing.T) {
	got := scrape(t)
	path := filepath.Join("testdata", "metrics.golden")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestPromtool has Prometheus' own linter read the page. It may complain about
// names only where they are php-fpm_exporter's.
func TestPromtool(t *testing.T) {
	const promtool = "/usr/bin/promtool"
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = bytes.NewReader(scrape(t))
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
		t.Fatalf("cannot run %s (apt-get install prometheus): %v\n%s", promtool, err, out)
	}
	complaints := 0
	for line := range strings.Lines(string(out)) {
		complaints++
		if !strings.HasPrefix(line, "phpfpm_") {
			t.Errorf("promtool: %s", line)
		}
	}
	if complaints == 0 {
		t.Error("promtool finds nothing in php-fpm_exporter's names: has it read them?")
	}
}

// TestExporterNames holds the names, types and labels to php-fpm_exporter's,
// typed here once more: they are other people's dashboards.
func TestExporterNames(t *testing.T) {
	const pool, process, state = "pool scrape_uri", "child pool scrape_uri", "child pool scrape_uri state"
	want := map[string]string{
		"phpfpm_up":                          "GAUGE " + pool,
		"phpfpm_scrape_failures":             "COUNTER " + pool,
		"phpfpm_start_since":                 "COUNTER " + pool,
		"phpfpm_accepted_connections":        "COUNTER " + pool,
		"phpfpm_listen_queue":                "GAUGE " + pool,
		"phpfpm_max_listen_queue":            "COUNTER " + pool,
		"phpfpm_listen_queue_length":         "GAUGE " + pool,
		"phpfpm_idle_processes":              "GAUGE " + pool,
		"phpfpm_active_processes":            "GAUGE " + pool,
		"phpfpm_total_processes":             "GAUGE " + pool,
		"phpfpm_max_active_processes":        "COUNTER " + pool,
		"phpfpm_max_children_reached":        "COUNTER " + pool,
		"phpfpm_slow_requests":               "COUNTER " + pool,
		"phpfpm_process_requests":            "COUNTER " + process,
		"phpfpm_process_last_request_memory": "GAUGE " + process,
		"phpfpm_process_last_request_cpu":    "GAUGE " + process,
		"phpfpm_process_request_duration":    "GAUGE " + process,
		"phpfpm_process_state":               "GAUGE " + state,
	}
	got := map[string]string{}
	for _, family := range gather(t, example) {
		if _, ok := want[family.GetName()]; ok {
			var labels []string
			for _, pair := range family.GetMetric()[0].GetLabel() {
				labels = append(labels, pair.GetName())
			}
			got[family.GetName()] = family.GetType().String() + " " + strings.Join(labels, " ")
		}
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s is %q, want %q", name, got[name], want[name])
		}
	}
}

func gather(t *testing.T, source Source) []*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(source))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// TestHistogramHasBothForms reads a histogram's native buckets back.
func TestHistogramHasBothForms(t *testing.T) {
	service := example()
	service.Pools = service.Pools[:1]
	for _, family := range gather(t, func() status.Service { return service }) {
		if family.GetName() != "anyfpm_request_seconds" {
			continue
		}
		h := family.GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != 100 || len(h.GetBucket()) == 0 || h.GetSchema() != 3 {
			t.Errorf("got %v", h)
		}
		index, count, position := int32(0), int64(0), 0
		got := map[int32]int64{}
		for _, span := range h.GetPositiveSpan() {
			index += span.GetOffset()
			for range span.GetLength() {
				count += h.GetPositiveDelta()[position]
				got[index] = count
				index++
				position++
			}
		}
		// 20 ms is in the bucket that ends at 2^(-45/8) s = 20.3 ms.
		if fmt.Sprint(got) != "map[-45:99 0:1]" {
			t.Errorf("native buckets %v", got)
		}
		return
	}
	t.Error("there is no anyfpm_request_seconds")
}

// TestHostileNames gives a collector names that no metric may have, and more
// exit reasons than a label may.
func TestHostileNames(t *testing.T) {
	exits := map[string]uint64{"\xff": 1, "\xfe": 2}
	for i := range 1000 {
		exits[fmt.Sprint("reason ", i)] = 1
	}
	service := status.Service{Version: "\xff", Pools: []status.Snapshot{
		{Pool: "\xff", Listen: "/\xff", Exits: exits, Processes: []status.Process{{State: "\xff"}}},
		{Pool: "\xfe"},
		{Pool: "a\"\n\\b", Unreachable: true},
	}}
	var reasons []string
	var total float64
	for _, family := range gather(t, func() status.Service { return service }) {
		if family.GetName() != "anyfpm_worker_exits_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			reasons = append(reasons, m.GetLabel()[1].GetValue())
			total += m.GetCounter().GetValue()
		}
	}
	if len(reasons) != maxReasons || !slices.Contains(reasons, "other") || total != 1003 {
		t.Errorf("%d reasons with %v exits: %q", len(reasons), total, reasons)
	}
}

func TestScrapeURI(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:9000": "tcp://127.0.0.1:9000/status",
		"[::1]:9000":     "tcp://[::1]:9000/status",
		"9000":           "tcp://127.0.0.1:9000/status",
		"/tmp/php.sock":  "unix:///tmp/php.sock;/status",
	} {
		if got := ScrapeURI(listen, "/status"); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
}

func TestHandler(t *testing.T) {
	handler, err := Handler(example)
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{"phpfpm_up{", "anyfpm_requests_total{", "go_goroutines ", "process_open_fds "} {
		if !strings.Contains(recorder.Body.String(), "\n"+want) {
			t.Errorf("there is no %s", want)
		}
	}
}

func BenchmarkScrape(b *testing.B) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(New(example))
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
