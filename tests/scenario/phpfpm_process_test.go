//go:build integration

package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// facts is a script that tells what its process is.
const facts = `<?php
foreach (file('/proc/self/status') as $line) {
	if (preg_match('/^(Uid|Gid|Groups|CapEff|NoNewPrivs):/', $line)) echo $line;
}
foreach (file('/proc/self/limits') as $line) {
	if (preg_match('/^Max (core|open files)/', $line)) echo preg_replace('/ +/', ' ', $line);
}
echo 'nice ', explode(' ', explode(') ', file_get_contents('/proc/self/stat'))[1])[16], "\n";
printf("umask %o\ncwd %s\n", umask(), getcwd());
printf("stdout %o, stderr %o\n", stat('/proc/self/fd/1')['mode'] & 0170000, stat('/proc/self/fd/2')['mode'] & 0170000);
foreach (['A', 'B', 'C', 'PATH', 'HOME', 'USER', 'TMPDIR', 'FCGI_ROLE', 'HTTP_PROXY'] as $name) {
	echo $name, '=', var_export(getenv($name), true), ' ', var_export($_SERVER[$name] ?? null, true), "\n";
}
echo implode(' ', array_intersect(array_keys(getenv()), ['A', 'B', 'C', 'PATH', 'HOME', 'USER', 'TMPDIR'])), "\n";
foreach (['memory_limit', 'precision', 'display_errors', 'error_log', 'session.name', 'date.timezone', 'sendmail_path', 'disable_functions'] as $name) {
	echo $name, '=', var_export(rtrim(ini_get($name), ','), true), "\n";
}
ini_set('precision', '3');
ini_set('session.name', 'changed');
echo ini_get('precision'), ' ', ini_get('session.name'), "\n";
foreach (['SCRIPT_NAME', 'SCRIPT_FILENAME', 'PATH_INFO', 'PHP_SELF', 'ORIG_PATH_INFO', 'PATH_TRANSLATED', 'QUERY_STRING'] as $name) {
	echo $name, '=', var_export($_SERVER[$name] ?? null, true), "\n";
}
`

// A worker is the same process with the same settings and variables as a worker
// of php-fpm's would be.
func TestSameWorkerAsPHPFPM(t *testing.T) {
	t.Parallel()
	for name, conf := range map[string]string{
		"plain":      "",
		"limits":     "rlimit_files = 333\nrlimit_core = unlimited\nprocess.priority = 5\nchdir = {{TMP}}\n",
		"no core":    "rlimit_core = 4096\n",
		"clear_env":  "env[A] = one\nenv[A] = two\nenv[B] = $HOME\nenv[PATH] = /bin\nenv[HOME] = /nowhere\n",
		"own env":    "clear_env = no\nenv[A] = one\nenv[TMPDIR] = /other\n",
		"php values": "php_value[memory_limit] = 64M\nphp_value[memory_limit] = 32M\nphp_admin_value[precision] = 9\nphp_flag[display_errors] = on\nphp_admin_flag[display_errors] = off\nphp_value[session.name] = given\nphp_admin_value[error_log] = log/php.log\nphp_value[sendmail_path] = sendmail -t\nphp_admin_value[disable_functions] = exec\nphp_value[date.timezone] = Europe/Berlin\n",
		"prefix":     "prefix = {{TMP}}\nchdir = /\nphp_value[error_log] = php.log\n",
		"root's":     "chdir = /root\n",
		"output":     "catch_workers_output = yes\n",
		"number":     "user = 33\n",
		"no user id": "user = 4711\ngroup = 4712\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := map[string][]string{}
			for _, program := range []string{phpFPM, suite.Binary} {
				as := harness.Current()
				if as.PoolUser == "" && (name == "number" || name == "no user id" || name == "root's") {
					continue
				}
				s := suite.Service(staticPHP+conf, as)
				s.Binary, s.Global = program, []string{}
				s.Env = []string{"A=outer", "C=outer"}
				if program == suite.Binary {
					s.Args = []string{"--php"}
				}
				d := harness.Start(t, s)
				d.Script("facts.php", facts)
				for _, r := range []harness.Request{
					{Path: "/facts.php?a=b", Params: map[string]string{"HTTP_PROXY": "evil"}},
					{Path: "/facts.php", PathInfo: "/more", Params: map[string]string{"SCRIPT_FILENAME": d.WWW + "/facts.php/more", "SCRIPT_NAME": "/facts.php/more"}},
				} {
					res := d.Do(r)
					said[program] = append(said[program], boxPath.ReplaceAllString(res.Body, "/BOX"))
				}
			}
			for i := range said[phpFPM] {
				if want, got := said[phpFPM][i], said[suite.Binary][i]; got != want || want == "" {
					t.Errorf("php-fpm's worker says\n%s\nand anyfpm's\n%s", want, got)
				}
			}
		})
	}
}

// php_admin_value binds scripts that are directly in the root as well, which is
// where those of a chroot are, by whatever name of the root.
func TestAdminValueInTheRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can write there")
	}
	s := suite.Service(staticPHP+"php_admin_value[precision] = 9\nphp_admin_value[precision] = 8\nphp_admin_value[session.name] = a$b \"c\"\n", harness.Current())
	s.Args = []string{"--php"}
	d := harness.Start(t, s)
	script, err := os.CreateTemp("/", "anyfpm-test-*.php")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(script.Name()) })
	defer script.Close()
	if err := script.Chmod(0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := script.WriteString("<?php ini_set('precision', '3'); ini_set('session.name', 'x'); echo ini_get('precision'), ' ', ini_get('session.name');"); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{"", "", "/.", "/./.", "/"} {
		if res := d.Do(harness.Request{Path: "/x.php", Params: map[string]string{"SCRIPT_FILENAME": root + script.Name()}}); res.Body != "9 a$bc" {
			t.Errorf("with %q before its name: got %q", root, res.Body)
		}
	}
}

// What php.ini disables stays disabled, whatever a pool disables besides.
func TestSameDisabledAsPHPFPM(t *testing.T) {
	t.Parallel()
	const conf = staticPHP + "php_admin_value[disable_functions] = passthru\nphp_admin_value[disable_functions] = shell_exec, proc_open\n" +
		"php_value[disable_functions] = popen\nphp_admin_value[disable_classes] = SplStack\nphp_flag[display_errors] = off\n"
	said := map[string]string{}
	for _, program := range []string{phpFPM, suite.Binary} {
		s := suite.Service(conf, harness.Current())
		s.Binary, s.Global = program, []string{}
		if program == suite.Binary {
			s.Args = []string{"--php"}
		}
		ini := harness.NewSandbox(t, harness.Current()).File("php.ini", "disable_functions = exec,system\ndisable_classes = SplFixedArray\n")
		s.Args = append(s.Args, "-c", ini)
		d := harness.Start(t, s)
		d.Script("disabled.php", `<?php
foreach (['exec', 'system', 'passthru', 'shell_exec', 'proc_open', 'popen', 'mail'] as $f) echo $f, function_exists($f) ? '' : ' is disabled', "\n";
foreach (['SplFixedArray', 'SplStack', 'SplQueue'] as $c) echo $c, count((new ReflectionClass($c))->getMethods()) ? '' : ' is disabled', "\n";
`)
		said[program] = d.Get("/disabled.php").Body
	}
	if want, got := said[phpFPM], said[suite.Binary]; got != want || strings.Count(want, "disabled") != 8 {
		t.Errorf("with php-fpm\n%s\nand with anyfpm\n%s", want, got)
	}
}

// The socket has the owner, group, mode and access list that php-fpm would give
// it, and what is said of them is the same.
func TestSameSocketAsPHPFPM(t *testing.T) {
	t.Parallel()
	if harness.Current().PoolUser == "" {
		t.Skip("only root gives sockets away")
	}
	for name, conf := range map[string]string{
		"plain":  "",
		"owner":  "listen.owner = www-data\n",
		"number": "listen.owner = 33\n",
		"group":  "listen.group = www-data\nlisten.mode = 0666\n",
		"both":   "listen.owner = www-data\nlisten.group = daemon\nlisten.mode = 0600\n",
		"acl":    "listen.owner = www-data\nlisten.group = daemon\nlisten.acl_users = daemon\n",
		"no acl": "listen.owner = www-data\nlisten.acl_users =\n",
		"groups": "listen.acl_groups = daemon,www-data\nlisten.mode = 0640\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := map[string]string{}
			for _, program := range []string{phpFPM, suite.Binary} {
				s := suite.Service(staticPHP+"listen = {{RUN}}/s.sock\nlisten.owner =\nlisten.group =\n"+conf, harness.Current())
				s.Binary, s.Global = program, []string{}
				if program == suite.Binary {
					s.Args = []string{"--php"}
				}
				d := harness.Start(t, s)
				var st syscall.Stat_t
				if err := syscall.Stat(filepath.Join(d.Run, "s.sock"), &st); err != nil {
					t.Fatal(err)
				}
				acl := make([]byte, 1024)
				n, err := syscall.Getxattr(filepath.Join(d.Run, "s.sock"), "system.posix_acl_access", acl)
				if err != nil {
					n = 0 // there is none
				}
				if has := n > 0; has != slices.Contains([]string{"acl", "groups"}, name) {
					t.Errorf("%s gives the socket an access list: %v", program, has)
				}
				said[program] = fmt.Sprintf("%o %d %d %x\n%s", st.Mode, st.Uid, st.Gid, acl[:n], lines(d.Log.Lines(), false))
			}
			if want, got := said[phpFPM], said[suite.Binary]; got != want {
				t.Errorf("php-fpm:\n%s\nanyfpm:\n%s", want, got)
			}
		})
	}
}

// What a PHP script has started in the background goes on, as with php-fpm: when
// its worker is replaced, when the service reloads, when a supervisor dies, of
// this pool or another, and when the service stops.
func TestBackgroundJobsOfPHP(t *testing.T) {
	t.Parallel()
	s := suite.Service(staticPHP+"pm.max_requests = 1\n[other]\nrunner = cgi\npm = static\npm.max_children = 1\n", harness.Current())
	s.Args = []string{"--php"}
	d := harness.Start(t, s)
	gate := d.Gate()
	job := func(name, start string) {
		d.Script(name+".php", fmt.Sprintf(`<?php exec(%q);`, fmt.Sprintf(start+" >/dev/null 2>&1 &", fmt.Sprintf("sh -c 'read x <%s; : >%s/%s'", gate.Path, d.Tmp, name))))
		if res := d.Get("/" + name + ".php"); res.Status != 200 {
			t.Errorf("got %d %q", res.Status, res.Body)
		}
		d.Log.Expect(`child \d+ exited with code 0`)
	}
	job("plain", "%s")
	job("daemon", "nohup setsid %s")
	jobs := d.AwaitProcesses("sh -c read x <", 2)
	d.Signal(syscall.SIGUSR2)
	d.Log.Expect("NOTICE: ready to handle connections")
	job("late", "%s")
	for _, pool := range []string{"www", "other"} {
		killed := d.Supervisor(pool)
		if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, harness.Patience, func() error {
			if now := d.Supervisor(pool); now == killed || now == 0 {
				return fmt.Errorf("the supervisor of pool %s is %d", pool, now)
			}
			return nil
		})
	}
	d.Signal(syscall.SIGTERM)
	d.Wait(harness.Patience)
	gate.Open(len(jobs) + 1)
	harness.Eventually(t, harness.Patience, func() error {
		for _, name := range []string{"plain", "daemon", "late"} {
			if !d.Exists("tmp/" + name) {
				return fmt.Errorf("the job %q did not live to its end", name)
			}
		}
		return nil
	})
	for _, name := range []string{"plain", "daemon", "late"} {
		d.Remove("tmp/" + name)
	}
}

// A program that takes over knows the jobs there are before it can learn of them:
// while the supervisor of their pool still has a request, another's dies.
func TestJobsOfPHPUnderAnotherProgram(t *testing.T) {
	t.Parallel()
	s := suite.Service(staticPHP+"[other]\nrunner = cgi\npm = static\npm.max_children = 1\n", harness.Current())
	s.Args = []string{"--php"}
	d := installService(t, s)
	gate := d.Gate()
	php(t, d.Daemon, fmt.Sprintf(`<?php exec(%q);`, "sh -c 'read job <"+gate.Path+"' >/dev/null 2>&1 &"))
	d.reload()
	jobs := d.AwaitProcesses("sh -c read job", 1)
	d.Script("hold.php", fmt.Sprintf(`<?php exec(%q);`, "sh -c 'read held <"+gate.Path+"; :'"))
	held := d.Go(harness.Request{Path: "/hold.php"})
	d.AwaitProcesses("sh -c read held", 1)
	d.upgrade()
	d.reload()
	killed := d.Supervisor("other")
	if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, harness.Patience, func() error {
		if now := d.Supervisor("other"); now == killed || now == 0 {
			return fmt.Errorf("the supervisor is %d", now)
		}
		return nil
	})
	if left := d.Find("sh -c read job"); len(left) != 1 || left[0].PID != jobs[0].PID {
		t.Errorf("the job was %v and is %v", jobs, left)
	}
	gate.Open(2)
	<-held
	d.AwaitProcesses("sh -c read job", 0)
}

// What a script of another pool has left when its supervisor dies together with
// one of PHP is no job of PHP, and ends.
func TestOrphansBesideJobsOfPHP(t *testing.T) {
	t.Parallel()
	s := suite.Service(staticPHP+"[cgi]\nrunner = cgi\npm = static\npm.max_children = 1\n", harness.Current())
	s.Args = []string{"--php"}
	d := harness.Start(t, s)
	gate := d.Gate()
	d.Script("family.sh", fmt.Sprintf("#!/bin/sh\nsh -c 'trap \"\" TERM HUP; read x <%s; : left' &\nwait", gate.Path))
	out := d.Go(harness.Request{Path: "/family.sh"}, "cgi")
	d.AwaitProcesses("sh -c trap", 1)
	supervisors := []int{d.Supervisor("www"), d.Supervisor("cgi")}
	d.Signal(syscall.SIGSTOP) // so that it hears of both at once
	for _, pid := range supervisors {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	d.Signal(syscall.SIGCONT)
	d.AwaitProcesses("sh -c trap", 0)
	<-out
	php(t, d, "<?php echo 1;")
}

// What a service has in the directory of temporary files and cannot remove when
// it is killed, the next start removes, and not what a running service has.
func TestKilledServiceLeavesNoFiles(t *testing.T) {
	t.Parallel()
	s := suite.Service(staticPHP+"php_admin_value[precision] = 9\n", harness.Current())
	s.Args = []string{"--php"}
	d := harness.Start(t, s)
	other := s
	other.Env = append(other.Env, "TMPDIR="+d.Tmp)
	running := harness.Start(t, other)
	killed := directories(t, d.Tmp)
	d.Signal(syscall.SIGKILL)
	d.Wait(harness.Patience)
	d.AwaitProcesses("anyfpm: pool", 0)
	d.Restart()
	php(t, d, "<?php echo 1;")
	left := directories(t, d.Tmp)
	if len(killed) != 4 || len(left) != 4 {
		t.Errorf("there were %q, and are %q, want those of two services", killed, left)
	}
	running.Script("precision.php", "<?php ini_set('precision', '3'); echo ini_get('precision');")
	running.Signal(syscall.SIGUSR2)
	running.Log.Expect("NOTICE: Reloading in progress ...")
	running.Log.Expect("NOTICE: ready to handle connections")
	if res := running.Get("/precision.php"); res.Body != "9" {
		t.Errorf("precision is %q in the other service", res.Body)
	}
	running.Stop()
	d.Stop()
	if left := directories(t, d.Tmp); len(left) > 0 {
		t.Errorf("there are %q after the end", left)
	}
}

// directories are those of services in a directory for temporary files.
func directories(t *testing.T, tmp string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(tmp, "anyfpm-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// What PHP complains of when it starts is in the log once, though the pool does
// not want what its workers say.
func TestWarningsOfPHPAtItsStart(t *testing.T) {
	t.Parallel()
	s := suite.Service("[www]\npm = static\npm.max_children = 3\n", harness.Current())
	s.Args = []string{"--php", "-d", "extension=nonesuch"}
	d := harness.Start(t, s)
	const warning = `NOTICE: \[pool www\] PHP message: PHP Warning:  PHP Startup: Unable to load dynamic library 'nonesuch'`
	php(t, d, "<?php echo 1;")
	d.Signal(syscall.SIGTERM)
	d.Wait(harness.Patience)
	if n := d.Log.Count(warning); n != 1 {
		t.Errorf("the warning is there %d times:\n%s", n, strings.Join(d.Log.Lines(), "\n"))
	}
}

// A request that takes too long is ended with what it has started and waits for.
func TestTimeoutEndsChildrenOfPHP(t *testing.T) {
	t.Parallel()
	s := suite.Service(staticPHP+"request_terminate_timeout = 1s\n", harness.Current())
	s.Args = []string{"--php"}
	d := harness.Start(t, s)
	d.Script("family.php", `<?php system("sleep 1000; sleep 1001");`)
	_, _ = d.TryWithin(harness.Patience, harness.Request{Path: "/family.php"})
	d.Log.Expect("execution timed out")
	d.AwaitProcesses("sleep 100", 0)
}
