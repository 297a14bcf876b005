package config

import (
	"fmt"
	"time"
)

// A poolCheck validates one pool. Its methods are in php-fpm's order, which
// matters: the first fault must be the one php-fpm stops at.
type poolCheck struct {
	*loader
	pool *Pool
}

func (c *poolCheck) run() {
	c.prefix()
	c.user()
	c.listen()
	c.priority()
	c.manager()
	c.statusPath()
	c.pingPath()
	c.accessPath()
	c.slowlog()
	c.traceDepth()
	c.chroot()
	c.chdir()
	c.lists()
	c.runner()
	c.queue()
	c.doors()
	c.checkNatural(c.pool)
}

// error and alert record a fault of the pool, blaming a directive.
func (c *poolCheck) error(name, format string, args ...any) {
	c.blame(ErrorLevel, name, format, args...)
}
func (c *poolCheck) alert(name, format string, args ...any) {
	c.blame(AlertLevel, name, format, args...)
}

func (c *poolCheck) blame(level Level, name, format string, args ...any) {
	if c.spoilt[c.pool][name] {
		return // its value is not what was meant
	}
	c.fault(c.at(name), level, c.pool, c.prefixed(format, args...))
}

// remark records a notice about the pool.
func (c *poolCheck) remark(level Level, name, format string, args ...any) {
	c.notice(c.at(name), level, c.pool, c.prefixed(format, args...))
}

func (c *poolCheck) prefixed(format string, args ...any) string {
	return fmt.Sprintf("[pool %s] ", c.pool.Name) + fmt.Sprintf(format, args...)
}

// at is where a directive is set, else where the pool begins.
func (c *poolCheck) at(name string) place {
	if m, ok := c.pool.given.values[name]; ok {
		return m.at
	}
	if at, ok := c.pool.given.at[name]; ok {
		return at
	}
	return place{c.pool.File, c.pool.Line}
}

func (c *poolCheck) has(name string) bool { return c.pool.given.has(name) }

func (c *poolCheck) sound(names ...string) bool { return c.loader.sound(c.pool, names...) }

func (c *poolCheck) prefix() {
	p := c.pool
	if p.Prefix == "" {
		return
	}
	p.Prefix = c.fullPath(p.Prefix, nil, builtinPrefix)
	if !c.isDir(p.Prefix) {
		c.error("prefix", "the prefix '%s' does not exist or is not a directory", p.Prefix)
	}
}

func (c *poolCheck) user() {
	if !c.has("user") && c.sound("user") && c.opt.Root && !c.opt.AllowRoot {
		c.alert("user", "user has not been defined")
	}
}

func (c *poolCheck) listen() {
	p := c.pool
	if p.Listen == "" {
		if c.sound("listen") {
			c.alert("listen", "no listen address have been defined!")
		}
		return
	}
	p.Listen = c.socketPath(p.Listen)
}

// socketPath makes the path of a unix socket absolute.
func (c *poolCheck) socketPath(address string) string {
	if address == "" || isInet(address) {
		return address
	}
	return c.fullPath(address, c.pool, builtinPrefix)
}

func (c *poolCheck) priority() {
	if !validPriority(c.pool.ProcessPriority) {
		c.error("process.priority", "process.priority must be included into [-19,20]")
	}
}

func (c *poolCheck) manager() {
	p := c.pool
	if p.PM == "" && c.sound("pm") {
		c.alert("pm", "the process manager is missing (static, dynamic or ondemand)")
	}
	if p.MaxChildren < 1 && c.sound("pm.max_children") {
		c.alert("pm.max_children", "pm.max_children must be a positive value")
	}
	switch p.PM {
	case Dynamic:
		c.dynamic()
	case Ondemand:
		c.ondemand()
	case Static:
	}
}

func (c *poolCheck) dynamic() {
	const least, most, start, limit = "pm.min_spare_servers", "pm.max_spare_servers", "pm.start_servers", "pm.max_children"
	p := c.pool
	// Comparisons are worth making only of numbers that are valid themselves.
	valid := map[string]bool{limit: c.sound(limit) && p.MaxChildren > 0}
	positive := func(name string, value int) {
		if !c.sound(name) {
			return
		}
		if valid[name] = value > 0; !valid[name] {
			c.alert(name, "%s(%d) must be a positive value", name, value)
		}
	}
	positive(least, p.MinSpareServers)
	positive(most, p.MaxSpareServers)
	switch {
	case valid[limit] && (valid[least] && p.MinSpareServers > p.MaxChildren || valid[most] && p.MaxSpareServers > p.MaxChildren):
		c.alert(most, "pm.min_spare_servers(%d) and pm.max_spare_servers(%d) cannot be greater than pm.max_children(%d)",
			p.MinSpareServers, p.MaxSpareServers, p.MaxChildren)
	case !valid[least] || !valid[most]:
	case p.MaxSpareServers < p.MinSpareServers:
		c.alert(most, "pm.max_spare_servers(%d) must not be less than pm.min_spare_servers(%d)", p.MaxSpareServers, p.MinSpareServers)
	case c.sound(start):
		c.startServers()
	}
	if p.MaxSpawnRate < 1 {
		c.alert("pm.max_spawn_rate", "pm.max_spawn_rate must be a positive value")
	}
}

func (c *poolCheck) startServers() {
	p := c.pool
	switch {
	case p.StartServers <= 0:
		p.StartServers = p.MinSpareServers + (p.MaxSpareServers-p.MinSpareServers)/2
		c.remark(NoticeLevel, "pm.start_servers", "pm.start_servers is not set. It's been set to %d.", p.StartServers)
	case p.StartServers < p.MinSpareServers || p.StartServers > p.MaxSpareServers:
		c.alert("pm.start_servers", "pm.start_servers(%d) must not be less than pm.min_spare_servers(%d) and not greater than pm.max_spare_servers(%d)",
			p.StartServers, p.MinSpareServers, p.MaxSpareServers)
	}
}

func (c *poolCheck) ondemand() {
	p := c.pool
	if m := c.config.Global.EventsMechanism; m == "poll" || m == "select" {
		c.alert("pm", "ondemand process manager can ONLY be used when events.mechanism is either epoll (Linux) or kqueue (*BSD).")
	}
	if p.ProcessIdleTimeout < time.Second {
		c.alert("pm.process_idle_timeout", "pm.process_idle_timeout(%ds) must be greater than 0s", p.ProcessIdleTimeout/time.Second)
	}
	if p.ListenBacklog < -1 {
		c.remark(WarningLevel, "listen.backlog", "listen.backlog(%d) was too low for the ondemand process manager. I updated it for you to %d.", p.ListenBacklog, -1)
		p.ListenBacklog = -1
	}
	p.StartServers, p.MinSpareServers, p.MaxSpareServers = 0, 0, 0
}
