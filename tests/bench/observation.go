package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

const (
	statusEvery  = time.Second
	metricsEvery = 5 * time.Second
)

// observed sets a pool that is observed, its status read every second, its
// metrics every five, and with an access log, against the same pool that nobody
// looks at.
func observed(name string, serve func(box *harness.Sandbox) (path string, lines string)) comparison {
	return comparison{
		name:    name,
		peers:   []contender{{name: "unobserved", keepAlive: true, start: pool("", serve)}},
		own:     contender{name: "observed", keepAlive: true, start: observedPool(serve)},
		atLeast: []float64{0.97},
	}
}

func serveResident(box *harness.Sandbox) (path, lines string) {
	return "/", "runner = fastcgi\nrunner.command = " + box.Program("resident", residentC) + "\n"
}

func servePHP(box *harness.Sandbox) (path, lines string) {
	return phpHello.install(box), "runner = php\n"
}

// pool starts a pool of static workers with further directives.
func pool(more string, serve func(*harness.Sandbox) (string, string)) func(t harness.T, o options) upstream {
	return func(t harness.T, o options) upstream {
		_, up := startPool(t, o, "", more, serve)
		return up
	}
}

func startPool(t harness.T, o options, global, more string, serve func(*harness.Sandbox) (string, string)) (*harness.Daemon, upstream) {
	box := harness.NewSandbox(t, identity())
	path, lines := serve(box)
	d := harness.Start(t, harness.Service{
		Binary: o.binary,
		Conf:   fmt.Sprintf("%s[www]\npm = static\npm.max_children = %d\n%s%s", global, o.workers, lines, more),
		As:     identity(),
	})
	return d, upstream{address: d.Address(), root: box.WWW, path: path, pid: d.Supervisor("www")}
}

func observedPool(serve func(*harness.Sandbox) (string, string)) func(t harness.T, o options) upstream {
	return func(t harness.T, o options) upstream {
		metrics := "127.0.0.1:" + strconv.Itoa(harness.FreePort(t))
		d, up := startPool(t, o, "[global]\nmetrics.listen = "+metrics+"\n", "pm.status_path = /status\naccess.log = {{LOG}}/access.log\n", serve)
		every(t, statusEvery, func() error {
			_, err := d.TryStatus()
			return err
		})
		client := &http.Client{Timeout: harness.Patience}
		every(t, metricsEvery, func() error {
			res, err := client.Get("http://" + metrics + "/metrics")
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close() // it was read to its end
			return err
		})
		return up
	}
}

// every calls look again and again until the session ends, which fails if look
// did.
func every(t harness.T, interval time.Duration, look func() error) {
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				ended <- nil
				return
			case <-ticker.C:
			}
			if err := look(); err != nil {
				ended <- err
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		if err := <-ended; err != nil {
			t.Errorf("nobody observes any more: %v", err)
		}
	})
}
