//go:build integration

package examples

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

const installed = "/usr/local/sbin/anyfpm" // the path in the unit files

// unitLine returns the value of a line of a unit file.
func unitLine(t *testing.T, unit, name string) string {
	t.Helper()
	value := ""
	for line := range strings.Lines(unit) {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			value = strings.TrimSpace(v)
		}
	}
	if value == "" {
		t.Fatalf("there is no %s in\n%s", name, unit)
	}
	return value
}

// systemd itself reads the unit files, and has nothing to say about them.
func TestUnitFiles(t *testing.T) {
	t.Parallel()
	source := filepath.Join(harness.Root(t), "examples/systemd")
	box := harness.NewSandbox(t, harness.Current())
	place := func(from, to string) string {
		path := filepath.Join(box.Dir, to)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(read(t, from), installed, suite.Binary)), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	verify := func(want string, units ...string) {
		t.Helper()
		out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
		if err != nil || want == "" && len(out) > 0 || !strings.Contains(string(out), want) {
			t.Errorf("systemd-analyze verify %v: %v\n%s", units, err, out)
		}
	}
	service := place(filepath.Join(source, "anyfpm.service"), "anyfpm.service")
	place(filepath.Join(source, "hardening.conf"), "anyfpm.service.d/hardening.conf")
	verify("", service, place(filepath.Join(source, "anyfpm.socket"), "anyfpm.socket"))
	place(filepath.Join(source, "php8.2-fpm.override.conf"), "php8.2-fpm.service.d/anyfpm.conf")
	verify("", place("/lib/systemd/system/php8.2-fpm.service", "php8.2-fpm.service"))

	// It would say something.
	wrong := strings.Replace(read(t, service), "WatchdogSec", "WatchDog", 1)
	if err := os.WriteFile(service, []byte(wrong), 0o644); err != nil {
		t.Fatal(err)
	}
	verify("Unknown key", service)
}

// A service that is stopped leaves the socket that systemd holds in its place.
func TestSocketOutlivesService(t *testing.T) {
	t.Parallel()
	source := filepath.Join(harness.Root(t), "examples/systemd")
	service := read(t, filepath.Join(source, "anyfpm.service"))
	address := unitLine(t, read(t, filepath.Join(source, "anyfpm.socket")), "ListenStream")
	if !strings.HasPrefix(address, "/run/"+unitLine(t, service, "RuntimeDirectory")+"/") {
		return
	}
	if preserve := unitLine(t, service, "RuntimeDirectoryPreserve"); preserve != "yes" {
		t.Errorf("with RuntimeDirectoryPreserve=%s systemd removes %s when the service stops", preserve, address)
	}
}

// What the unit file says to start, to reload and to stop does so, with the
// configuration beside it.
func TestSystemd(t *testing.T) {
	t.Parallel()
	source := filepath.Join(harness.Root(t), "examples/systemd")
	unit := read(t, filepath.Join(source, "anyfpm.service"))
	for _, as := range harness.Identities() {
		t.Run(as.Name, func(t *testing.T) {
			t.Parallel()
			box := harness.NewSandbox(t, as)
			conf := strings.NewReplacer("/run/anyfpm/", box.Run+"/", "/var/log/", box.Logs+"/").Replace(read(t, filepath.Join(source, "anyfpm.conf")))
			if as.PoolUser == "" {
				conf = strings.NewReplacer("user  = www-data\n", "", "group = www-data\n", "", "listen.owner = www-data\n", "").Replace(conf)
			}
			path := box.Path("anyfpm.conf")
			if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
				t.Fatal(err)
			}
			command := func(line string) []string {
				return strings.Fields(strings.NewReplacer(installed, suite.Binary, "/etc/anyfpm/anyfpm.conf", path).Replace(line))
			}
			systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "@" + box.Dir, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			defer systemd.Close()
			p := harness.Run(t, harness.Command{
				Args: command(unitLine(t, unit, "ExecStart")), Dir: "/", As: as,
				Env: []string{"PATH=/usr/bin:/bin", "NOTIFY_SOCKET=@" + box.Dir, "WATCHDOG_USEC=30000000"},
			})
			await := func(begin string) {
				t.Helper()
				buf := make([]byte, 4096)
				for {
					n, err := systemd.Read(buf)
					if err != nil {
						t.Fatal(err)
					}
					if strings.HasPrefix(string(buf[:n]), begin) {
						return
					}
				}
			}
			await("READY=1\n")
			script := box.Script("hello.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello'\n")
			hello := func() {
				t.Helper()
				out, err := exec.Command(suite.Binary, "request", box.Path("run", "site.sock"), script).Output()
				if string(out) != "hello" {
					t.Errorf("got %q, %v", out, err)
				}
			}
			hello()
			reload := command(unitLine(t, unit, "ExecReload"))
			if out, err := exec.Command(reload[0], reload[1:]...).CombinedOutput(); err != nil {
				t.Errorf("ExecReload: %v\n%s", err, out)
			}
			await("RELOADING=1\n")
			await("READY=1\n")
			if err := os.WriteFile(path, []byte(conf+"pm = sometimes\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(reload[0], reload[1:]...).CombinedOutput(); err == nil || !strings.Contains(string(out), "invalid process manager") {
				t.Errorf("ExecReload of a bad configuration: %v\n%s", err, out)
			}
			hello()
			if sig := unitLine(t, unit, "KillSignal"); sig != "SIGQUIT" {
				t.Errorf("the unit stops with %s", sig)
			}
			p.Signal(syscall.SIGQUIT)
			if status := p.Wait(harness.Patience); status.ExitStatus() != 0 {
				t.Errorf("it ended with code %d", status.ExitStatus())
			}
		})
	}
}
