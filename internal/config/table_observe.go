package config

import "time"

var poolStatus = group{
	title: "Status and ping",
	about: "Both pages are answered by the pool's supervisor and need no idle worker.",
	directives: []directive{
		{
			name:  "pm.status_path",
			value: inPool(text, func(p *Pool) *string { return &p.StatusPath }),
			about: "The SCRIPT_NAME of the status page; not set, there is none. It starts with `/`, is longer than that, and is made of " +
				"letters, digits and `/_-.~`. The query string selects `html`, `xml`, `json` or `openmetrics`, and `full`.",
		},
		{
			name:   "pm.status_listen",
			value:  inPool(text, func(p *Pool) *string { return &p.StatusListen }),
			syntax: "address, as for `listen`",
			about: "A further address that answers the status page and the ping page alone. `pm.status_path` is then `/` unless it " +
				"is set.",
		},
		{
			name:  "ping.path",
			value: inPool(text, func(p *Pool) *string { return &p.PingPath }),
			about: "The SCRIPT_NAME of the ping page, by the rules of `pm.status_path`; not set, there is none.",
		},
		{
			name:      "ping.response",
			value:     inPool(text, func(p *Pool) *string { return &p.PingResponse }),
			otherwise: "`pong`",
			about:     "The body of the ping page.",
		},
	},
}

var poolAccessLog = group{
	title: "Access log",
	directives: []directive{
		{
			name:  "access.log",
			value: inPool(text, func(p *Pool) *string { return &p.AccessLog }),
			about: "The file of the pool's access log; not set, there is none. SIGUSR1 reopens it.",
		},
		{
			name:      "access.format",
			value:     inPool(text, func(p *Pool) *string { return &p.AccessFormat }),
			otherwise: "`" + accessFormat + "`",
			syntax:    "format, or `json`",
			about:     "The form of a line; the tokens are in `docs/access-log.md`. `json` is anyfpm's own: an object per line.",
		},
	},
	lists: []list{
		{
			name:   "access.suppress_path",
			plain:  func(p *Pool) *[]string { return &p.AccessSuppressPath },
			syntax: "path",
			check: func(value string) string {
				if value == "" || value[0] != '/' {
					return "Values provided to field 'access.suppress_path' must begin with '/'"
				}
				return ""
			},
			about: "A SCRIPT_NAME that is not logged when the request is a GET or HEAD without query and body that succeeds.",
		},
	},
}

var poolSlowlog = group{
	title: "Slow and endless requests",
	directives: []directive{
		{
			name:  "slowlog",
			value: inPool(text, func(p *Pool) *string { return &p.Slowlog }),
			about: "The file of the slow log; required with `request_slowlog_timeout`.",
		},
		{
			name:     "request_slowlog_timeout",
			value:    inPool(seconds, func(p *Pool) *time.Duration { return &p.SlowlogTimeout }),
			natural:  true,
			standard: "0",
			about:    "A request that runs longer than this is written to the slow log with its stack; `0` never. It may not be longer than `request_terminate_timeout`.",
		},
		{
			name:     "request_slowlog_trace_depth",
			value:    inPool(integer, func(p *Pool) *int { return &p.SlowlogTraceDepth }),
			standard: "20",
			about:    "The greatest number of frames in a stack.",
		},
		{
			name:     "request_slowlog_repeat",
			origin:   own,
			value:    inPool(integer, func(p *Pool) *int { return &p.SlowlogRepeat }),
			natural:  true,
			standard: "0",
			about:    "How often a request that goes on is sampled again, at the same distance.",
		},
		{
			name:     "slowlog.format",
			origin:   own,
			value:    inPool(oneOf("php-fpm", "json"), func(p *Pool) *string { return &p.SlowlogFormat }),
			standard: "php-fpm",
			syntax:   "`php-fpm` or `json`",
			about:    "The form of the slow log: php-fpm's, or an object per line.",
		},
		{
			name:     "request_terminate_timeout",
			value:    inPool(seconds, func(p *Pool) *time.Duration { return &p.TerminateTimeout }),
			natural:  true,
			standard: "0",
			about:    "A request that runs longer than this is ended: its worker is stopped and replaced; `0` never. Time in the queue does not count.",
		},
		{
			name:     "request_terminate_timeout_track_finished",
			value:    inPool(boolean, func(p *Pool) *bool { return &p.TerminateTrackFinish }),
			standard: "no",
			about:    "Whether `request_terminate_timeout` goes on counting for a worker that has sent its whole response and still works.",
		},
	},
}
