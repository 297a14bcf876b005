//go:build integration

package scenario

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A notifySocket is systemd's side of sd_notify(3).
type notifySocket struct {
	t    *testing.T
	conn *net.UnixConn
	name string
}

// listenNotify opens a socket that everybody may write to; in the abstract
// namespace, as systemd's own in a container may be, if abstract holds.
func listenNotify(t *testing.T, abstract bool) *notifySocket {
	t.Helper()
	dir := harness.NewSandbox(t, harness.Current())
	name := dir.Path("notify")
	if abstract {
		name = "@" + name
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err == nil && !abstract {
		err = os.Chmod(name, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &notifySocket{t, conn, name}
}

// next returns the next state that begins with one of the variables wanted;
// those before it are passed over.
func (n *notifySocket) next(begin string) map[string]string {
	n.t.Helper()
	if err := n.conn.SetReadDeadline(time.Now().Add(harness.Patience)); err != nil {
		n.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	var others []string
	for {
		size, err := n.conn.Read(buf)
		if err != nil {
			n.t.Fatalf("waited in vain for %q: %v; there were %q", begin, err, others)
		}
		if text := string(buf[:size]); strings.HasPrefix(text, begin) {
			state := map[string]string{}
			for line := range strings.SplitSeq(text, "\n") {
				name, value, _ := strings.Cut(line, "=")
				state[name] = value
			}
			return state
		}
		others = append(others, string(buf[:size]))
	}
}

// Under Type=notify systemd learns when the service is ready and who it is,
// when it reloads, that it lives, what it does, and that it stops.
func TestNotify(t *testing.T) {
	t.Parallel()
	for _, as := range harness.Identities() {
		t.Run(as.Name, func(t *testing.T) {
			t.Parallel()
			systemd := listenNotify(t, as == harness.Current())
			s := suite.Service(oneWorker, as)
			s.Env = []string{"NOTIFY_SOCKET=" + systemd.name, "WATCHDOG_USEC=2400000"}
			d := harness.Start(t, s)
			ready := systemd.next("READY=1\nSTATUS=Ready to handle connections\n")
			if ready["MAINPID"] != strconv.Itoa(d.PID) {
				t.Errorf("the main process is said to be %s instead of %d", ready["MAINPID"], d.PID)
			}
			d.Log.Expect("NOTICE: systemd monitor interval set to 1200ms")
			d.Script("environment.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nset")
			if body := d.Get("/environment.sh").Body; strings.Contains(body, "NOTIFY_SOCKET") || strings.Contains(body, "WATCHDOG") {
				t.Errorf("a script is told where systemd listens:\n%s", body)
			}
			const report = "READY=1\nWATCHDOG=1\nSTATUS=Processes active: 0, idle: 0, Requests: 1, slow: 0, Traffic: "
			systemd.next(report)

			before := monotonic(t)
			d.Signal(syscall.SIGUSR2)
			reloading := systemd.next("RELOADING=1\n")
			if at, err := strconv.ParseInt(reloading["MONOTONIC_USEC"], 10, 64); err != nil || at < before || at > monotonic(t) {
				t.Errorf("the reload is said to begin at %s, after %d", reloading["MONOTONIC_USEC"], before)
			}
			systemd.next("READY=1\nSTATUS=Ready to handle connections\n")
			d.ExpectWorks()

			d.Signal(syscall.SIGQUIT)
			systemd.next("STOPPING=1\n")
			d.Wait(harness.Patience)
		})
	}
}

// A program that takes over feeds the watchdog at once: the one before may have
// done so long ago.
func TestWatchdogOfReplacedProgram(t *testing.T) {
	t.Parallel()
	systemd := listenNotify(t, false)
	s := suite.Service(oneWorker, harness.Current())
	s.Env = []string{"NOTIFY_SOCKET=" + systemd.name, "WATCHDOG_USEC=3600000000"}
	d := installService(t, s)
	systemd.next("WATCHDOG=1")
	d.upgrade()
	d.Signal(syscall.SIGUSR2)
	systemd.next("RELOADING=1\n")
	systemd.next("WATCHDOG=1")
	systemd.next("READY=1\n")
	d.Log.Expect("NOTICE: reloading: execvp")
	d.Stop()
}

// systemd_interval is how often the state is told without a watchdog; a bad
// configuration at a reload ends the reload, not the service.
func TestNotifyInterval(t *testing.T) {
	t.Parallel()
	systemd := listenNotify(t, false)
	s := suite.Service("systemd_interval = 1\n"+oneWorker, harness.Current())
	s.Env = []string{"NOTIFY_SOCKET=" + systemd.name}
	d := harness.Start(t, s)
	d.Log.Expect("NOTICE: systemd monitor interval set to 1000ms")
	if state := systemd.next("READY=1\nSTATUS=Processes active: 0, idle: 0, Requests: 0, slow: 0, Traffic: 0.00req/sec"); state["WATCHDOG"] != "" {
		t.Errorf("a watchdog that nobody set is fed: %v", state)
	}
	d.Configure("[www]\npm = sometimes\n")
	d.Signal(syscall.SIGHUP)
	systemd.next("RELOADING=1\n")
	systemd.next("READY=1\n")
	d.Log.Expect("ERROR: reload failed")
	d.ExpectWorks()
}

func monotonic(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano() / 1000
}

// handOver is a program that listens at its arguments before "--", in the way
// of systemd or of php-fpm, and becomes the rest of them.
const handOver = `
import os, socket, sys
manner, rest = sys.argv[1], sys.argv[2:]
command = rest[rest.index("--") + 1:]
sockets = []
for address in rest[:rest.index("--")]:
    if address.startswith("/"):
        s = socket.socket(socket.AF_UNIX)
        s.bind(address)
        os.chmod(address, 0o666)
    else:
        host, port = address.rsplit(":", 1)
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, int(port)))
    s.listen(7)
    os.dup2(s.fileno(), 100 + len(sockets))
    sockets.append((address, s))
names = []
for i, (address, s) in enumerate(sockets):
    os.dup2(100 + i, 3 + i, inheritable=True)
    os.close(100 + i)
    names.append("%s=%d" % (address, 3 + i))
if manner == "systemd":
    os.environ.update(LISTEN_FDS=str(len(names)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=":".join("x" for n in names))
else:
    os.environ["FPM_SOCKETS"] = ",".join(names)
os.execv(command[0], command)
`

// Sockets that systemd has opened, or an earlier php-fpm, are used as they are:
// with their backlog and mode, and without a moment in which nobody listens.
// The file of systemd's socket is systemd's and stays.
func TestHandedOverSockets(t *testing.T) {
	t.Parallel()
	for _, manner := range []string{"systemd", "php-fpm"} {
		t.Run(manner, func(t *testing.T) {
			t.Parallel()
			box := harness.NewSandbox(t, harness.Current())
			path, port := box.Path("run", "handed.sock"), fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
			unused := box.Path("run", "unused.sock")
			s := suite.Service("[a]\npm = static\npm.max_children = 1\nlisten = "+path+"\nlisten.mode = 0600\n"+
				"[b]\npm = static\npm.max_children = 1\nlisten = "+port+"\n", harness.Current())
			s.Binary, s.Args = "/usr/bin/python3", []string{"-c", handOver, manner, path, port, unused, "--", suite.Binary}
			d := harness.Start(t, s)
			for fd, key := range []string{path, port} {
				if d.Log.Count(fmt.Sprintf(`NOTICE: using inherited socket fd=%d, "%s"$`, fd+3, key)) != 1 {
					t.Errorf("the log does not name %s:\n%s", key, strings.Join(d.Log.Lines(), "\n"))
				}
			}
			for _, pool := range []string{"a", "b"} {
				if got := d.Get("/works.sh", pool); got.Body != "works" {
					t.Errorf("pool %s got %d %q", pool, got.Status, got.Body)
				}
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
				t.Errorf("the mode of the socket is %v, %v", info, err)
			}
			if conn, err := net.Dial("unix", unused); err == nil {
				_ = conn.Close()
				t.Error("somebody listens at the socket that no pool wants")
			}
			d.Signal(syscall.SIGUSR2)
			d.Log.Expect("NOTICE: Reloading in progress ...")
			d.Log.Expect("NOTICE: ready to handle connections")
			if got := d.Get("/works.sh", "a"); got.Body != "works" {
				t.Errorf("after a reload: %d %q", got.Status, got.Body)
			}
			d.Stop()
			_, err := os.Lstat(path)
			if kept := err == nil; kept != (manner == "systemd") {
				t.Errorf("at the end the file of the socket: %v", err)
			}
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
		})
	}
}
