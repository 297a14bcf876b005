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
		peers:   []contender{{name: "unobserved", keepAlive: true, start: unobservedPool(serve)}},
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

// unobservedPool starts a pool that serves requests and nothing else.
func unobservedPool(serve func(*harness.Sandbox) (string, string)) func(t harness.T, o options) upstream {
	return func(t harness.T, o options) upstream {
		_, up := startPool(t, o, serve)
		return up
	}
}

func startPool(t harness.T, o options, serve func(*harness.Sandbox) (string, string)) (*harness.Daemon, upstream) {
	return startWith(t, o, "", "", serve)
}

func startWith(t harness.T, o options, global, more string, serve func(*harness.Sandbox) (string, string)) (*harness.Daemon, upstream) {
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
		_, up := startObserved(t, o, serve)
		return up
	}
}

// startObserved starts a pool and what reads its status and metrics.
func startObserved(t harness.T, o options, serve func(*harness.Sandbox) (string, string)) (*harness.Daemon, upstream) {
	metrics := "127.0.0.1:" + strconv.Itoa(harness.FreePort(t))
	d, up := startWith(t, o, "[global]\nmetrics.listen = "+metrics+"\n", "pm.status_path = /status\naccess.log = {{LOG}}/access.log\n", serve)
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
	return d, up
}

// observationCPU measures the CPU time of a request, nginx's and wrk's included,
// with and without observation, in turns. On a busy machine it tells more than
// throughput does.
func observationCPU(t harness.T, o options) []figure {
	var figures []figure
	for _, program := range []struct {
		name  string
		serve func(*harness.Sandbox) (string, string)
	}{{"resident", serveResident}, {"php", servePHP}} {
		off, on := newMeteredPool(t, o, program.serve, false), newMeteredPool(t, o, program.serve, true)
		var rounds [2][]cost
		for round := range o.rounds {
			pair := [2]meteredPool{off, on}
			for _, i := range [2]int{round % 2, 1 - round%2} { // what the one warms up the other has
				rounds[i] = append(rounds[i], pair[i].cost(t, o))
			}
		}
		without, with := medianCost(rounds[0]), medianCost(rounds[1])
		figures = append(figures,
			figure{what: program.name + ", unobserved: all processes", value: without.all, unit: "µs a request"},
			figure{what: program.name + ", observed: all processes", value: with.all, unit: "µs a request"},
			figure{what: program.name + ", unobserved: anyfpm's", value: without.own, unit: "µs a request"},
			figure{what: program.name + ", observed: anyfpm's", value: with.own, unit: "µs a request"},
			figure{what: program.name + ": anyfpm's more, of all", value: 100 * (with.own - without.own) / without.all, most: 3, unit: "%"})
	}
	return figures
}

// A cost is the CPU time of a request in microseconds: that of all processes,
// nginx and wrk included, and that of the master and the supervisor. The others
// do the same whoever looks.
type cost struct{ all, own float64 }

func medianCost(rounds []cost) cost {
	var all, own []float64
	for _, c := range rounds {
		all, own = append(all, c.all), append(own, c.own)
	}
	return cost{median(all), median(own)}
}

// A meteredPool is a pool behind nginx.
type meteredPool struct {
	daemon *harness.Daemon
	nginx  *harness.Nginx
	path   string
}

func newMeteredPool(t harness.T, o options, serve func(*harness.Sandbox) (string, string), observe bool) meteredPool {
	t.Helper()
	start := startPool
	if observe {
		start = startObserved
	}
	d, up := start(t, o, serve)
	site := harness.Site{Upstream: up.address, Root: up.root, KeepAlive: 64}
	p := meteredPool{daemon: d, nginx: harness.StartNginx(t, site, identity()), path: up.path}
	p.cost(t, o) // to warm it up
	return p
}

// cost loads the pool for a while.
func (p meteredPool) cost(t harness.T, o options) cost {
	t.Helper()
	allBefore, ownBefore := p.used(t)
	l := loadOnce(t, string(p.nginx.Browser)+p.path, o.connections, o.duration)
	all, own := p.used(t)
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(l.requests) }
	return cost{all: each(all - allBefore + l.cpu), own: each(own - ownBefore)}
}

// used is the CPU time of all processes so far, and of anyfpm's own. None of
// them ends meanwhile.
func (p meteredPool) used(t harness.T) (all, own time.Duration) {
	for _, pid := range []int{p.daemon.PID, p.daemon.Supervisor("www")} {
		own += harness.ProcessorTime(t, pid)
	}
	all = own + harness.ProcessorTime(t, p.nginx.PID)
	for _, process := range append(p.daemon.Family(), p.nginx.Family()...) {
		if process.PID != p.daemon.Supervisor("www") {
			all += harness.ProcessorTime(t, process.PID)
		}
	}
	return all, own
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
