package config

import "time"

var poolLimits = group{
	title: "Confinement",
	directives: []directive{
		{
			name:     "rlimit_files",
			value:    inPool(integer, func(p *Pool) *int { return &p.RlimitFiles }),
			standard: "0",
			about:    "The limit of open files of a worker; `0` leaves the master's.",
		},
		{
			name:     "rlimit_core",
			value:    inPool(coreLimit, func(p *Pool) *int { return &p.RlimitCore }),
			standard: "0",
			about:    "The greatest core file of a worker in bytes, or `unlimited`; `0` leaves the master's limit.",
		},
		{
			name:  "chroot",
			value: inPool(text, func(p *Pool) *string { return &p.Chroot }),
			about: "The directory that is `/` to the pool. Needs root. `$prefix` at its start stands for the pool's prefix. All paths of " +
				"requests are then inside it. With `runner = fastcgi` and `php` it needs a directory for temporary files, `TMPDIR` or " +
				"`/tmp`, in which the pool's user may make files.",
		},
		{
			name:      "chdir",
			value:     inPool(text, func(p *Pool) *string { return &p.Chdir }),
			otherwise: "the current directory, or `/` with `chroot`",
			about:     "The working directory of workers. Inside `chroot`, if there is one.",
		},
		{
			name:   "apparmor_hat",
			hidden: true,
			value:  inPool(text, func(p *Pool) *string { return &p.ApparmorHat }),
			about: "The AppArmor hat workers change into, below the profile that confines the service: as for php-fpm that must allow " +
				"`change_profile -> PROFILE//*`, and to write `/proc/*/attr/**`. What the slow log needs is in [slowlog.md](slowlog.md#permissions).",
		},
	},
}

var poolOutput = group{
	title: "Output, environment and scripts",
	directives: []directive{
		{
			name:     "catch_workers_output",
			value:    inPool(boolean, func(p *Pool) *bool { return &p.CatchWorkersOutput }),
			standard: "no",
			about:    "Whether what workers write to stdout and stderr, outside of a response, goes to the error log.",
		},
		{
			name:     "decorate_workers_output",
			value:    inPool(boolean, func(p *Pool) *bool { return &p.DecorateOutput }),
			standard: "yes",
			about:    "Whether such lines carry the time, the pool and the worker's process id.",
		},
		{
			name:     "clear_env",
			value:    inPool(boolean, func(p *Pool) *bool { return &p.ClearEnv }),
			standard: "yes",
			about:    "Whether workers start with an empty environment (without PATH too) before `env[]` is added, or with the master's.",
		},
		{
			name:      "security.limit_extensions",
			value:     inPool(separated(" \t"), func(p *Pool) *[]string { return &p.LimitExtensions }),
			otherwise: "`.php .phar` with `runner = php`, else every extension",
			syntax:    "extensions, separated by blanks",
			about:     "A script with another extension is refused with 403. Empty allows every extension.",
		},
	},
	lists: []list{
		{
			name:   "env",
			keyed:  true,
			field:  func(p *Pool) *[]KeyValue { return &p.Env },
			syntax: "value",
			check: func(value string) string {
				if value == "" {
					return "empty value"
				}
				return ""
			},
			about: "A variable of the workers' environment. A value that starts with `$` names a variable of the master's environment. " +
				"Of several definitions the first wins.",
		},
		{
			name:   "php_value",
			keyed:  true,
			field:  func(p *Pool) *[]KeyValue { return &p.PHPValues },
			syntax: "value",
			about: "A setting of php.ini that scripts may change. Of several definitions the first wins, but `extension`, `disable_functions` and " +
				"`disable_classes` add up, and what php.ini disables stays disabled.",
		},
		{
			name:    "php_flag",
			keyed:   true,
			inDump:  "php_value",
			boolean: true,
			field:   func(p *Pool) *[]KeyValue { return &p.PHPValues },
			syntax:  "boolean",
			about:   "The same for a setting that is on or off.",
		},
		{
			name:   "php_admin_value",
			keyed:  true,
			field:  func(p *Pool) *[]KeyValue { return &p.PHPAdminValues },
			syntax: "value",
			about:  "A setting of php.ini that scripts may not change. Of several definitions the first wins.",
		},
		{
			name:    "php_admin_flag",
			keyed:   true,
			inDump:  "php_admin_value",
			boolean: true,
			field:   func(p *Pool) *[]KeyValue { return &p.PHPAdminValues },
			syntax:  "boolean",
			about:   "The same for a setting that is on or off.",
		},
	},
}

var poolRunner = group{
	title: "The runner",
	about: "What a worker of the pool is.",
	directives: []directive{
		{
			name:   "runner",
			origin: own,
			value: inPool(oneOf(RunnerCGI, RunnerFastCGI, RunnerPHP, RunnerPython, RunnerPerl, RunnerRuby, RunnerWSGI),
				func(p *Pool) *RunnerKind { return &p.Runner }),
			otherwise: "`php` when started as php-fpm or with `--php`, else `cgi`",
			syntax:    "`cgi`, `fastcgi`, `php`, `python`, `perl`, `ruby` or `wsgi`",
			about: "`cgi` executes the script of each request. `fastcgi` keeps any FastCGI program running. `php` is `fastcgi` with php-cgi. " +
				"`python`, `perl` and `ruby` run CGI scripts in an interpreter that stays. `wsgi` keeps a Python application.",
		},
		{
			name:      "runner.command",
			origin:    own,
			value:     inPool(command, func(p *Pool) *[]string { return &p.RunnerCommand }),
			otherwise: "`php-cgi`, `python3`, `perl` or `ruby` by the runner; required with `fastcgi`",
			syntax:    "program and arguments; quotes as in a shell, nothing is expanded",
			about:     "The program or interpreter of the pool. Not used with `cgi`.",
		},
		{
			name:      "runner.isolation",
			origin:    own,
			value:     inPool(oneOf("fork", "persistent"), func(p *Pool) *string { return &p.RunnerIsolation }),
			otherwise: "`fork` with `python`, `perl` and `ruby`; `persistent` with the others that stay",
			syntax:    "`fork` or `persistent`",
			about: "With `python`, `perl` and `ruby`: whether each request runs in its own child of a preloaded interpreter, or in the same process " +
				"with a fresh namespace, which is faster and leaks what the script leaks.",
		},
		{
			name:   "runner.application",
			origin: own,
			value:  inPool(text, func(p *Pool) *string { return &p.RunnerApplication }),
			syntax: "`module:callable`, or `module:factory()`",
			about:  "The application of `runner = wsgi`, where it is required. The parentheses of a factory need quotes: `\"board:create_app()\"`.",
		},
		{
			name:     "runner.concurrency",
			origin:   own,
			value:    inPool(integer, func(p *Pool) *int { return &p.RunnerConcurrency }),
			standard: "1",
			about:    "How many requests a worker of `runner = fastcgi` serves at the same time.",
		},
		{
			name:     "runner.start_timeout",
			origin:   own,
			value:    inPool(ownSeconds, func(p *Pool) *time.Duration { return &p.RunnerStartTime }),
			standard: "60s",
			about: "How long a worker may take to get ready before it is stopped and counted as failed. " +
				"One that is forked for a request is ready when it exists, and has as long to begin with its request.",
		},
	},
	lists: []list{
		{
			name:   "runner.preload",
			origin: own,
			plain:  func(p *Pool) *[]string { return &p.RunnerPreload },
			syntax: "module",
			check:  notEmpty,
			about: "A module that `python`, `perl`, `ruby` or `wsgi` load before the first request. The workers of the pool are then forked from one process that has it, " +
				"also those that stay, and share its memory.",
		},
		{
			name:   "runner.path",
			origin: own,
			plain:  func(p *Pool) *[]string { return &p.RunnerPath },
			syntax: "directory",
			check:  notEmpty,
			about:  "A directory in which the interpreter looks for modules, before its own. A relative path is below the pool's prefix.",
		},
	},
}

// notEmpty refuses an empty entry in php-fpm's words for env[].
func notEmpty(value string) string {
	if value == "" {
		return "empty value"
	}
	return ""
}
