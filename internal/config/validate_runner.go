package config

import (
	"slices"
	"strings"
	"time"
)

// phpExtensions is php-fpm's default for security.limit_extensions.
var phpExtensions = []string{".php", ".phar"}

// runner validates the runner.* directives and fills in their defaults.
func (c *poolCheck) runner() {
	p := c.pool
	if p.Runner == "" {
		p.Runner = RunnerCGI
		if c.opt.PHP {
			p.Runner = RunnerPHP
		}
	}
	if p.Runner == RunnerPHP {
		p.PHPArguments = c.opt.PHPArguments
		if !c.has("security.limit_extensions") {
			p.LimitExtensions = slices.Clone(phpExtensions)
		}
	}
	c.runnerCommand()
	c.runnerIsolation()
	if p.Runner == RunnerWSGI && c.sound("runner.application") {
		c.application()
	}
	if p.RunnerConcurrency < 1 {
		c.error("runner.concurrency", "runner.concurrency(%d) must be a positive value", p.RunnerConcurrency)
	}
	if p.RunnerStartTime < time.Second {
		c.error("runner.start_timeout", "runner.start_timeout(%ds) must be greater than 0s", p.RunnerStartTime/time.Second)
	}
	for i, dir := range p.RunnerPath {
		p.RunnerPath[i] = c.fullPath(dir, p, builtinPrefix)
	}
	c.uselessForRunner()
}

// standardCommands are the programs of runners that need none to be named.
var standardCommands = map[RunnerKind][]string{
	RunnerPHP: {"php-cgi"}, RunnerPython: {"python3"}, RunnerPerl: {"perl"}, RunnerRuby: {"ruby"}, RunnerWSGI: {"python3"},
}

func (c *poolCheck) runnerCommand() {
	p := c.pool
	if len(p.RunnerCommand) > 0 {
		return
	}
	p.RunnerCommand = slices.Clone(standardCommands[p.Runner])
	if p.Runner == RunnerPHP && c.opt.PHPProgram != "" {
		p.RunnerCommand = []string{c.opt.PHPProgram}
	}
	switch {
	case c.has("runner.command"):
		c.error("runner.command", "runner.command is empty")
	case p.Runner == RunnerFastCGI && c.sound("runner.command"):
		c.error("runner", "'runner.command' must be specified for use with 'runner = fastcgi'")
	}
}

// interpreted reports whether the runner keeps an interpreter for CGI scripts.
func (p *Pool) interpreted() bool {
	return p.Runner == RunnerPython || p.Runner == RunnerPerl || p.Runner == RunnerRuby
}

func (c *poolCheck) runnerIsolation() {
	p := c.pool
	switch {
	case p.interpreted():
		if p.RunnerIsolation == "" {
			p.RunnerIsolation = "fork"
		}
	case p.Runner == RunnerCGI:
		p.RunnerIsolation = ""
	default:
		p.RunnerIsolation = "persistent"
	}
}

// application checks module:callable.
func (c *poolCheck) application() {
	name := c.pool.RunnerApplication
	if name == "" {
		c.error("runner.application", "'runner.application' must be specified for use with 'runner = wsgi'")
		return
	}
	module, callable, ok := strings.Cut(name, ":")
	if !ok || module == "" || callable == "" {
		c.error("runner.application", "the runner application '%s' must be of the form module:callable", name)
	}
}

// uselessForRunner remarks on directives that the pool's runner ignores.
func (c *poolCheck) uselessForRunner() {
	p := c.pool
	if p.Runner == RunnerCGI && p.PM == Dynamic {
		c.remark(NoticeLevel, "pm", "pm.start_servers, pm.min_spare_servers and pm.max_spare_servers change nothing with runner = cgi: "+
			"a process is started for each request, and pm.max_children limits how many run at once.")
	}
	useful := map[string]bool{
		"runner.command":       p.Runner != RunnerCGI,
		"runner.isolation":     p.interpreted(),
		"runner.preload":       p.interpreted() || p.Runner == RunnerWSGI,
		"runner.path":          p.interpreted() || p.Runner == RunnerWSGI,
		"runner.application":   p.Runner == RunnerWSGI,
		"runner.concurrency":   p.Runner == RunnerFastCGI,
		"pm.max_requests":      p.Runner != RunnerCGI,
		"pm.max_memory":        p.Runner != RunnerCGI,
		"pm.max_lifetime":      p.Runner != RunnerCGI,
		"php_value":            p.Runner == RunnerPHP,
		"php_admin_value":      p.Runner == RunnerPHP,
		"runner.start_timeout": p.Runner != RunnerCGI,
	}
	for _, g := range poolGroups {
		for _, d := range g.directives {
			c.useless(d.name, useful)
		}
		for _, row := range g.lists {
			c.useless(row.name, useful)
		}
	}
}

func (c *poolCheck) useless(name string, useful map[string]bool) {
	_, listed := c.pool.given.lists[name]
	if used, known := useful[name]; known && !used && (listed || c.has(name)) {
		c.remark(NoticeLevel, name, "'%s' has no effect with runner = %s", name, c.pool.Runner)
	}
}

// queue validates the directives of the queue and of request bodies.
func (c *poolCheck) queue() {
	p := c.pool
	if !c.has("queue.max_length") {
		p.QueueMaxLength = 511
		if p.ListenBacklog > 0 {
			p.QueueMaxLength = p.ListenBacklog
		}
	}
	if p.BodySpool < p.BodyMemory && c.sound("request_body.spool", "request_body.memory") {
		if c.has("request_body.spool") {
			c.error("request_body.spool", "request_body.spool(%s) must not be less than request_body.memory(%s)", size.format(p.BodySpool), size.format(p.BodyMemory))
		} else {
			p.BodySpool = p.BodyMemory
		}
	}
}
