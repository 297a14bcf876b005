package main

import (
	"strings"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A contender is one way to have a program served.
type contender struct {
	name string
	// start brings it up and says where nginx finds it.
	start func(t harness.T, o options) upstream
	// keepAlive lets nginx keep connections to it.
	keepAlive bool
}

// An upstream is a contender that runs.
type upstream struct {
	address  string
	protocol string // as harness.Site has it
	root     string
	path     string
	// pid is the process that relays, for strace; 0 where there is none.
	pid int
}

// A comparison sets anyfpm against peers with the same program.
type comparison struct {
	name  string
	peers []contender
	own   contender
	// atLeast is the ratio to reach against each peer; 0 is for information.
	atLeast []float64
	// tail demands that the 99th percentile be no worse than the first
	// peer's.
	tail bool
}

// against names the peers and what is to be reached.
func (c comparison) against() string {
	var names []string
	for i, p := range c.peers {
		text := p.name
		if c.atLeast[i] > 0 {
			text += " × " + ratio(c.atLeast[i])
		}
		names = append(names, text)
	}
	return "against " + strings.Join(names, ", ")
}

// front starts nginx before a contender and returns the URL to load.
func front(t harness.T, up upstream, keepAlive bool, as harness.Identity) string {
	t.Helper()
	site := harness.Site{Upstream: up.address, Protocol: up.protocol, Root: up.root}
	if keepAlive {
		site.KeepAlive = 64
	}
	return string(harness.StartNginx(t, site, as).Browser) + up.path
}

// identity is whom everything runs as: one user, not root, so that nobody
// has to change users and all are alike.
func identity() harness.Identity {
	all := harness.Identities()
	return all[len(all)-1]
}
