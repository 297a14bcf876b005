package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// write puts a configuration into a temporary file.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pool.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unprivileged are options under which no file is created and no user needed.
func unprivileged() Options {
	return Options{System: System{CreateLog: func(string) error { return nil }}}
}

func TestLoadPlainFile(t *testing.T) {
	c, notices, err := Load(write(t, `
[global]
pid = /run/fpm.pid
[www] ; a comment
listen = 127.0.0.1:9000
pm = static
pm.max_children = 3
env[GREETING] = "good day"
`), unprivileged())
	if err != nil {
		t.Fatal(err)
	}
	if len(notices) != 0 {
		t.Errorf("notices: %v", notices)
	}
	if c.Global.PID != "/run/fpm.pid" || c.Global.ControlListen != "/run/fpm.ctl" || c.Global.ProcessControlTimeout != -1 {
		t.Errorf("global: %+v", c.Global)
	}
	if len(c.Pools) != 1 {
		t.Fatalf("%d pools", len(c.Pools))
	}
	p := c.Pools[0]
	if p.Name != "www" || p.Line != 4 || p.PM != Static || p.MaxChildren != 3 || p.Runner != RunnerCGI || p.QueueMaxLength != 511 {
		t.Errorf("pool: %+v", p)
	}
	if len(p.Env) != 1 || p.Env[0] != (KeyValue{"GREETING", "good day"}) {
		t.Errorf("env: %v", p.Env)
	}
}

func TestEveryFaultIsListed(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	files := map[string]string{
		"main.conf":  "[global]\nlog_limit = 5\nlog_levl = debug\n[a]\npm = elastic\nlisten = 9000\ninclude = ${DIR}/inc/*.conf\n[c]\nlisten = 9000\n",
		"inc/1.conf": "pm.max_children = x\n[b]\nlisten = 9001\npm = dynamic\npm.max_children = 5\npm.min_spare_servers = 6\npm.max_spare_servers = 1\n",
		"inc/2.conf": "clear_env = \"yes\n",
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opt := unprivileged()
	opt.Getenv = func(string) string { return dir }
	c, _, err := Load("main.conf", opt)
	if c != nil {
		t.Error("a faulty configuration was returned")
	}
	want := `ERROR: [main.conf:3] unknown entry 'log_levl'; did you mean 'log_level'?
ERROR: [main.conf:5] unable to parse value for entry 'pm': invalid process manager (static, dynamic or ondemand)
ERROR: [DIR/inc/1.conf:1] unable to parse value for entry 'pm.max_children': is not a valid number (greater or equal than zero)
ERROR: Unable to include DIR/inc/1.conf from main.conf at line 7 (main.conf:7)
ERROR: [DIR/inc/2.conf:1] syntax error, unexpected end of file, expecting TC_DOLLAR_CURLY or TC_QUOTED_STRING or '"'; a quote, a bracket or ${ is not closed on this line, or an operand is missing
ERROR: Unable to include DIR/inc/2.conf from main.conf at line 7 (main.conf:7)
ERROR: log_limit must be greater than 512 (main.conf:2)
ALERT: [pool b] pm.min_spare_servers(6) and pm.max_spare_servers(1) cannot be greater than pm.max_children(5) (DIR/inc/1.conf:7)
ALERT: [pool c] the process manager is missing (static, dynamic or ondemand) (main.conf:8)
ALERT: [pool c] pm.max_children must be a positive value (main.conf:8)
ERROR: [pool c] unable to set listen address as it's already used in another pool 'a' (main.conf:9)`
	if got := strings.ReplaceAll(err.Error(), dir, "DIR"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if got := err.(*Errors).Trailer(); got != "failed to load configuration file 'main.conf'" {
		t.Errorf("trailer: %s", got)
	}
}

// The default log file is not an ordinary user's to write.
func TestErrorLogOfAnOrdinaryUser(t *testing.T) {
	const text = "[a]\nlisten = 9000\npm = ondemand\npm.max_children = 1\n"
	opt := unprivileged()
	opt.System.CreateLog = func(path string) error { return &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES} }
	c, notices, err := Load(write(t, text), opt)
	if err != nil || c.Global.ErrorLog != "" {
		t.Fatalf("got %+v, %v", c, err)
	}
	want := "no error_log is set and /var/log/anyfpm.log cannot be opened (Permission denied (13)): the log goes to standard error"
	if len(notices) != 1 || notices[0].Text != want {
		t.Errorf("got notices %v, want %s", notices, want)
	}
	opt.PHP = true
	if _, _, err := Load(write(t, text), opt); err == nil {
		t.Error("no fault in php-fpm's place")
	}
	opt.PHP = false
	if _, _, err := Load(write(t, "error_log = /var/log/anyfpm.log\n"+text), opt); err == nil {
		t.Error("no fault although the log was asked for")
	}
}

func TestNoFileAndNoPrefix(t *testing.T) {
	for path, want := range map[string]string{
		"":                    "ERROR: configuration filename is empty",
		"/nowhere/fpm.conf":   "ERROR: failed to open configuration file '/nowhere/fpm.conf': No such file or directory (2)",
		filepath.Dir("/usr/"): "ERROR: failed to open configuration file '/usr': Is a directory (21)",
	} {
		if _, _, err := Load(path, unprivileged()); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", path, err, want)
		}
	}
	opt := unprivileged()
	opt.Prefix = "/nowhere"
	_, _, err := Load(write(t, prelude), opt)
	if want := "ERROR: the global prefix '/nowhere' does not exist or is not a directory"; err == nil || err.Error() != want || err.(*Errors).Trailer() != "" {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestCredentials(t *testing.T) {
	for _, c := range []struct {
		lines string
		want  *Credential
	}{
		{"", nil},
		{"user = www-data", &Credential{UID: 33, GID: 33, Groups: []uint32{33}, User: "www-data", Home: "/var/www"}},
		{"user = 33", &Credential{UID: 33, GID: 33, Groups: []uint32{33}}},
		{"user = 4242\ngroup = www-data", &Credential{UID: 4242, GID: 33, Groups: []uint32{33}}},
		{"user = www-data\ngroup = 7", &Credential{UID: 33, GID: 7, Groups: []uint32{7}, User: "www-data", Home: "/var/www"}},
	} {
		opt := unprivileged()
		opt.Root, opt.AllowRoot = true, true
		opt.System.LookupUser, opt.System.LookupGroup = fakeUser, fakeGroup
		got, _, err := Load(write(t, prelude+c.lines), opt)
		if err != nil {
			t.Errorf("%s: %v", c.lines, err)
		} else if !reflect.DeepEqual(got.Pools[0].Credential, c.want) {
			t.Errorf("%s: got %+v", c.lines, got.Pools[0].Credential)
		}
	}
}

func TestWithoutRoot(t *testing.T) {
	c, notices, err := Load(write(t, prelude+"user = nobody-knows\ngroup = x\nchroot = /\nprocess.priority = 5"), unprivileged())
	if err != nil || c.Pools[0].Credential != nil {
		t.Fatalf("%v %v", c, err)
	}
	var got []string
	for _, n := range notices {
		got = append(got, n.Text)
	}
	want := []string{"user", "group", "chroot", "process.priority"}
	for i, name := range want {
		want[i] = "[pool www] '" + name + "' directive is ignored when FPM is not running as root"
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestWatchdog(t *testing.T) {
	tests := map[string]struct {
		watchdog time.Duration
		notices  []string
	}{
		"half a minute": {30 * time.Second, []string{"systemd_interval option ignored", "systemd watchdog configured to 15sec"}},
		"a second":      {time.Second, []string{"systemd_interval option ignored", "systemd watchdog configured to 0.5sec"}},
		"none":          {0, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			opt := unprivileged()
			opt.Getenv = func(name string) string {
				if name == "WATCHDOG_USEC" && test.watchdog > 0 {
					return strconv.FormatInt(test.watchdog.Microseconds(), 10)
				}
				return ""
			}
			c, notices, err := Load(write(t, "systemd_interval = 5\n"+prelude), opt)
			if err != nil {
				t.Fatal(err)
			}
			interval := test.watchdog / 2
			if test.watchdog == 0 {
				interval = 5 * time.Second
			}
			if c.Global.SystemdWatchdog != (test.watchdog > 0) || c.Global.SystemdInterval != interval {
				t.Errorf("watchdog %v, interval %v", c.Global.SystemdWatchdog, c.Global.SystemdInterval)
			}
			var got []string
			for _, n := range notices {
				got = append(got, n.Text)
			}
			if !slices.Equal(got, test.notices) {
				t.Errorf("notices: %q", got)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	opt := unprivileged()
	opt.Settings = map[string]string{"memory_limit": "128M"}
	opt.Constants = map[string]string{"PHP_VERSION": "8.2.35"}
	opt.Getenv = func(name string) string {
		return map[string]string{"memory_limit": "no", "HOME": "/root"}[name]
	}
	c, _, err := Load(write(t, prelude+"env[A] = ${memory_limit}\nenv[B] = PHP_VERSION\nenv[C] = $HOME\nenv[D] = $NOTHING\nenv[A] = again"), opt)
	if err != nil {
		t.Fatal(err)
	}
	want := []KeyValue{{"A", "128M"}, {"B", "8.2.35"}, {"C", "/root"}, {"D", ""}}
	if !slices.Equal(c.Pools[0].Env, want) {
		t.Errorf("got %v", c.Pools[0].Env)
	}
}

// TestNothingIsCreatedForAFaultyFile: php-fpm opens its logs while it
// validates, but not when it could not read the file.
func TestNothingIsCreatedForAFaultyFile(t *testing.T) {
	var created []string
	opt := Options{System: System{CreateLog: func(path string) error {
		created = append(created, path)
		return nil
	}}}
	text := "[global]\nerror_log = /e\n" + poolPrelude + "access.log = /a\nslowlog = /s\nrequest_slowlog_timeout = 5\n"
	if _, _, err := Load(write(t, text), opt); err != nil || !slices.Equal(created, []string{"/e", "/s", "/a"}) {
		t.Errorf("created %v, %v", created, err)
	}
	created = nil
	if _, _, err := Load(write(t, text+"oops\n"), opt); err == nil || created != nil {
		t.Errorf("created %v, %v", created, err)
	}
}
