package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// A door is an address that something of the configuration listens on.
type door struct {
	directive string
	address   string
	pool      *Pool // nil for the global section
	owner     string
	at        place
}

// doors makes the further addresses of the pool absolute.
func (c *poolCheck) doors() {
	p := c.pool
	p.HTTPListen = c.socketPath(p.HTTPListen)
	if p.StatusListen != "" && !isInet(p.StatusListen) {
		// php-fpm's pool for status pages does not inherit the prefix.
		p.StatusListen = c.fullPath(p.StatusListen, nil, builtinPrefix)
	}
	speaksHTTP := p.HTTPListen != "" || p.ListenProtocol == "http"
	if p.HTTPRoot == "" {
		if speaksHTTP && c.sound("http.root") {
			c.error("http.root", "'http.root' must be specified for a pool that speaks HTTP")
		}
		return
	}
	p.HTTPRoot = c.fullPath(p.HTTPRoot, p, builtinPrefix)
	if whole, err := filepath.Abs(p.HTTPRoot); err == nil && !filepath.IsAbs(p.HTTPRoot) {
		p.HTTPRoot = whole // -p is relative
	}
	if !c.isDir(p.Chroot + p.HTTPRoot) {
		c.error("http.root", "the http root '%s' does not exist or is not a directory", p.Chroot+p.HTTPRoot)
	}
	for _, name := range p.HTTPIndex {
		if strings.Contains(name, "/") || strings.HasPrefix(name, ".") {
			c.error("http.index", "the http index '%s' must be the name of a file that is not hidden, without a path", name)
			break
		}
	}
}

// checkStatusPools checks what php-fpm finds wrong with the hidden pool that
// it makes of each pm.status_listen.
func (l *loader) checkStatusPools() {
	for _, pool := range l.config.Pools {
		c := &poolCheck{loader: l, pool: pool}
		if c.has("pm.status_listen") && pool.StatusListen == "" {
			l.fault(c.at("pm.status_listen"), AlertLevel, pool, fmt.Sprintf("[pool %s_status] no listen address have been defined!", pool.Name))
		}
	}
}

// doors lists the addresses of the configuration in php-fpm's order: the
// pools', those of its hidden status pools, then ours.
func (l *loader) doors() []door {
	var doors []door
	add := func(pool *Pool, owner, directive, address string) {
		if address == "" {
			return
		}
		at := place{file: l.config.Path}
		if pool != nil {
			at = (&poolCheck{loader: l, pool: pool}).at(directive)
		} else if m, ok := l.config.Global.given.values[directive]; ok {
			at = m.at
		}
		doors = append(doors, door{directive, address, pool, owner, at})
	}
	for _, p := range l.config.Pools {
		add(p, p.Name, "listen", p.Listen)
	}
	for _, p := range l.config.Pools {
		add(p, p.Name+"_status", "pm.status_listen", p.StatusListen)
	}
	for _, p := range l.config.Pools {
		add(p, p.Name, "listen.http", p.HTTPListen)
	}
	add(nil, "global", "metrics.listen", l.config.Global.MetricsListen)
	add(nil, "global", "control.listen", l.config.Global.ControlListen)
	return doors
}

// checkShared finds addresses that are used twice, be they written in
// different ways.
func (l *loader) checkShared() {
	taken := map[string]door{}
	for _, d := range l.doors() {
		key := d.address
		if network, address, err := ParseListen(d.address); err == nil {
			if network == "unix" {
				address = filepath.Clean(address)
			}
			key = network + " " + address
		}
		if first, ok := taken[key]; ok {
			l.blameDoor(d, "unable to set "+sharedAddress(first, d))
		} else {
			taken[key] = d
		}
	}
}

// checkAddresses finds addresses that cannot be listened on. php-fpm finds out
// when it opens them, last of all.
func (l *loader) checkAddresses() {
	for _, d := range l.doors() {
		_, _, err := ParseListen(d.address)
		if d.directive == "control.listen" && isInet(d.address) {
			err = errors.New("control.listen must be the path of a unix socket")
		}
		if err != nil {
			l.fault(d.at, ErrorLevel, d.pool, err.Error())
		}
	}
}

// sharedAddress is php-fpm's text for two pools, extended for other doors.
func sharedAddress(first, second door) string {
	if first.pool != nil && second.pool != nil && first.owner != second.owner {
		return fmt.Sprintf("listen address as it's already used in another pool '%s'", first.owner)
	}
	if first.pool == second.pool {
		return fmt.Sprintf("%s as '%s' is already used by %s", second.directive, second.address, first.directive)
	}
	return fmt.Sprintf("%s as '%s' is already used by %s of pool '%s'", second.directive, second.address, first.directive, first.owner)
}

func (l *loader) blameDoor(d door, text string) {
	if d.pool != nil {
		text = fmt.Sprintf("[pool %s] %s", d.owner, text)
	}
	l.fault(d.at, ErrorLevel, d.pool, text)
}
