//go:build integration

package scenario

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A metricsPage has the value of each series of a scrape by its name, with its
// labels in alphabetical order.
type metricsPage map[string]float64

// scrape fetches the metrics of a service that has metrics.listen.
func scrape(t *testing.T, d *harness.Daemon) metricsPage {
	t.Helper()
	conf, err := os.ReadFile(d.Conf)
	listen := regexp.MustCompile(`(?m)^metrics\.listen = (.*)$`).FindSubmatch(conf)
	if err != nil || listen == nil {
		t.Fatalf("the configuration has no metrics.listen: %v", err)
	}
	client := http.Client{Timeout: harness.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + string(listen[1]) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("the metrics are %d %q, %v", res.StatusCode, text, err)
	}
	page := metricsPage{}
	for line := range strings.Lines(string(text)) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			if page[line[:i]], err = strconv.ParseFloat(strings.TrimSpace(line[i:]), 64); err != nil {
				t.Fatalf("the metrics have the line %q", line)
			}
		}
	}
	return page
}

// value is that of a series, which must be there.
func (p metricsPage) value(t *testing.T, series string) float64 {
	t.Helper()
	value, there := p[series]
	if !there {
		t.Errorf("there is no %s", series)
	}
	return value
}

// expect compares series with what they should be.
func (p metricsPage) expect(t *testing.T, want map[string]float64) {
	t.Helper()
	for series, value := range want {
		if got := p.value(t, series); got != value {
			t.Errorf("%s is %v, want %v", series, got, value)
		}
	}
}

// metrics.path is where the metrics are, and nothing is where they were.
func TestMetricsPath(t *testing.T) {
	t.Parallel()
	port := harness.FreePort(t)
	suite.Start(t, fmt.Sprintf("[global]\nmetrics.listen = 127.0.0.1:%d\nmetrics.path = /numbers\n", port)+oneWorker)
	fetch := harness.Browser(fmt.Sprintf("http://127.0.0.1:%d", port)).Fetch
	if got := fetch(t, "GET", "/numbers", "", nil); got.Status != 200 || !strings.Contains(got.Body, `anyfpm_worker_limit{pool="www"} 1`) {
		t.Errorf("/numbers got %v", got)
	}
	if got := fetch(t, "GET", "/metrics", "", nil); got.Status != 404 {
		t.Errorf("/metrics got %v", got)
	}
}

// The metrics answer while every worker is busy and the queue is full, and
// tell of each request how it ended.
func TestMetrics(t *testing.T) {
	const conf = "[global]\nmetrics.listen = 127.0.0.1:{{PORT}}\n" + oneWorker + "queue.max_length = 2\n"
	suite.Everybody(t, conf, func(t *testing.T, d *harness.Daemon) {
		d.ExpectWorks()
		d.Get("/missing.sh")
		d.Get("/ping")
		gate := d.Gate()
		var held []<-chan harness.Outcome
		for i := range 3 {
			held = append(held, d.Go(harness.Request{Path: "/hold.sh"}))
			d.AwaitProcesses("hold.sh", 1)
			harness.Eventually(t, harness.Patience, func() error {
				if n := int(scrape(t, d)[`anyfpm_queue_depth{pool="www"}`]); n != i {
					return fmt.Errorf("%d wait", n)
				}
				return nil
			})
		}
		expectBusy(t, d.Get("/hold.sh"))
		busy := scrape(t, d)
		busy.expect(t, map[string]float64{
			`anyfpm_requests_total{outcome="queue_full",pool="www"}`:                          1,
			`anyfpm_queue_depth{pool="www"}`:                                                  2,
			`anyfpm_queue_limit{pool="www"}`:                                                  2,
			`anyfpm_workers{pool="www",state="active"}`:                                       1,
			`anyfpm_worker_limit{pool="www"}`:                                                 1,
			`anyfpm_utilization_ratio{pool="www"}`:                                            1,
			`anyfpm_generation{pool="www"}`:                                                   1,
			`anyfpm_config_last_reload_successful`:                                            1,
			`phpfpm_up{pool="www",scrape_uri="unix://` + d.Address() + `;/status"}`:           1,
			`phpfpm_listen_queue{pool="www",scrape_uri="unix://` + d.Address() + `;/status"}`: 2,
		})
		if oldest := busy.value(t, `anyfpm_queue_oldest_seconds{pool="www"}`); oldest <= 0 || oldest > 60 {
			t.Errorf("the oldest waits for %v s", oldest)
		}
		gate.Open(3)
		for _, h := range held {
			<-h
		}
		var idle metricsPage
		harness.Eventually(t, harness.Patience, func() error {
			idle = scrape(t, d)
			if gone := idle[`anyfpm_worker_exits_total{pool="www",reason="completed"}`]; gone != 4 {
				return fmt.Errorf("%v scripts have ended", gone)
			}
			return nil
		})
		idle.expect(t, map[string]float64{
			`anyfpm_requests_total{outcome="completed",pool="www"}`:  4,
			`anyfpm_requests_total{outcome="denied",pool="www"}`:     1,
			`anyfpm_requests_total{outcome="internal",pool="www"}`:   1,
			`anyfpm_requests_total{outcome="queue_full",pool="www"}`: 1,
			`anyfpm_responses_total{code="2xx",pool="www"}`:          5,
			`anyfpm_responses_total{code="4xx",pool="www"}`:          1,
			`anyfpm_responses_total{code="5xx",pool="www"}`:          1,
			`anyfpm_queue_seconds_count{pool="www"}`:                 4,
			`anyfpm_request_seconds_count{pool="www"}`:               7,
			`anyfpm_request_seconds_bucket{pool="www",le="+Inf"}`:    7,
			`anyfpm_cpu_seconds_count{pool="www"}`:                   4,
			`anyfpm_worker_starts_total{pool="www"}`:                 4,
			`anyfpm_queue_depth{pool="www"}`:                         0,
		})
		for _, resource := range []string{"cpu", "io", "memory"} {
			if _, err := os.Stat("/proc/pressure/" + resource); err == nil {
				idle.value(t, `anyfpm_pressure_waiting_seconds_total{resource="`+resource+`"}`)
			}
		}
	})
}

// A reload and a failed one show in the metrics at once.
func TestMetricsOfReload(t *testing.T) {
	t.Parallel()
	const conf = "[global]\nmetrics.listen = 127.0.0.1:{{PORT}}\n" + oneWorker
	d := suite.Start(t, conf)
	first := scrape(t, d)
	if _, code := d.CLI("reload", "-y", d.Conf); code != 0 {
		t.Errorf("reload ended with %d", code)
	}
	good := scrape(t, d)
	good.expect(t, map[string]float64{
		`anyfpm_generation{pool="www"}`: 2, `anyfpm_reloads_total{result="success"}`: 1, `anyfpm_reloads_total{result="failure"}`: 0,
		`anyfpm_config_last_reload_successful`: 1,
	})
	const when = "anyfpm_config_last_reload_success_timestamp_seconds"
	if before, after := first.value(t, when), good.value(t, when); after <= before || after > float64(time.Now().Unix()+1) {
		t.Errorf("the last reload was at %v, before at %v", after, before)
	}
	text := d.ReadFile("anyfpm.conf")
	if err := os.WriteFile(d.Conf, []byte(text+"pm = nonsense\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, code := d.CLI("reload", "-y", d.Conf); code == 0 {
		t.Error("a reload with nonsense succeeds")
	}
	bad := scrape(t, d)
	bad.expect(t, map[string]float64{
		`anyfpm_generation{pool="www"}`: 2, `anyfpm_reloads_total{result="success"}`: 1, `anyfpm_reloads_total{result="failure"}`: 1,
		`anyfpm_config_last_reload_successful`: 0, when: good[when],
	})
	d.ExpectWorks()
}
