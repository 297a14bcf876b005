//go:build integration

package examples

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/anyfpm/anyfpm/tests/harness"
)

type probe struct {
	Exec struct{ Command []string }
}

type object struct {
	Kind string
	Data map[string]string
	Spec struct {
		Template struct {
			Spec struct {
				Grace      int `yaml:"terminationGracePeriodSeconds"`
				Containers []struct {
					Name      string
					Args      []string
					Liveness  probe `yaml:"livenessProbe"`
					Readiness probe `yaml:"readinessProbe"`
				}
			}
		}
	}
}

// The pod's two containers run here as the manifest says, with nothing changed
// but paths and ports: the probes succeed, nginx serves, Prometheus is
// answered, and between the signal and the end the pod serves on.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	objects := map[string]object{}
	decoder := yaml.NewDecoder(strings.NewReader(read(t, filepath.Join(harness.Root(t), "examples/kubernetes/app.yaml"))))
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		objects[o.Kind] = o
	}
	files, pod := objects["ConfigMap"].Data, objects["Deployment"].Spec.Template.Spec
	if len(pod.Containers) != 2 || pod.Grace < 5+25 || strings.Join(pod.Containers[0].Args, " ") != "run -y /etc/anyfpm/anyfpm.conf" {
		t.Fatalf("the pod is not what the test runs: %+v", pod)
	}

	metrics := fmt.Sprint(harness.FreePort(t))
	conf := strings.NewReplacer("/run/anyfpm/", "{{RUN}}/", "error_log = /dev/stderr\n", "", "/dev/stderr", "{{LOG}}/access.log", "9253", "127.0.0.1:"+metrics,
		"drain_delay = 5s", "drain_delay = 1s").Replace(files["anyfpm.conf"])
	as := harness.Current()
	if as.PoolUser != "" {
		as = harness.Nobody() // the image's user is no root either
	}
	s := suite.Service(strings.TrimPrefix(conf, "[global]\n"), as) // the harness writes the head of it
	s.Global = []string{}
	d := harness.Start(t, s)
	d.File("index.php", "<?php echo 'hello from ', $_SERVER['REQUEST_URI'];")
	for _, p := range []probe{pod.Containers[0].Liveness, pod.Containers[0].Readiness} {
		command := strings.Split(strings.ReplaceAll(strings.Join(p.Exec.Command, "\x00"), "/run/anyfpm/", d.Run+"/"), "\x00")
		if out, code := d.CLI(command[1:]...); code != 0 || out != "pong" {
			t.Errorf("%v: exit code %d\n%s", command, code, out)
		}
	}
	port := harness.FreePort(t)
	site := strings.NewReplacer("/run/anyfpm/", d.Run+"/", "/srv/www", d.WWW, "listen 80;", fmt.Sprintf("listen 127.0.0.1:%d;", port),
		"include fastcgi_params;", "include /etc/nginx/fastcgi_params;").Replace(files["nginx.conf"])
	harness.StartNginx(t, harness.Site{Upstream: d.Address(), Root: d.WWW, HTTP: site}, as)
	web := harness.Browser(fmt.Sprintf("http://127.0.0.1:%d", port))
	expect(t, web.Fetch(t, "GET", "/any/page?x=1", "", nil), 200, "hello from /any/page?x=1")
	expect(t, harness.Browser("http://127.0.0.1:"+metrics).Fetch(t, "GET", "/metrics", "", nil), 200, `phpfpm_accepted_connections{pool="site"`)

	d.Signal(syscall.SIGQUIT)
	expect(t, web.Fetch(t, "GET", "/late", "", nil), 200, "hello from /late")
	if status := d.Wait(harness.Patience); status.ExitStatus() != 0 {
		t.Errorf("it ended with code %d", status.ExitStatus())
	}
}
