package config

// poolGroups is the table of pool sections, in the order of php-fpm's dump.
var poolGroups = []group{
	poolIdentity, poolListen, poolProcess, poolManager, poolStatus, poolAccessLog, poolSlowlog,
	poolLimits, poolOutput, poolRunner, poolQueue, poolHTTP,
}

var poolIdentity = group{
	title: "Who and where",
	directives: []directive{
		{
			name:  "prefix",
			value: inPool(text, func(p *Pool) *string { return &p.Prefix }),
			about: "The directory below which the pool's relative paths are: `listen`, `access.log`, `slowlog`, `chroot`, `chdir` and " +
				"some values of PHP. It may itself be relative to the global prefix (`-p`, else `/usr`), and must exist.",
		},
		{
			name:      "user",
			value:     inPool(text, func(p *Pool) *string { return &p.User }),
			otherwise: "required when the master is root (unless it was started with `-R`)",
			syntax:    "name or number",
			about:     "Who the pool's workers run as. Without root it is ignored, with a notice.",
		},
		{
			name:      "group",
			value:     inPool(text, func(p *Pool) *string { return &p.Group }),
			otherwise: "the user's own group",
			syntax:    "name or number",
			about:     "The group the pool's workers run as. Without root it is ignored, with a notice.",
		},
	},
}

var poolListen = group{
	title: "Listening",
	directives: []directive{
		{
			name:     "listen",
			value:    inPool(text, func(p *Pool) *string { return &p.Listen }),
			required: true,
			syntax:   "`PORT`, `HOST:PORT`, `[IPV6]:PORT` or the path of a unix socket",
			about: "Where the web server reaches the pool. A port alone listens on all addresses, IPv6 and IPv4. A path is at most " +
				"107 bytes long. Two pools may not share an address.",
		},
		{
			name:     "listen.backlog",
			value:    inPool(integer, func(p *Pool) *int { return &p.ListenBacklog }),
			standard: "-1",
			about: "How many connections may wait in the kernel to be accepted; `-1` is the system's limit (`net.core.somaxconn`). " +
				"It also sets the default of `queue.max_length`.",
		},
		{
			name:   "listen.acl_users",
			value:  inPool(text, func(p *Pool) *string { return &p.ListenACLUsers }),
			syntax: "names, separated by commas",
			about:  "Users who may connect to a unix socket, by a POSIX ACL. With an ACL `listen.owner` and `listen.group` are ignored, with a warning.",
		},
		{
			name:   "listen.acl_groups",
			value:  inPool(text, func(p *Pool) *string { return &p.ListenACLGroups }),
			syntax: "names, separated by commas",
			about:  "Groups whose members may connect to a unix socket, by a POSIX ACL.",
		},
		{
			name:      "listen.owner",
			value:     inPool(text, func(p *Pool) *string { return &p.ListenOwner }),
			otherwise: "the master's user",
			syntax:    "name or number",
			about:     "The owner of a unix socket. A name also sets the group, to the user's own.",
		},
		{
			name:      "listen.group",
			value:     inPool(text, func(p *Pool) *string { return &p.ListenGroup }),
			otherwise: "the owner's group",
			syntax:    "name or number",
			about:     "The group of a unix socket.",
		},
		{
			name:      "listen.mode",
			value:     inPool(text, func(p *Pool) *string { return &p.ListenMode }),
			otherwise: "`0660`",
			syntax:    "octal digits",
			about:     "The permissions of a unix socket. Connecting needs the permission to write.",
		},
		{
			name:      "listen.allowed_clients",
			value:     inPool(separated(","), func(p *Pool) *[]string { return &p.ListenAllowedClients }),
			otherwise: "any client",
			syntax:    "IP addresses, separated by commas without blanks",
			about: "Who may connect over TCP, to `listen`, `listen.http` and `pm.status_listen` alike. Others are disconnected at once. " +
				"Unix sockets are not affected.",
		},
		{
			name:     "listen.setfib",
			unneeded: "routing tables of sockets exist on FreeBSD only",
			hidden:   true,
			value:    inPool(integer, func(p *Pool) *int { return &p.ListenSetFIB }),
			about:    "FreeBSD's routing table of the socket. php-fpm on Linux does not know this directive.",
		},
		{
			name:     "listen.protocol",
			origin:   own,
			value:    inPool(oneOf("fastcgi", "http"), func(p *Pool) *string { return &p.ListenProtocol }),
			standard: "fastcgi",
			syntax:   "`fastcgi` or `http`",
			about: "What is spoken on `listen`. With `http` the pool serves browsers by itself, with no web server in front; see " +
				"`http.root`.",
		},
		{
			name:   "listen.http",
			origin: own,
			value:  inPool(text, func(p *Pool) *string { return &p.HTTPListen }),
			syntax: "address, as for `listen`",
			about:  "A second door to the pool that speaks HTTP, beside `listen`.",
		},
	},
}

var poolProcess = group{
	title: "Process attributes",
	directives: []directive{
		{
			name:  "process.priority",
			value: inPool(priority, func(p *Pool) **int { return &p.ProcessPriority }),
			about: "The nice value of the pool's workers, from -19 (first) to 20 (last). Needs root.",
		},
		{
			name:     "process.dumpable",
			value:    inPool(boolean, func(p *Pool) *bool { return &p.ProcessDumpable }),
			standard: "no",
			about: "Whether the pool's supervisor may dump core and be traced by the pool's user although it started as root " +
				"(`PR_SET_DUMPABLE`). Then a script can take hold of it, write what it likes to the logs of the service, and leave a " +
				"`chroot`. Workers may in any case.",
		},
	},
}

var poolHTTP = group{
	title: "The HTTP door",
	about: "These count where a pool speaks HTTP: with `listen.http` or `listen.protocol = http`.",
	directives: []directive{
		{
			name:      "http.root",
			origin:    own,
			value:     inPool(text, func(p *Pool) *string { return &p.HTTPRoot }),
			otherwise: "required with an HTTP door",
			about: "The document root: scripts and static files below it are served, nothing outside it. A relative path is below " +
				"the pool's prefix.",
		},
		{
			name:     "http.index",
			origin:   own,
			value:    inPool(separated(" \t"), func(p *Pool) *[]string { return &p.HTTPIndex }),
			standard: "index.html index.cgi index.php",
			syntax:   "names, separated by blanks",
			about:    "The files tried, in this order, for a request that names a directory.",
		},
	},
}
