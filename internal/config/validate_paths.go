package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// accessFormat is php-fpm's default for access.format.
const accessFormat = `%R - %u %t "%m %r" %s`

func (c *poolCheck) statusPath() {
	p := c.pool
	if c.has("pm.status_listen") && !c.has("pm.status_path") {
		p.StatusPath = "/"
	}
	c.page("pm.status_path", "status", p.StatusPath, c.has("pm.status_listen"))
}

func (c *poolCheck) pingPath() {
	p := c.pool
	c.page("ping.path", "ping", p.PingPath, false)
	switch {
	case p.PingPath == "":
		p.PingResponse = ""
		delete(p.given.values, "ping.response") // php-fpm forgets it too
	case !c.has("ping.response"):
		p.PingResponse = "pong"
	case p.PingResponse == "":
		c.error("ping.response", "the ping response page '%s' is not long enough", p.PingResponse)
	}
}

// page checks the path of the status or ping page; short allows "/" alone.
func (c *poolCheck) page(name, page, path string, short bool) {
	switch {
	case path == "":
	case path[0] != '/':
		c.error(name, "the %s path '%s' must start with a '/'", page, path)
	case len(path) < 2 && !short:
		c.error(name, "the %s path '%s' is not long enough", page, path)
	case strings.ContainsFunc(path, outsidePage):
		c.error(name, "the %s path '%s' must contain only the following characters '[alphanum]/_-.~'", page, path)
	}
}

// outsidePage reports whether r may not be in the path of a page.
func outsidePage(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/_-.~", r)
}

func (c *poolCheck) accessPath() {
	p := c.pool
	if p.AccessLog == "" {
		return
	}
	p.AccessLog = c.fullPath(p.AccessLog, p, builtinPrefix)
	if !c.has("access.format") {
		p.AccessFormat = accessFormat
	}
}

// accessLog opens the access log, which php-fpm does after all pools are
// validated.
func (c *poolCheck) accessLog() {
	if !c.has("access.log") {
		return
	}
	if err := c.createLog(c.pool.AccessLog); err != nil {
		c.fault(c.at("access.log"), ErrorLevel, c.pool, fmt.Sprintf("failed to open access log (%s): %s", c.pool.AccessLog, errno(err)))
	}
}

func (c *poolCheck) accessFormat() {
	p := c.pool
	if p.AccessLog == "" || p.AccessFormat == "json" {
		return
	}
	if warning := checkAccessFormat(p.AccessFormat); warning != "" {
		c.notice(c.at("access.format"), WarningLevel, p, warning)
		c.error("access.format", "wrong format for access.format '%s'", p.AccessFormat)
	}
}

func (c *poolCheck) slowlog() {
	p := c.pool
	if p.Slowlog != "" {
		p.Slowlog = c.fullPath(p.Slowlog, p, builtinPrefix)
	}
	if p.SlowlogTimeout == 0 {
		return
	}
	if p.Slowlog == "" {
		if c.sound("slowlog") {
			c.error("request_slowlog_timeout", "'slowlog' must be specified for use with 'request_slowlog_timeout'")
		}
	} else if err := c.createLog(p.Slowlog); err != nil {
		c.fault(c.at("slowlog"), ErrorLevel, p, fmt.Sprintf("Unable to create or open slowlog(%s): %s", p.Slowlog, errno(err)))
	}
	if p.TerminateTimeout != 0 && p.SlowlogTimeout > p.TerminateTimeout {
		c.error("request_slowlog_timeout", "'request_slowlog_timeout' (%d) can't be greater than 'request_terminate_timeout' (%d)",
			p.SlowlogTimeout/time.Second, p.TerminateTimeout/time.Second)
	}
}

// traceDepth treats 0 as absent, as php-fpm does.
func (c *poolCheck) traceDepth() {
	const name = "request_slowlog_trace_depth"
	p := c.pool
	if p.SlowlogTraceDepth == 0 {
		p.SlowlogTraceDepth = 20
		return
	}
	if !c.has(name) {
		return
	}
	if p.Slowlog == "" && c.sound("slowlog") {
		c.error(name, "'slowlog' must be specified for use with '%s'", name)
	}
	if p.SlowlogTraceDepth < 0 {
		c.error(name, "'%s' (%d) must be a positive value", name, p.SlowlogTraceDepth)
	}
}

func (c *poolCheck) chroot() {
	const variable = "$prefix"
	p := c.pool
	if p.Chroot == "" {
		return
	}
	switch at := strings.Index(p.Chroot, variable); {
	case p.Chroot[0] == '/':
	case at == 0:
		rest := p.Chroot[len(variable):]
		p.Chroot = c.prefixOf(p, builtinPrefix)
		if rest != "" {
			p.Chroot += "/" + rest
		}
	case at > 0:
		c.fault(c.at("chroot"), ErrorLevel, p, "'$prefix' must be use at the beginning of the value")
	default:
		p.Chroot = c.fullPath(p.Chroot, p, builtinPrefix)
	}
	switch {
	case !strings.HasPrefix(p.Chroot, "/"):
		c.error("chroot", "the chroot path '%s' must start with a '/'", p.Chroot)
	case !c.isDir(p.Chroot):
		c.error("chroot", "the chroot path '%s' does not exist or is not a directory", p.Chroot)
	}
}

func (c *poolCheck) chdir() {
	p := c.pool
	if p.Chdir == "" {
		return
	}
	p.Chdir = c.fullPath(p.Chdir, p, builtinPrefix)
	switch inside := p.Chroot + "/" + p.Chdir; {
	case !strings.HasPrefix(p.Chdir, "/"):
		c.error("chdir", "the chdir path '%s' must start with a '/'", p.Chdir)
	case c.has("chroot") && p.Chroot != "" && !c.isDir(p.Chroot): // said already
	case c.has("chroot") && !c.isDir(inside):
		c.error("chdir", "the chdir path '%s' within the chroot path '%s' ('%s') does not exist or is not a directory", p.Chdir, p.Chroot, inside)
	case !c.has("chroot") && !c.isDir(p.Chdir):
		c.error("chdir", "the chdir path '%s' does not exist or is not a directory", p.Chdir)
	}
}

// phpPaths are the settings of PHP whose value is a path below the prefix.
var phpPaths = []string{
	"error_log", "extension_dir", "mime_magic.magicfile", "sendmail_path", "session.cookie_path",
	"session_pgsql.sem_file_name", "soap.wsdl_cache_dir", "uploadprogress.file.filename_template",
	"xdebug.output_dir", "xdebug.profiler_output_dir", "xdebug.trace_output_dir", "xmms.path",
	"axis2.client_home", "blenc.key_file", "coin_acceptor.device",
}

// lists fills in the fields of the list directives: of variables with the same
// name the first one counts, and the variables they name are resolved. Some php
// values add up, so those are all kept.
func (c *poolCheck) lists() {
	p := c.pool
	if !c.has("chroot") {
		c.phpPaths("php_value")
		c.phpPaths("php_admin_value")
	}
	for _, g := range poolGroups {
		for _, row := range g.lists {
			entries := p.given.lists[row.name]
			switch {
			case row.plain != nil:
				*row.plain(p) = nil
				for _, e := range entries {
					*row.plain(p) = append(*row.plain(p), e.Value)
				}
			case row.inDump == "":
				*row.field(p) = slices.Clone(entries)
			}
		}
	}
	p.Env = firstOfEach(p.Env)
	for i, e := range p.Env {
		if name, ok := strings.CutPrefix(e.Value, "$"); ok {
			p.Env[i].Value = c.opt.Getenv(name)
		}
	}
}

func (c *poolCheck) phpPaths(name string) {
	entries := c.pool.given.lists[name]
	for i, e := range entries {
		if name == "php_admin_value" && strings.EqualFold(e.Key, "error_log") && strings.EqualFold(e.Value, "syslog") {
			continue
		}
		if slices.ContainsFunc(phpPaths, func(path string) bool { return strings.EqualFold(path, e.Key) }) {
			entries[i].Value = c.fullPath(e.Value, c.pool, builtinPrefix)
		}
	}
}

// firstOfEach keeps the first entry of every key.
func firstOfEach(entries []KeyValue) []KeyValue {
	var kept []KeyValue
	for _, e := range entries {
		if !slices.ContainsFunc(kept, func(k KeyValue) bool { return k.Key == e.Key }) {
			kept = append(kept, e)
		}
	}
	return kept
}
