package config

import (
	"fmt"
	"strings"
	"time"
)

// process validates what was read, in php-fpm's order, and fills in the
// defaults that depend on other directives.
func (l *loader) process() {
	l.now = processing
	l.checkGlobal()
	if len(l.config.Pools) == 0 {
		if !l.unsure[nil] {
			l.fault(place{file: l.config.Path}, ErrorLevel, nil, "No pool defined. at least one pool section must be specified in config file")
		}
		return
	}
	for _, pool := range l.config.Pools {
		c := &poolCheck{loader: l, pool: pool}
		c.run()
	}
	l.checkStatusPools()
	l.checkShared()
	for _, pool := range l.config.Pools {
		c := &poolCheck{loader: l, pool: pool}
		c.accessLog()
	}
	for _, pool := range l.config.Pools {
		c := &poolCheck{loader: l, pool: pool}
		c.accessFormat()
	}
	l.noticeEffects()
}

// checkPrefix checks -p, which php-fpm does before anything else.
func (l *loader) checkPrefix() {
	l.now = starting
	if p := l.opt.Prefix; p != "" && !l.isDir(p) {
		l.fault(place{}, ErrorLevel, nil, fmt.Sprintf("the global prefix '%s' does not exist or is not a directory", p))
	}
	l.now = loading
}

func (l *loader) checkGlobal() {
	g := &l.config.Global
	g.LogLevelSet = g.given.has("log_level")
	if g.PID != "" {
		g.PID = l.fullPath(g.PID, nil, statePrefix)
	}
	if l.sound(nil, "log_limit") && g.LogLimit < 512 {
		l.globalFault("log_limit", "log_limit must be greater than 512")
	}
	if l.sound(nil, "process.max") && g.ProcessMax < 0 {
		l.globalFault("process.max", "process_max can't be negative")
	}
	if l.sound(nil, "process.priority") && !validPriority(g.ProcessPriority) {
		l.globalFault("process.priority", "process.priority must be included into [-19,20]")
	}
	if g.SystemdInterval < 0 {
		g.SystemdInterval = 10 * time.Second // php-fpm marks an absent value so
	}
	l.systemd()
	l.checkErrorLog()
	if l.sound(nil, "events.mechanism") && !validMechanism(g) {
		l.globalFault("events.mechanism", fmt.Sprintf("event mechanism '%s' is not available on this system", g.EventsMechanism))
	}
	l.checkOwnGlobal()
}

func validPriority(p *int) bool { return p == nil || -19 <= *p && *p <= 20 }

func validMechanism(g *Global) bool {
	for _, known := range []string{"epoll", "poll", "select"} {
		if strings.EqualFold(g.EventsMechanism, known) {
			g.EventsMechanism = known
			return true
		}
	}
	return false
}

// systemd takes the interval from systemd's watchdog if there is one. php-fpm
// lets one of two seconds or less bite.
func (l *loader) systemd() {
	g := &l.config.Global
	usec := atol(l.opt.Getenv("WATCHDOG_USEC"))
	half := time.Duration(usec/2000) * time.Millisecond
	if half <= 0 {
		return
	}
	if g.given.has("systemd_interval") && g.SystemdInterval > 0 {
		l.notice(g.given.values["systemd_interval"].at, WarningLevel, nil, "systemd_interval option ignored")
	}
	l.notice(place{}, NoticeLevel, nil, fmt.Sprintf("systemd watchdog configured to %.3gsec", half.Seconds()))
	g.SystemdWatchdog = true
	g.SystemdInterval = half
}

func (l *loader) checkErrorLog() {
	g := &l.config.Global
	own := "anyfpm"
	if l.opt.PHP {
		own = "php-fpm"
	}
	if !g.given.has("syslog.ident") {
		g.SyslogIdent = own
	}
	if !g.given.has("error_log") {
		g.ErrorLog = l.fullPath("log/"+own+".log", nil, statePrefix)
		if !l.opt.PHP && !l.opt.Root {
			l.tryErrorLog()
			return
		}
	}
	if strings.EqualFold(g.ErrorLog, "syslog") {
		g.ErrorLog = "syslog"
		return
	}
	g.ErrorLog = l.fullPath(g.ErrorLog, nil, statePrefix)
	if err := l.createLog(g.ErrorLog); err != nil && l.sound(nil, "error_log") {
		l.globalFault("error_log", fmt.Sprintf("failed to open error_log (%s): %s", g.ErrorLog, errno(err)))
	}
}

// tryErrorLog has the log of an ordinary user go to standard error if the
// default file is not to be had: /var/log is root's.
func (l *loader) tryErrorLog() {
	g := &l.config.Global
	err := l.createLog(g.ErrorLog)
	if err == nil {
		return
	}
	l.notice(place{file: l.config.Path}, NoticeLevel, nil,
		fmt.Sprintf("no error_log is set and %s cannot be opened (%s): the log goes to standard error", g.ErrorLog, errno(err)))
	g.ErrorLog = ""
}

// createLog creates a log file, unless the configuration could not even be
// read: php-fpm would not have come this far.
func (l *loader) createLog(path string) error {
	if len(l.faults) > 0 && l.stage != processing {
		return nil
	}
	return l.opt.System.CreateLog(path)
}

// checkOwnGlobal validates anyfpm's own global directives.
func (l *loader) checkOwnGlobal() {
	g := &l.config.Global
	switch {
	case g.ControlListen != "":
		g.ControlListen = l.fullPath(g.ControlListen, nil, statePrefix)
	case !g.given.has("control.listen") && g.PID != "":
		g.ControlListen = strings.TrimSuffix(g.PID, ".pid") + ".ctl"
	}
	if !strings.HasPrefix(g.MetricsPath, "/") {
		l.globalFault("metrics.path", fmt.Sprintf("the metrics path '%s' must start with a '/'", g.MetricsPath))
	}
	l.checkNatural(nil)
}

// checkNatural refuses numbers below zero where they have no meaning.
func (l *loader) checkNatural(pool *Pool) {
	s := &section{global: &l.config.Global, pool: pool}
	for _, g := range s.directives() {
		for _, d := range g.directives {
			m, given := s.given().values[d.name]
			if !given || !d.natural || !d.value.minus(s) {
				continue
			}
			text := d.name + " can't be negative"
			if pool != nil {
				text = fmt.Sprintf("[pool %s] %s", pool.Name, text)
			}
			l.fault(m.at, ErrorLevel, pool, text)
		}
	}
}

// sound reports whether directives may be judged: none of them had a fault
// already, and none can be missing only because its line was not understood.
func (l *loader) sound(pool *Pool, names ...string) bool {
	s := section{global: &l.config.Global, pool: pool}
	for _, name := range names {
		if l.spoilt[pool][name] || l.unsure[pool] && !s.given().has(name) {
			return false
		}
	}
	return true
}

// globalFault blames a directive of the global section.
func (l *loader) globalFault(name, text string) {
	at := place{file: l.config.Path}
	if m, ok := l.config.Global.given.values[name]; ok {
		at = m.at
	}
	l.fault(at, ErrorLevel, nil, text)
}
