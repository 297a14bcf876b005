package config

import (
	"fmt"
	"io"
	"strings"
)

// A difference is what anyfpm does otherwise with a directive of php-fpm's.
type difference struct {
	name string // of the directive; with "[global] " where both sections have it
	text string
}

// compatDifferences are all there are: a directive that is not here does what
// it does in php-fpm 8.2.
var compatDifferences = []difference{
	{"pid", "Empty is no pid file; php-fpm would fail to write to a directory. `.ctl` in place of `.pid` is the control socket unless `control.listen` says otherwise."},
	{"log_buffering", "No effect: a line is always written whole, with one write."},
	{"process_control_timeout", "Not set, QUIT and reload wait as long as requests take; php-fpm's default 0 ends them at once. Written as `0` it is php-fpm's."},
	{"emergency_restart_threshold", "The reload it starts loses no request, and the worker that died is replaced meanwhile. Below zero is an error."},
	{"process.max", "Counts workers, not supervisors and zygotes."},
	{"events.mechanism", "No effect: always epoll. `poll` and `select` are still an error with `pm = ondemand`."},
	{"systemd_interval", "As in php-fpm; without NOTIFY_SOCKET no timer runs."},
	{"listen", "A path of more than 107 bytes is an error, as in 8.4; 8.2 cuts it. The same address written in two ways is found before it is bound. A file in the way that is no socket is not removed."},
	{"listen.acl_users", "A name nobody has is found by `-t` and before the socket is bound."},
	{"listen.acl_groups", "The same."},
	{"listen.setfib", "Accepted, without effect: FreeBSD's. php-fpm on Linux does not know it."},
	{"listen.allowed_clients", "Checked by the supervisor when it accepts, before a worker is taken. An IPv6 address is compared whole; php-fpm compares 96 bits of it."},
	{"pm", "Requests wait in the supervisor and are leased to workers, so growth is decided by what waits, at once and not at the next second."},
	{"pm.max_children", "What comes when all are busy waits in a queue (`queue.max_length`, `queue.timeout`), not in the kernel's backlog."},
	{"pm.process_idle_timeout", "An ondemand pool that has no worker left has no supervisor either."},
	{"pm.max_requests", "Spread by `pm.max_requests_jitter`; the replacement is started before the old worker goes. Below zero is an error."},
	{"pm.status_path", "Answered by the supervisor, at any time. Only a whole key of the query selects a format, as in 8.4. Counts the request as an active process, as php-fpm does."},
	{"pm.status_listen", "Only status and ping are answered there; php-fpm runs scripts, too."},
	{"ping.path", "Answered by the supervisor, at any time."},
	{"access.log", "Written by the supervisor. USR1 reopens it without replacing the workers."},
	{"access.format", "`json` is ours, and tokens for queue time and outcome."},
	{"slowlog", "The stack is read while the worker runs on; php-fpm stops it with ptrace, and writes lines about that to the error log."},
	{"request_slowlog_timeout", "Acts when the time is over; php-fpm looks at intervals of a third of it. Below zero is an error."},
	{"request_terminate_timeout", "Counts requests only, not idle kept connections. The signal is INT first, because php-cgi finishes its request on TERM: the worker's exit line says `signal 2 (SIGINT)`. Below zero is an error."},
	{"chroot", "php-cgi and all that it needs must be inside, since workers are executed there. The supervisor is inside too. `pm.max_memory` and stacks need /proc in it."},
	{"process.priority", "Also for the pool's supervisor."},
	{"process.dumpable", "About the supervisor, of which a script can take hold then. Workers are executed programs, which the kernel makes dumpable again in any case."},
	{"apparmor_hat", "The supervisor's thread that starts the workers changes into the hat."},
	{"catch_workers_output", "A last line without newline is an entry of its own at the end of its request; php-fpm joins it with what the worker says next. With a log_level above warning php-fpm leaves the final quotation mark of a decorated line."},
	{"security.limit_extensions", "The default `.php .phar` holds for `runner = php`."},
	{"php_value", "Given to php-cgi with `-d`: `ps` shows it to every user, so no place for a secret. In php-fpm only who may read the file knows it."},
	{"php_flag", "The same."},
	{"php_admin_value", "The same, and made binding through a generated ini file, for all of the file system."},
	{"php_admin_flag", "The same."},
}

// Compatibility writes the table of php-fpm's directives for
// docs/compatibility.md.
func Compatibility(w io.Writer) error {
	var b strings.Builder
	for _, part := range []struct {
		title, mark string
		groups      []group
	}{{"[global]", "[global] ", globalGroups}, {"Pools", "", poolGroups}} {
		fmt.Fprintf(&b, "### %s\n\n| directive | default | difference to php-fpm |\n|---|---|---|\n", part.title)
		row := func(name, suffix, value string) {
			text := "none"
			for _, d := range compatDifferences {
				// A name that both sections have is the pools' unless marked.
				if d.name == part.mark+name || d.name == name && (part.mark == "" || find(poolGroups, name) == nil) {
					text = d.text
				}
			}
			fmt.Fprintf(&b, "| `%s%s` | %s | %s |\n", name, suffix, value, text)
		}
		for _, g := range part.groups {
			for _, d := range g.directives {
				if d.origin == phpFPM {
					row(d.name, "", strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(d.defaultText(), "default: "), "default "), "|", `\|`))
				}
			}
			for _, l := range g.lists {
				if l.origin == phpFPM {
					suffix := "[]"
					if l.keyed {
						suffix = "[NAME]"
					}
					row(l.name, suffix, "none")
				}
			}
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
