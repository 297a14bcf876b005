//go:build integration

package scenario

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// refuse starts a service that must not come up: exit code 78, the lines one
// after the other, nothing served and no file left.
func refuse(t *testing.T, as harness.Identity, conf string, prepare func(d *harness.Sandbox), want ...string) {
	t.Helper()
	box := harness.NewSandbox(t, as)
	if prepare != nil {
		prepare(box)
	}
	conf = strings.ReplaceAll(conf, "{{BOX}}", box.Dir)
	d := harness.Launch(t, suite.Service(conf, as))
	if status := d.Wait(harness.Patience); status.ExitStatus() != 78 {
		t.Errorf("exit code %d, want 78\n%s", status.ExitStatus(), d.Output())
	}
	rest := d.Output()
	for _, line := range append(want, "ERROR: FPM initialization failed") {
		line = strings.NewReplacer("{{BOX}}", box.Dir, "{{RUN}}", d.Run, "{{CONF}}", d.Conf).Replace(line)
		_, after, found := strings.Cut(rest, line)
		if !found {
			t.Errorf("nothing says %q in\n%s", line, d.Output())
			return
		}
		rest = after
	}
	if said := d.Output(); strings.Contains(said, "fpm is running") {
		t.Errorf("it was running for a while:\n%s", said)
	}
	if left, _ := filepath.Glob(filepath.Join(d.Run, "*")); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

// An include that cannot be read, or leads back to itself, is told with the
// files on the way there.
func TestIncludesThatFail(t *testing.T) {
	t.Parallel()
	refuse(t, ordinary(), oneWorker+"include = {{BOX}}/secret.conf\n",
		func(box *harness.Sandbox) { writeFile(t, box.Path("secret.conf"), "pm = static\n", 0) },
		"ERROR: failed to open configuration file '{{BOX}}/secret.conf': Permission denied (13)",
		"ERROR: Unable to include {{BOX}}/secret.conf from {{CONF}} at line ",
		"ERROR: failed to load configuration file '{{CONF}}'")
	refuse(t, harness.Current(), oneWorker+"include = {{BOX}}/loop.conf\n",
		func(box *harness.Sandbox) {
			writeFile(t, box.Path("loop.conf"), "\ninclude = "+box.Path("*.conf")+"\n", 0o644)
		},
		"ERROR: failed to include more than 5 files recursively",
		"ERROR: Unable to include {{BOX}}/loop.conf from {{BOX}}/loop.conf at line 2 ({{BOX}}/loop.conf:2)",
		"ERROR: Unable to include {{BOX}}/loop.conf from {{CONF}} at line ")
	refuse(t, harness.Current(), oneWorker+"include = {{BOX}}/none/*.conf\n", nil,
		"ERROR: Unable to globalize '{{BOX}}/none/*.conf' (ret=2) from {{CONF}} at line ")
}

// A pool that is written twice is one pool, as in php-fpm; two pools at one
// address, however it is written, are none.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, oneWorker+"env[WORD] = one\n[WWW]\npm.status_path = /again\npm.max_children = 2\n")
	if got := d.Get("/again", "WWW"); !regexp.MustCompile(`(?m)^pool: +www$`).MatchString(got.Body) {
		t.Errorf("the pool is not what the second section says: %q", got.Body)
	}
	const second = "[second]\npm = static\npm.max_children = 1\nlisten = "
	refuse(t, harness.Current(), oneWorker+second+"{{RUN}}/www.sock\n", nil,
		"ERROR: [pool second] unable to set listen address as it's already used in another pool 'www'")
	refuse(t, harness.Current(), oneWorker+second+"{{RUN}}/../run/www.sock\n", nil,
		"ERROR: [pool second] unable to set listen address as it's already used in another pool 'www'")
	refuse(t, harness.Current(), oneWorker+"listen = 127.0.0.1:{{PORT}}\n"+second+"127.0.0.1:0{{PORT}}\n", nil,
		"ERROR: [pool second] unable to set listen address as it's already used in another pool 'www'")
}

// A socket that somebody serves is left to him; one that a dead process left
// is replaced. What is no socket is nobody's to replace.
func TestSocketInTheWay(t *testing.T) {
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		refuse(t, d.As(), "[www]\npm = static\npm.max_children = 1\nlisten = "+d.Address()+"\n", nil,
			"ERROR: Another FPM instance seems to already listen on "+d.Address())
		d.ExpectWorks()

		dead := d.Path("run", "dead.sock")
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: dead}); err != nil {
			t.Fatal(err)
		}
		if err := unix.Close(fd); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dead, int(d.As().UID), int(d.As().GID)); err != nil {
			t.Fatal(err)
		}
		next := harness.Start(t, suite.Service("[www]\npm = static\npm.max_children = 1\nlisten = "+dead+"\n", d.As()))
		next.ExpectWorks()
		next.Stop()
		if _, err := os.Lstat(dead); !os.IsNotExist(err) {
			t.Errorf("the socket is left: %v", err)
		}

		refuse(t, d.As(), "[www]\npm = static\npm.max_children = 1\nlisten = "+d.Conf+"\n", nil,
			"ERROR: unable to bind listening socket for address '"+d.Conf+"': the file exists and is not a socket")
	})
}

// Addresses that cannot be bound: the kernel says why.
func TestAddressesThatFail(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	refuse(t, harness.Current(), oneWorker+"listen = "+address+"\n", nil,
		"ERROR: unable to bind listening socket for address '"+address+"': Address already in use (98)")
	refuse(t, harness.Current(), oneWorker+"listen = 192.0.2.1:{{PORT}}\n", nil,
		"ERROR: unable to bind listening socket for address '192.0.2.1:", "Cannot assign requested address (99)")
	refuse(t, harness.Current(), oneWorker+"listen = no-such-host.invalid:{{PORT}}\n", nil,
		"ERROR: getaddrinfo: ")
	refuse(t, harness.Current(), oneWorker+"listen = {{RUN}}/"+strings.Repeat("x", 108)+"\n", nil,
		"as path is too long (found length: ")
	refuse(t, harness.Current(), oneWorker+"listen = {{RUN}}/none/www.sock\n", nil,
		"ERROR: unable to bind listening socket for address '", "/none/www.sock': No such file or directory (2)")
}

// A port below 1024 is root's, unless the system says otherwise.
func TestPrivilegedPort(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		t.Fatal(err)
	}
	const conf = oneWorker + "listen = 127.0.0.1:7\n"
	if strings.TrimSpace(string(text)) == "0" {
		harness.Start(t, suite.Service(conf, ordinary())).ExpectWorks()
		return
	}
	refuse(t, ordinary(), conf, nil,
		"ERROR: unable to bind listening socket for address '127.0.0.1:7': Permission denied (13)")
}

// ordinary is a user without root's powers.
func ordinary() harness.Identity {
	all := harness.Identities()
	return all[len(all)-1]
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
