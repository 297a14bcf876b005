//go:build integration

package scenario

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// asDebian mounts empty directories where Debian's php-fpm has its socket, pid
// file and log, for this process alone, and becomes its arguments.
const asDebian = `
mount -t tmpfs none /run && mkdir -p /run/php && mount -t tmpfs none /var/log && exec "$@"
`

// In the place of Debian's php-fpm, started by a link of that name with the
// command line of its unit file, anyfpm serves with the configuration that is
// there: php-fpm.conf, pool.d/www.conf and php.ini, of which no letter is
// changed. What Debian's own unit, logrotate and scripts do to it works.
func TestDebiansConfiguration(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("only root can stand in for Debian's php-fpm")
		return
	}
	const dir = "/etc/php/8.2/fpm"
	box := harness.NewSandbox(t, harness.Current())
	link := box.Path("php-fpm8.2")
	if err := os.Symlink(suite.Binary, link); err != nil {
		t.Fatal(err)
	}
	output, err := os.Create(box.Path("output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	systemd := listenNotify(t, false)
	p := harness.Run(t, harness.Command{
		Args:   []string{"/usr/bin/unshare", "-m", "/bin/sh", "-c", asDebian, "sh", link, "--nodaemonize", "--fpm-config", dir + "/php-fpm.conf"},
		Env:    []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET=" + systemd.name},
		Output: output,
		As:     harness.Current(),
	})
	ready := systemd.next("READY=1\nSTATUS=Ready to handle connections\n")
	if ready["MAINPID"] != fmt.Sprint(p.PID) {
		t.Errorf("the main process is said to be %s instead of %d", ready["MAINPID"], p.PID)
	}
	root := fmt.Sprintf("/proc/%d/root", p.PID)
	log := harness.Follow(t, root+"/var/log/php8.2-fpm.log")
	log.Expect(fmt.Sprintf("NOTICE: fpm is running, pid %d$", p.PID))
	log.Expect("NOTICE: ready to handle connections")
	log.Expect("NOTICE: systemd monitor interval set to 10000ms")
	if pid, err := os.ReadFile(root + "/run/php/php8.2-fpm.pid"); err != nil || string(pid) != fmt.Sprint(p.PID) {
		t.Errorf("the pid file has %q, %v", pid, err)
	}
	socket := root + "/run/php/php8.2-fpm.sock"
	var st syscall.Stat_t
	if err := syscall.Stat(socket, &st); err != nil || st.Uid != 33 || st.Gid != 33 || st.Mode&0o777 != 0o660 {
		t.Errorf("the socket is of %d:%d with mode %o, %v", st.Uid, st.Gid, st.Mode&0o777, err)
	}
	if title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID)); err != nil || !strings.Contains(string(title), "php-fpm: master process ("+dir+"/php-fpm.conf)") {
		t.Errorf("ps shows %q, %v", title, err)
	}
	// The init script's --name.
	if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p.PID)); err != nil || string(name) != "php-fpm8.2\n" {
		t.Errorf("it is called %q, %v", name, err)
	}

	script := box.File("facts.php", `<?php
		echo php_sapi_name(), ' ', PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION, ' ', php_ini_loaded_file(), ' ', fileowner("/proc/self"), ' ', $_SERVER['SCRIPT_NAME'],
			' ', shell_exec("php8.2 -r 'echo php_ini_loaded_file();'");`)
	facts := func() string { return ask(t, socket, script) }
	if got, want := facts(), "cgi-fcgi 8.2 "+dir+"/php.ini 33 /facts.php /etc/php/8.2/cli/php.ini"; got != want {
		t.Errorf("PHP says %q, want %q", got, want)
	}
	if got := ask(t, socket, box.File("facts.txt", "")); got != "Access denied." {
		t.Errorf("a file that is no PHP gets %q", got)
	}

	// The unit's ExecReload, and php8.2-fpm-reopenlogs of logrotate.
	p.Signal(syscall.SIGUSR2)
	log.Expect("NOTICE: Reloading in progress ...")
	log.Expect("NOTICE: reloading: ")
	log.Expect(`NOTICE: using inherited socket fd=\d+, "/run/php/php8.2-fpm.sock"$`)
	log.Expect(fmt.Sprintf("NOTICE: fpm is running, pid %d$", p.PID))
	log.Expect("NOTICE: ready to handle connections")
	facts()
	if err := os.Rename(root+"/var/log/php8.2-fpm.log", root+"/var/log/php8.2-fpm.log.1"); err != nil {
		t.Fatal(err)
	}
	p.Signal(syscall.SIGUSR1)
	harness.Follow(t, filepath.Join(root, "var/log/php8.2-fpm.log")).Expect("NOTICE: error log file re-opened")

	p.Signal(syscall.SIGQUIT)
	if status := p.Wait(harness.Patience); status.ExitStatus() != 0 {
		t.Errorf("it ended with code %d", status.ExitStatus())
	}
	said, err := os.ReadFile(output.Name())
	if err != nil {
		t.Fatal(err)
	}
	// Until it runs php-fpm copies its lines to standard error: there are none.
	if len(said) > 0 {
		t.Errorf("systemd's journal gets %q", said)
	}
}

// ask returns the body of what the service answers for a script.
func ask(t *testing.T, socket, script string) string {
	t.Helper()
	out, err := exec.Command(suite.Binary, "request", "--param", "SCRIPT_NAME=/"+filepath.Base(script), socket, script).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	_, body, found := strings.Cut(strings.ReplaceAll(string(out), "\r\n", "\n"), "\n\n")
	if !found {
		body = string(out)
	}
	return strings.TrimSpace(body)
}
