package config

// A meaning is a value that a directive's kind has and the directive refuses.
// In fault POOL stands for the pool in front of a message.
type meaning struct {
	name, value string
	lines       string // in front of it, each with its newline
	fault       string
	own         bool // php-fpm says nothing, or not before it binds
	root        bool // seen by root alone
}

const (
	dynamicLines = "pm = dynamic\npm.max_children = 9\npm.min_spare_servers = 3\npm.max_spare_servers = 5\n"
	unixLines    = "listen = /tmp/anyfpm-never-bound.sock\n"
	logLines     = "access.log = /dev/null\n"
	longPath     = "/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789.sock"
	tooLong      = "ERROR: cannot bind to UNIX socket '" + longPath + "' as path is too long (found length: 115, maximal length: 107)"
)

var globalMeanings = []meaning{
	{name: "pid", value: "$pool.pid", fault: "ERROR: [FILE:3] unable to parse value for entry 'pid': Can't use '$pool' when the pool is not defined"},
	{name: "syslog.ident", value: "$pool", fault: "ERROR: [FILE:3] unable to parse value for entry 'syslog.ident': Can't use '$pool' when the pool is not defined"},
	{name: "error_log", value: "/nowhere/error.log", fault: "ERROR: failed to open error_log (/nowhere/error.log): No such file or directory (2)"},
	{name: "error_log", value: "/", fault: "ERROR: failed to open error_log (/): Is a directory (21)"},
	{name: "log_limit", value: "511", fault: "ERROR: log_limit must be greater than 512"},
	{name: "process.max", value: "-1", fault: "ERROR: process_max can't be negative"},
	{name: "process.priority", value: "21", fault: "ERROR: process.priority must be included into [-19,20]"},
	{name: "process.priority", value: "-20", fault: "ERROR: process.priority must be included into [-19,20]"},
	{name: "events.mechanism", value: "kqueue", fault: "ERROR: event mechanism 'kqueue' is not available on this system"},
	{name: "control.listen", value: "127.0.0.1:9001", fault: "ERROR: control.listen must be the path of a unix socket"},
	{name: "control.listen", value: longPath, fault: tooLong},
	{name: "metrics.listen", value: "127.0.0.1:99999", fault: "ERROR: invalid port value '99999'"},
	{name: "metrics.listen", value: "127.0.0.1:9000", fault: "ERROR: unable to set metrics.listen as '127.0.0.1:9000' is already used by listen of pool 'www'"},
	{name: "metrics.path", value: "metrics", fault: "ERROR: the metrics path 'metrics' must start with a '/'"},
}

var poolMeanings = []meaning{
	{name: "prefix", value: "/nowhere", fault: "ERROR: POOLthe prefix '/nowhere' does not exist or is not a directory"},
	{name: "prefix", value: "/dev/null", fault: "ERROR: POOLthe prefix '/dev/null' does not exist or is not a directory"},
	{name: "user", value: "nobody-knows", fault: "ERROR: POOLcannot get uid for user 'nobody-knows'", root: true},
	{name: "user", value: "root", fault: "ERROR: POOLplease specify user and group other than root", root: true, own: true},
	{name: "group", value: "nobody-knows", lines: "user = www-data\n", fault: "ERROR: POOLcannot get gid for group 'nobody-knows'", root: true},
	{name: "listen", value: "", fault: "ALERT: POOLno listen address have been defined!"},
	{name: "listen", value: "127.0.0.1:0", fault: "ERROR: invalid port value '0'", own: true},
	{name: "listen", value: "127.0.0.1:65536", fault: "ERROR: invalid port value '65536'", own: true},
	{name: "listen", value: "127.0.0.1:http", fault: "ERROR: invalid port value 'http'", own: true},
	{name: "listen", value: longPath, fault: tooLong, own: true},
	{name: "listen", value: "127.0.0.1:9000", lines: "[second]\npm = static\npm.max_children = 1\n",
		fault: "ERROR: [pool second] unable to set listen address as it's already used in another pool 'www'"},
	{name: "listen.acl_users", value: "root,nobody-knows", lines: unixLines, fault: "ERROR: POOLcannot get uid for user 'nobody-knows': Success (0)", own: true},
	{name: "listen.acl_groups", value: "nobody-knows", lines: unixLines, fault: "ERROR: POOLcannot get gid for group 'nobody-knows': Success (0)", own: true},
	{name: "listen.owner", value: "nobody-knows", lines: unixLines, fault: "ERROR: POOLcannot get uid for user 'nobody-knows': Success (0)"},
	{name: "listen.group", value: "nobody-knows", lines: unixLines, fault: "ERROR: POOLcannot get gid for group 'nobody-knows': Success (0)"},
	{name: "listen.http", value: "127.0.0.1:99999", lines: "http.root = /\n", fault: "ERROR: invalid port value '99999'"},
	{name: "listen.http", value: "127.0.0.1:9000", lines: "http.root = /\n", fault: "ERROR: POOLunable to set listen.http as '127.0.0.1:9000' is already used by listen"},
	{name: "http.index", value: "index.html a/b", lines: "listen.http = 127.0.0.1:9001\nhttp.root = /\n", fault: "ERROR: POOLthe http index 'a/b' must be the name of a file that is not hidden, without a path"},
	{name: "http.root", value: "/nowhere", lines: "listen.http = 127.0.0.1:9001\n", fault: "ERROR: POOLthe http root '/nowhere' does not exist or is not a directory"},
	{name: "http.root", value: "", lines: "listen.http = 127.0.0.1:9001\n", fault: "ERROR: POOL'http.root' must be specified for a pool that speaks HTTP"},
	{name: "process.priority", value: "21", fault: "ERROR: POOLprocess.priority must be included into [-19,20]"},
	{name: "process.priority", value: "-20", fault: "ERROR: POOLprocess.priority must be included into [-19,20]"},
	{name: "pm.max_children", value: "0", fault: "ALERT: POOLpm.max_children must be a positive value"},
	{name: "pm.max_children", value: "-1", fault: "ALERT: POOLpm.max_children must be a positive value"},
	{name: "pm.min_spare_servers", value: "0", lines: dynamicLines, fault: "ALERT: POOLpm.min_spare_servers(0) must be a positive value"},
	{name: "pm.max_spare_servers", value: "-1", lines: dynamicLines, fault: "ALERT: POOLpm.max_spare_servers(-1) must be a positive value"},
	{name: "pm.max_spare_servers", value: "2", lines: dynamicLines, fault: "ALERT: POOLpm.max_spare_servers(2) must not be less than pm.min_spare_servers(3)"},
	{name: "pm.max_spare_servers", value: "10", lines: dynamicLines, fault: "ALERT: POOLpm.min_spare_servers(3) and pm.max_spare_servers(10) cannot be greater than pm.max_children(9)"},
	{name: "pm.start_servers", value: "2", lines: dynamicLines, fault: "ALERT: POOLpm.start_servers(2) must not be less than pm.min_spare_servers(3) and not greater than pm.max_spare_servers(5)"},
	{name: "pm.start_servers", value: "6", lines: dynamicLines, fault: "ALERT: POOLpm.start_servers(6) must not be less than pm.min_spare_servers(3) and not greater than pm.max_spare_servers(5)"},
	{name: "pm.max_spawn_rate", value: "0", lines: dynamicLines, fault: "ALERT: POOLpm.max_spawn_rate must be a positive value"},
	{name: "pm.process_idle_timeout", value: "0", lines: "pm = ondemand\n", fault: "ALERT: POOLpm.process_idle_timeout(0s) must be greater than 0s"},
	{name: "pm.status_path", value: "status", fault: "ERROR: POOLthe status path 'status' must start with a '/'"},
	{name: "pm.status_path", value: "/", fault: "ERROR: POOLthe status path '/' is not long enough"},
	{name: "pm.status_path", value: "/st%tus", fault: "ERROR: POOLthe status path '/st%tus' must contain only the following characters '[alphanum]/_-.~'"},
	{name: "pm.status_listen", value: "", fault: "ALERT: [pool www_status] no listen address have been defined!"},
	{name: "pm.status_listen", value: "127.0.0.1:99999", fault: "ERROR: invalid port value '99999'", own: true},
	{name: "pm.status_listen", value: "127.0.0.1:9000", fault: "ERROR: [pool www_status] unable to set listen address as it's already used in another pool 'www'"},
	{name: "ping.path", value: "ping", fault: "ERROR: POOLthe ping path 'ping' must start with a '/'"},
	{name: "ping.path", value: "/", fault: "ERROR: POOLthe ping path '/' is not long enough"},
	{name: "ping.path", value: "/p@ng", fault: "ERROR: POOLthe ping path '/p@ng' must contain only the following characters '[alphanum]/_-.~'"},
	{name: "ping.response", value: "", lines: "ping.path = /ping\n", fault: "ERROR: POOLthe ping response page '' is not long enough"},
	{name: "access.log", value: "", fault: "ERROR: failed to open access log (): No such file or directory (2)"},
	{name: "access.log", value: "/nowhere/access.log", fault: "ERROR: failed to open access log (/nowhere/access.log): No such file or directory (2)"},
	{name: "access.log", value: "/", fault: "ERROR: failed to open access log (/): Is a directory (21)"},
	{name: "access.format", value: "%Z", lines: logLines, fault: "ERROR: POOLwrong format for access.format '%Z'"},
	{name: "access.format", value: `"%{s"`, lines: logLines, fault: "ERROR: POOLwrong format for access.format '%{s'"},
	{name: "access.format", value: `"%{hours}d"`, lines: logLines, fault: "ERROR: POOLwrong format for access.format '%{hours}d'"},
	{name: "slowlog", value: "/nowhere/slow.log", lines: "request_slowlog_timeout = 5\n",
		fault: "ERROR: Unable to create or open slowlog(/nowhere/slow.log): No such file or directory (2)"},
	{name: "request_slowlog_timeout", value: "5", fault: "ERROR: POOL'slowlog' must be specified for use with 'request_slowlog_timeout'"},
	{name: "request_slowlog_timeout", value: "5", lines: "slowlog = /dev/null\nrequest_terminate_timeout = 4\n",
		fault: "ERROR: POOL'request_slowlog_timeout' (5) can't be greater than 'request_terminate_timeout' (4)"},
	{name: "request_slowlog_trace_depth", value: "5", fault: "ERROR: POOL'slowlog' must be specified for use with 'request_slowlog_trace_depth'"},
	{name: "request_slowlog_trace_depth", value: "-5", lines: "slowlog = /dev/null\n",
		fault: "ERROR: POOL'request_slowlog_trace_depth' (-5) must be a positive value"},
	{name: "chroot", value: "/nowhere", fault: "ERROR: POOLthe chroot path '/nowhere' does not exist or is not a directory"},
	{name: "chroot", value: "a$prefix", fault: "ERROR: '$prefix' must be use at the beginning of the value"},
	{name: "chdir", value: "/nowhere", fault: "ERROR: POOLthe chdir path '/nowhere' does not exist or is not a directory"},
	{name: "chdir", value: "/nowhere", lines: "chroot = /tmp\n", fault: "ERROR: POOLthe chdir path '/nowhere' within the chroot path '/tmp' ('/tmp//nowhere') does not exist or is not a directory"},
	{name: "runner.command", value: `""`, lines: "runner = fastcgi\n", fault: "ERROR: POOLrunner.command is empty"},
	{name: "runner", value: "fastcgi", fault: "ERROR: POOL'runner.command' must be specified for use with 'runner = fastcgi'"},
	{name: "runner.application", value: "hello", lines: "runner = wsgi\n", fault: "ERROR: POOLthe runner application 'hello' must be of the form module:callable"},
	{name: "runner.application", value: "", lines: "runner = wsgi\n", fault: "ERROR: POOL'runner.application' must be specified for use with 'runner = wsgi'"},
	{name: "runner.concurrency", value: "0", lines: "runner = fastcgi\nrunner.command = /bin/true\n", fault: "ERROR: POOLrunner.concurrency(0) must be a positive value"},
	{name: "runner.start_timeout", value: "0", lines: "runner = python\n", fault: "ERROR: POOLrunner.start_timeout(0s) must be greater than 0s"},
	{name: "request_body.spool", value: "1M", lines: "request_body.memory = 2M\n", fault: "ERROR: POOLrequest_body.spool(1M) must not be less than request_body.memory(2M)"},
}
