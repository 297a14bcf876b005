//go:build integration

package examples

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

const (
	promtool   = "/usr/bin/promtool"
	prometheus = "/usr/bin/prometheus"
)

// promtool accepts the configuration and the rules, and every alert fires when
// it should and only then.
func TestMonitoringRules(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(harness.Root(t), "examples", "monitoring")
	run(t, dir, promtool, "check", "config", "prometheus.yml")
	run(t, dir, promtool, "test", "rules", "alerts_test.yml")
	tested := read(t, filepath.Join(dir, "alerts_test.yml"))
	alerts := regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(read(t, filepath.Join(dir, "alerts.yml")), -1)
	if len(alerts) == 0 {
		t.Fatal("there are no alerts")
	}
	for _, alert := range alerts {
		if !strings.Contains(tested, "{eval_time: 25m, alertname: "+alert[1]+"}") {
			t.Errorf("nothing says that %s is silent for a pool that is well", alert[1])
		}
		if !regexp.MustCompile(`alertname: ` + alert[1] + `\n +exp_alerts:`).MatchString(tested) {
			t.Errorf("nothing says when %s fires", alert[1])
		}
	}
}

// A dashboard is what of Grafana's format counts here.
type dashboard struct {
	Title      string `json:"title"`
	UID        string `json:"uid"`
	Templating struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
	Panels []struct {
		ID      int    `json:"id"`
		Type    string `json:"type"`
		Title   string `json:"title"`
		GridPos struct{ H, W, X, Y int }
		Targets []struct {
			RefID string `json:"refId"`
			Expr  string `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	text := read(t, filepath.Join(harness.Root(t), "examples", "monitoring", "dashboard.json"))
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The dashboard is one that Grafana can show: its panels have names, numbers
// and places of their own.
func TestDashboard(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	if d.Title == "" || d.UID == "" || len(d.Panels) == 0 {
		t.Fatalf("the dashboard is %+v", d)
	}
	ids, titles, taken := map[int]bool{}, map[string]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || titles[p.Title] || p.Title == "" {
			t.Errorf("panel %d %q is there twice, or has no name", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		if (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("%q is a %s with %d queries", p.Title, p.Type, len(p.Targets))
		}
		for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				if other, is := taken[[2]int{x, y}]; is || x >= 24 {
					t.Fatalf("%q lies over %q or the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if refs[target.RefID] || target.Expr == "" {
				t.Errorf("%q has two queries %s, or an empty one", p.Title, target.RefID)
			}
			refs[target.RefID] = true
		}
	}
}

// A promServer is a running Prometheus.
type promServer struct {
	harness.Browser
	t *testing.T
}

// startPrometheus runs the example's Prometheus, faster, against a service.
func startPrometheus(t *testing.T, target string, args ...string) promServer {
	t.Helper()
	if _, err := os.Stat(prometheus); err != nil {
		t.Fatal("prometheus is missing: run scripts/install-test-deps")
	}
	as := harness.Current()
	as.PoolUser = ""
	box := harness.NewSandbox(t, as)
	source := filepath.Join(harness.Root(t), "examples", "monitoring")
	config := strings.NewReplacer("15s", "200ms", "127.0.0.1:9253", target,
		"- job_name: anyfpm\n", "- job_name: anyfpm\n    scrape_timeout: 200ms\n    relabel_configs: [{target_label: namespace, replacement: web}]\n",
	).Replace(read(t, filepath.Join(source, "prometheus.yml")))
	file := box.File("prometheus.yml", config)
	box.File("alerts.yml", read(t, filepath.Join(source, "alerts.yml")))
	address := "127.0.0.1:" + strconv.Itoa(harness.FreePort(t))
	output, err := os.Create(filepath.Join(box.Logs, "prometheus.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("prometheus said\n%s", read(t, output.Name()))
		}
	})
	harness.Run(t, harness.Command{
		Args: append([]string{prometheus, "--config.file=" + file, "--web.listen-address=" + address,
			"--storage.tsdb.path=" + box.Path("data"), "--log.level=warn"}, args...),
		Env: []string{"PATH=/usr/bin:/bin", "HOME=" + box.Dir, "TMPDIR=" + box.Tmp}, Dir: box.Dir, Output: output, As: as,
	})
	harness.Eventually(t, 3*harness.Patience, func() error { return harness.Listening(address) })
	return promServer{harness.Browser("http://" + address), t}
}

// api fetches the data of an answer of Prometheus.
func (p promServer) api(path string, data any) error {
	p.t.Helper()
	res := p.Fetch(p.t, "GET", "/api/v1/"+path, "", nil)
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal([]byte(res.Body), &answer); err != nil {
		return fmt.Errorf("%v: %w", res, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("prometheus answers %d %s", res.Status, answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// query evaluates an expression and returns how many series it gives.
func (p promServer) query(expr string) (series int, err error) {
	p.t.Helper()
	var data struct{ Result []any }
	err = p.api("query?query="+url.QueryEscape(expr), &data)
	return len(data.Result), err
}

// expectData waits until an expression gives something.
func (p promServer) expectData(what, expr string) {
	p.t.Helper()
	harness.Eventually(p.t, 2*harness.Patience, func() error {
		n, err := p.query(expr)
		if err == nil && n == 0 {
			err = fmt.Errorf("no data")
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", what, expr, err)
		}
		return nil
	})
}

// hipages are the queries about php-fpm in the dashboard that comes with
// hipages/php-fpm_exporter, grafana/kubernetes-php-fpm.json (Grafana 4912).
var hipages = []string{
	`avg((sum(phpfpm_active_processes{namespace="web"}) by (kubernetes_pod_name) *100) / sum(phpfpm_total_processes{namespace="web"}) by (kubernetes_pod_name))`,
	`sum(phpfpm_max_children_reached{namespace="web"})`,
	`delta(phpfpm_accepted_connections{namespace="web"}[2m])`,
	`count(phpfpm_up{namespace="web"} > 0)`,
	`sum(phpfpm_active_processes{namespace="web"})`,
	`sum(phpfpm_idle_processes{namespace="web"})`,
	`sum(phpfpm_total_processes{namespace="web"})`,
	`sum(phpfpm_listen_queue{namespace="web"})`,
	`sum(phpfpm_process_request_duration{namespace="web"}) by (pid_hash)`,
	`sum(phpfpm_process_requests{namespace="web"}) by (pid_hash)`,
	`sum(phpfpm_process_state{namespace="web"}) by (state)`,
	`sum(phpfpm_process_state{namespace="web"})`,
	`sum(phpfpm_scrape_failures{namespace="web"})`,
}

// ill are pools that give reasons for an alert.
const ill = `
[failed]
listen = {{RUN}}/failed.sock
pm = static
pm.max_children = 1
runner = fastcgi
runner.command = /bin/false

[full]
listen = {{RUN}}/full.sock
pm = static
pm.max_children = 1
ping.path = /ping
access.log = /dev/full

[resident]
listen = {{RUN}}/resident.sock
pm = static
pm.max_children = 2
runner = python
pm.status_path = /status
`

// A real Prometheus scrapes the example's pool. Every query of the dashboard
// and of hipages' finds data; every alert can be evaluated, finds the metrics it
// asks for, and those with a reason are raised.
func TestMonitoring(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(harness.Root(t), "examples", "monitoring")
	conf := regexp.MustCompile(`(?m)^(pid|error_log|user|group|listen.owner) *=.*\n`).ReplaceAllString(read(t, filepath.Join(dir, "pool.conf")), "")
	conf = strings.NewReplacer("/run/anyfpm/", "{{RUN}}/", "/var/log/anyfpm/", "{{LOG}}/", ":9253", ":{{PORT}}").Replace(conf)
	d := harness.Start(t, suite.Service(conf+ill, harness.Current()))
	d.File("hello.py", "print('Content-Type: text/plain\\n\\nhello')\n")
	metrics := regexp.MustCompile(`metrics\.listen = (\S+)`).FindStringSubmatch(read(t, d.Conf))
	server, native := startPrometheus(t, metrics[1]), startPrometheus(t, metrics[1], "--enable-feature=native-histograms")

	served := func() error {
		d.ExpectWorks()
		d.Get("/missing.sh")
		d.Get("/hello.py", "resident")
		d.Get("/ping", "full")
		n, err := server.query(`sum by (pool) (rate(anyfpm_requests_total{pool=~"monitoring|resident|full"}[10s])) > 0`)
		if err == nil && n != 3 {
			err = fmt.Errorf("%d pools have requests", n)
		}
		return err
	}
	harness.Eventually(t, 3*harness.Patience, served)

	variables := strings.NewReplacer("$__rate_interval", "30s", "$pool", ".*", "$instance", ".*")
	board := readDashboard(t)
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			if strings.Contains(target.Expr, "anyfpm_pressure") && !hasPressure() {
				continue // this kernel does not tell
			}
			server.expectData(p.Title, variables.Replace(target.Expr))
		}
	}
	for _, annotation := range board.Annotations.List {
		if _, err := server.query(variables.Replace(annotation.Expr)); err != nil {
			t.Error(err)
		}
	}
	for _, v := range board.Templating.List {
		if v.Type != "query" {
			continue
		}
		parts := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(variables.Replace(v.Definition))
		if parts == nil {
			t.Fatalf("the variable %s is %s", v.Name, v.Definition)
		}
		server.expectValues(parts[1], parts[2])
	}
	for _, expr := range hipages {
		server.expectData("hipages", expr)
	}
	server.expectValues("phpfpm_up", "namespace")
	for _, m := range []string{"queue", "request", "cpu", "spawn"} { // buckets without le: native ones
		native.expectData("native histogram", "histogram_quantile(0.99, sum by (pool) (anyfpm_"+m+"_seconds))")
	}

	text := read(t, d.Conf)
	if err := os.WriteFile(d.Conf, []byte(text+"pm = nonsense\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, code := d.CLI("reload", "-y", d.Conf); code == 0 {
		t.Errorf("a reload of nonsense says %s", out)
	}
	server.expectAlerts(served, "AnyfpmPoolFailed", "AnyfpmLogLinesLost", "AnyfpmReloadFailed")
}

// A rule is what Prometheus says of an alert.
type rule struct {
	Name, Query, Health, LastError, State string
}

// expectAlerts wants every alert to be evaluated and to find its metrics, and
// the named ones to be raised, now or when their time is over.
func (p promServer) expectAlerts(load func() error, raised ...string) {
	p.t.Helper()
	var rules []rule
	harness.Eventually(p.t, 3*harness.Patience, func() error {
		var data struct{ Groups []struct{ Rules []rule } }
		err := errors.Join(load(), p.api("rules", &data))
		if err != nil {
			return err
		}
		rules = nil
		for _, group := range data.Groups {
			rules = append(rules, group.Rules...)
		}
		for _, r := range rules {
			if r.Health != "ok" {
				return fmt.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
			}
			if r.State == "inactive" && slices.Contains(raised, r.Name) {
				return fmt.Errorf("%s is not raised", r.Name)
			}
		}
		return nil
	})
	if len(rules) < len(raised) {
		p.t.Errorf("there are only %d alerts", len(rules))
	}
	// Without what it is compared with, an expression says whether its metrics
	// are there.
	comparison := regexp.MustCompile(` (==|>=|>) [0-9.]+`)
	for _, r := range rules {
		if !strings.Contains(r.Query, "anyfpm_pressure") || hasPressure() {
			p.expectData(r.Name, comparison.ReplaceAllString(r.Query, ""))
		}
		if (r.State == "firing" || r.State == "pending") && !slices.Contains(raised, r.Name) {
			p.t.Errorf("%s is raised for %s", r.Name, r.Query)
		}
	}
}

func hasPressure() bool {
	_, err := os.Stat("/proc/pressure/cpu")
	return err == nil
}

// expectValues wants values of a label, as Grafana asks for them.
func (p promServer) expectValues(metric, label string) {
	p.t.Helper()
	var values []string
	if err := p.api("label/"+label+"/values?match[]="+url.QueryEscape(metric), &values); err != nil || len(values) == 0 {
		p.t.Errorf("%s has the labels %s %v, %v", metric, label, values, err)
	}
}
