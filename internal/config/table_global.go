package config

import "time"

// globalGroups is the table of the [global] section, in the order of php-fpm's
// dump.
var globalGroups = []group{globalFiles, globalProcesses, globalOwn}

var globalFiles = group{
	title: "Log files and the pid file",
	directives: []directive{
		{
			name:  "pid",
			value: inGlobal(text, func(g *Global) *string { return &g.PID }),
			about: "The file that receives the master's process id, in decimal and without a newline, once the sockets are open. " +
				"A relative path is below the prefix or, without `-p`, below `/var`. A pid file given with `-g` is replaced by this one.",
		},
		{
			name:      "error_log",
			value:     inGlobal(text, func(g *Global) *string { return &g.ErrorLog }),
			otherwise: "`log/php-fpm.log` when started as php-fpm or with `--php`, else `log/anyfpm.log`",
			about: "The file of the event log, or `syslog`. A relative path is below the prefix or, without `-p`, below `/var`. " +
				"The file is created with mode 0600 when it is missing. The log of an ordinary user who sets none goes to standard error " +
				"if the default cannot be opened.",
		},
		{
			name:      "syslog.ident",
			value:     inGlobal(text, func(g *Global) *string { return &g.SyslogIdent }),
			otherwise: "`php-fpm` when started as php-fpm or with `--php`, else `anyfpm`",
			about:     "The name in front of every message sent to syslog.",
		},
		{
			name:     "syslog.facility",
			value:    inGlobal(facility, func(g *Global) *int { return &g.SyslogFacility }),
			standard: "daemon",
			syntax:   "`auth`, `authpriv`, `cron`, `daemon`, `ftp`, `kern`, `lpr`, `mail`, `news`, `syslog`, `user`, `uucp` or `local0` to `local7`",
			about:    "The syslog facility, in any case. The dump of `-tt` shows its number, as php-fpm's does.",
		},
		{
			name:     "log_buffering",
			unneeded: "every line is written whole, with a single write",
			value:    inGlobal(boolean, func(g *Global) *bool { return &g.LogBuffering }),
			standard: "yes",
			about:    "Whether php-fpm collects a line of worker output before it writes it.",
		},
		{
			name:     "log_level",
			value:    inGlobal(logLevel, func(g *Global) *string { return &g.LogLevel }),
			standard: "notice",
			syntax:   "`debug`, `notice`, `warning` (or `warn`), `error` or `alert`",
			about:    "The least important message that is logged. With `debug` every line also carries microseconds and its origin.",
			inDump: func(s *section) string {
				if !s.given().has("log_level") {
					return "unknown value" // php-fpm looks 0 up among its levels
				}
				return map[string]string{
					"debug": "DEBUG", "notice": "NOTICE", "warning": "WARNING", "error": "ERROR", "alert": "ALERT",
				}[s.global.LogLevel]
			},
		},
		{
			name:     "log_limit",
			value:    inGlobal(integer, func(g *Global) *int { return &g.LogLimit }),
			standard: "1024",
			about:    "The longest line of worker output in bytes, with its prefix, at least 512. What is longer is split.",
		},
	},
}

var globalProcesses = group{
	title: "The master process",
	directives: []directive{
		{
			name:     "emergency_restart_interval",
			value:    inGlobal(seconds, func(g *Global) *time.Duration { return &g.EmergencyRestartInterval }),
			natural:  true,
			standard: "0",
			about:    "The period in which `emergency_restart_threshold` counts. `0` switches emergency restarts off.",
		},
		{
			name:     "emergency_restart_threshold",
			value:    inGlobal(integer, func(g *Global) *int { return &g.EmergencyRestartThreshold }),
			natural:  true,
			standard: "0",
			about: "When this many workers die of SIGSEGV or SIGBUS within `emergency_restart_interval`, everything is reloaded. " +
				"`0` switches emergency restarts off.",
		},
		{
			name:      "process_control_timeout",
			value:     inGlobal(seconds, func(g *Global) *time.Duration { return &g.ProcessControlTimeout }),
			natural:   true,
			otherwise: "as long as requests take",
			about: "How long a graceful stop or reload waits for running requests before it sends workers SIGTERM and then SIGKILL. " +
				"**Differs from php-fpm** when it is not set: php-fpm's default is 0, which kills running requests at once; " +
				"anyfpm then waits until they are done. Written as `0` it means what it means to php-fpm.",
		},
		{
			name:     "process.max",
			value:    inGlobal(integer, func(g *Global) *int { return &g.ProcessMax }),
			standard: "0",
			about:    "The greatest number of workers over all pools; `0` sets no limit.",
		},
		{
			name:  "process.priority",
			value: inGlobal(priority, func(g *Global) **int { return &g.ProcessPriority }),
			about: "The nice value of the master, from -19 (first) to 20 (last); pools inherit it. Needs root.",
		},
		{
			name:     "daemonize",
			value:    inGlobal(boolean, func(g *Global) *bool { return &g.Daemonize }),
			standard: "yes",
			about:    "Whether the master goes into the background. `-D` and `-F` on the command line win, and `anyfpm run` stays in the foreground without `-D`.",
		},
		{
			name:     "rlimit_files",
			value:    inGlobal(integer, func(g *Global) *int { return &g.RlimitFiles }),
			standard: "0",
			about:    "The limit of open files of the master; `0` leaves the system's.",
		},
		{
			name:     "rlimit_core",
			value:    inGlobal(coreLimit, func(g *Global) *int { return &g.RlimitCore }),
			standard: "0",
			about:    "The greatest core file of the master in bytes, or `unlimited`; `0` leaves the system's limit.",
		},
		{
			name:     "events.mechanism",
			unneeded: "anyfpm always uses epoll",
			value:    inGlobal(text, func(g *Global) *string { return &g.EventsMechanism }),
			standard: "epoll",
			syntax:   "`epoll`, `poll` or `select`",
			about:    "How php-fpm waits for events.",
		},
		{
			name:     "systemd_interval",
			value:    inGlobal(seconds, func(g *Global) *time.Duration { return &g.SystemdInterval }),
			standard: "10s",
			about: "How often the state is reported to systemd under `Type=notify`; `0` switches the reports off. " +
				"With a watchdog (`WatchdogSec=`) half of its time is used instead.",
		},
	},
}

var globalOwn = group{
	title: "Control and metrics",
	directives: []directive{
		{
			name:      "control.listen",
			origin:    own,
			value:     inGlobal(text, func(g *Global) *string { return &g.ControlListen }),
			otherwise: "the pid file's name with `.ctl` in place of `.pid`; none without a pid file",
			syntax:    "path of a unix socket; empty for none",
			about:     "The socket of `anyfpm status`, `reload`, `stop` and `reopen`.",
		},
		{
			name:   "metrics.listen",
			origin: own,
			value:  inGlobal(text, func(g *Global) *string { return &g.MetricsListen }),
			syntax: "address, as for `listen`",
			about: "Where Prometheus finds the metrics of all pools, over HTTP. At most 64 connections are open at a time, " +
				"so that whoever can connect cannot take the descriptors of the service.",
		},
		{
			name:     "metrics.path",
			origin:   own,
			value:    inGlobal(text, func(g *Global) *string { return &g.MetricsPath }),
			standard: "/metrics",
			about:    "The path of the metrics on `metrics.listen`.",
		},
		{
			name:     "drain_delay",
			origin:   own,
			value:    inGlobal(ownSeconds, func(g *Global) *time.Duration { return &g.DrainDelay }),
			natural:  true,
			standard: "0",
			about: "How long connections are still accepted after SIGQUIT or SIGTERM, while a load balancer notices that " +
				"this instance is going away.",
		},
	},
}
