package config

import "time"

var poolManager = group{
	title: "The process manager",
	directives: []directive{
		{
			name:     "pm",
			value:    inPool(word("invalid process manager (static, dynamic or ondemand)", Static, Dynamic, Ondemand), func(p *Pool) *PM { return &p.PM }),
			required: true,
			syntax:   "`static`, `dynamic` or `ondemand`",
			about: "How many workers are kept: `static` always `pm.max_children`; `dynamic` between `pm.min_spare_servers` and " +
				"`pm.max_spare_servers` idle ones; `ondemand` none until a request comes, and none again after " +
				"`pm.process_idle_timeout`.",
		},
		{
			name:     "pm.max_children",
			value:    inPool(integer, func(p *Pool) *int { return &p.MaxChildren }),
			required: true,
			about:    "The greatest number of workers, and so of requests served at the same time. Further ones wait in the queue.",
		},
		{
			name:      "pm.start_servers",
			value:     inPool(integer, func(p *Pool) *int { return &p.StartServers }),
			otherwise: "halfway between `pm.min_spare_servers` and `pm.max_spare_servers`",
			about:     "Workers started at first, with `pm = dynamic`.",
		},
		{
			name:      "pm.min_spare_servers",
			value:     inPool(integer, func(p *Pool) *int { return &p.MinSpareServers }),
			otherwise: "required with `pm = dynamic`",
			about:     "With fewer idle workers than this, more are started.",
		},
		{
			name:      "pm.max_spare_servers",
			value:     inPool(integer, func(p *Pool) *int { return &p.MaxSpareServers }),
			otherwise: "required with `pm = dynamic`",
			about:     "With more idle workers than this, some are stopped, one a second.",
		},
		{
			name:     "pm.max_spawn_rate",
			value:    inPool(integer, func(p *Pool) *int { return &p.MaxSpawnRate }),
			standard: "32",
			about:    "The greatest number of spare workers started in a second, with `pm = dynamic`.",
		},
		{
			name:     "pm.process_idle_timeout",
			value:    inPool(seconds, func(p *Pool) *time.Duration { return &p.ProcessIdleTimeout }),
			standard: "10s",
			about:    "How long a worker may be idle before it is stopped, with `pm = ondemand`.",
			inDump:   func(s *section) string { return integer.format(int(s.pool.ProcessIdleTimeout / time.Second)) },
		},
		{
			name:     "pm.max_requests",
			value:    inPool(integer, func(p *Pool) *int { return &p.MaxRequests }),
			natural:  true,
			standard: "0",
			about:    "A worker is replaced after this many requests, against leaks; `0` never.",
		},
		{
			name:     "pm.max_requests_jitter",
			origin:   own,
			value:    inPool(percent, func(p *Pool) *float64 { return &p.MaxRequestsJitter }),
			standard: "10%",
			about:    "By how much a worker's limit may be below `pm.max_requests`, so that not all are replaced at the same time.",
		},
		{
			name:     "pm.max_memory",
			origin:   own,
			value:    inPool(size, func(p *Pool) *int64 { return &p.MaxMemory }),
			standard: "0",
			about: "A worker whose memory is above this after a request is replaced; `0` never. What it shares with others is " +
				"divided among them (PSS). Needs `/proc`, also inside `chroot`.",
		},
		{
			name:     "pm.max_lifetime",
			origin:   own,
			value:    inPool(ownSeconds, func(p *Pool) *time.Duration { return &p.MaxLifetime }),
			natural:  true,
			standard: "0",
			about:    "A worker older than this is replaced after its request; `0` never.",
		},
	},
}

var poolQueue = group{
	title: "Queue, bodies and clients that leave",
	directives: []directive{
		{
			name:      "queue.max_length",
			origin:    own,
			value:     inPool(integer, func(p *Pool) *int { return &p.QueueMaxLength }),
			natural:   true,
			otherwise: "`listen.backlog` if that is positive, else 511",
			about: "How many requests may wait for a worker; with `0` none waits. Beyond it a request is answered with 503 and " +
				"Retry-After at once.",
		},
		{
			name:     "queue.timeout",
			origin:   own,
			value:    inPool(ownSeconds, func(p *Pool) *time.Duration { return &p.QueueTimeout }),
			natural:  true,
			standard: "30s",
			about:    "How long a request may wait for a worker before it is answered with 503; `0` sets no limit.",
		},
		{
			name:     "request_body.memory",
			origin:   own,
			value:    inPool(size, func(p *Pool) *int64 { return &p.BodyMemory }),
			standard: "64K",
			about:    "A request's body is read before a worker is taken: up to this size into memory, beyond it into an unlinked file in the `TMPDIR` that the service was started with, or `/tmp`.",
		},
		{
			name:     "request_body.spool",
			origin:   own,
			value:    inPool(size, func(p *Pool) *int64 { return &p.BodySpool }),
			standard: "16M",
			about:    "Up to this size a body is read before a worker is taken; a larger one is streamed to the worker.",
		},
		{
			name:     "request_body.streaming",
			origin:   own,
			value:    inPool(boolean, func(p *Pool) *bool { return &p.BodyStreaming }),
			standard: "no",
			about:    "Whether every body is streamed to the worker as it arrives. A slow client then holds a worker.",
		},
		{
			name:     "on_client_abort",
			origin:   own,
			value:    inPool(oneOf("ignore", "terminate"), func(p *Pool) *string { return &p.OnClientAbort }),
			standard: "ignore",
			syntax:   "`ignore` or `terminate`",
			about: "What happens to a running request whose client is gone: it runs to its end, or its worker is " +
				"stopped. With `ignore` a PHP script ends when it next sends something, unless it ignores that (`ignore_user_abort`), as with php-fpm. A worker to be stopped that serves other requests, too, loses the connection instead. A worker whose request's body was still coming is stopped either way, as it would take a part for the whole. A request that still waits in the queue is dropped, but with `ignore` not one for PHP by another method than GET, HEAD and OPTIONS: it is run for what it does. A client that " +
				"closes only the half of its connection that it sends on, behind its request, is there and gets its answer.",
		},
	},
}
