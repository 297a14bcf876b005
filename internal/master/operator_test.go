package master

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/config"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/status"
)

func TestStatus(t *testing.T) {
	s := newService(t, "www", "idle", "silent")
	ondemand(s.cfg.Pools[1])
	behave(s.cfg.Pools[2], fakeSilent)
	s.run()
	s.expectLog("fpm is running")
	s.eventually("the control socket", func() bool { _, err := os.Stat(s.path("control")); return err == nil })
	s.eventually("the first pool", func() bool { return s.state("www") == poolServing })
	if info, err := os.Stat(s.path("control")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the control socket has mode %v, %v", info.Mode(), err)
	}
	// The silent pool keeps nobody waiting for longer than a supervisor may take.
	answered := make(chan error, 1)
	var service *status.Service
	go func() {
		var err error
		service, err = NewClient(s.path("control")).Status(t.Context())
		answered <- err
	}()
	s.eventually("the answers of the others", func() (one bool) {
		s.on(func() {
			q := s.master.snapshots.open
			one = q != nil && len(q.waiting) == 1
		})
		return one
	})
	s.pass(s.master.bounds.snapshot)
	if err := receive(t, "the status", answered); err != nil {
		t.Fatal(err)
	}
	if service.Version != "test" || len(service.Pools) != 3 {
		t.Fatalf("status %+v", service)
	}
	idle, silent, www := service.Pools[0], service.Pools[1], service.Pools[2]
	if www.Pool != "www" || www.AcceptedConn != 7 || www.Generation != 1 || www.Listen != s.path("www") {
		t.Errorf("status of a serving pool: %+v", www)
	}
	if idle.Pool != "idle" || idle.Unreachable || idle.ProcessManager != "ondemand" || idle.Limits.MaxChildren != 2 {
		t.Errorf("status of an idle pool: %+v", idle)
	}
	if silent.Pool != "silent" || !silent.Unreachable || silent.Failures != 1 {
		t.Errorf("status of a silent pool: %+v", silent)
	}
}

func TestOrders(t *testing.T) {
	s := newService(t, "www").start()
	c := NewClient(s.path("control"))
	if err := c.Reopen(t.Context()); err != nil {
		t.Error(err)
	}
	s.expectLog("error log file re-opened")
	pid, err := c.Stop(t.Context(), true)
	if err != nil || pid != os.Getpid() {
		t.Errorf("stop answers pid %d, %v", pid, err)
	}
	if err := s.wait(); err != nil {
		t.Error(err)
	}
	s.expectLog("Terminating ...")
	var gone *NotRunningError
	if _, err := c.Status(t.Context()); !errors.As(err, &gone) || !strings.Contains(err.Error(), s.path("control")) {
		t.Errorf("status after the end: %v", err)
	}
}

func TestMetrics(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	socket, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0) // it becomes the service's
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, "www")
	s.cfg.Global.MetricsListen = l.Addr().String()
	s.start(func(o *Options) { // a port that was free before may be another's now
		o.Environ = append(o.Environ, fmt.Sprintf("FPM_SOCKETS=%s=%d", l.Addr(), socket))
	})
	response, err := http.Get("http://" + s.cfg.Global.MetricsListen + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(body), `pool="www"`) {
		t.Errorf("metrics: %s, %v\n%s", response.Status, err, body)
	}
	http.DefaultClient.CloseIdleConnections()
}

// A systemd hears what a service tells systemd.
type systemd struct {
	t    *testing.T
	told chan string
}

// underSystemd has a service that is started next tell systemd about itself.
func (s *service) underSystemd() (*systemd, func(*Options)) {
	s.t.Helper()
	path := s.path("notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	// Read at once: who sends to systemd waits for nobody.
	d := &systemd{s.t, make(chan string, 10_000)}
	go func() {
		for buf := make([]byte, 1024); ; {
			n, err := conn.Read(buf)
			if err != nil {
				close(d.told)
				return
			}
			d.told <- string(buf[:n])
		}
	}()
	return d, func(o *Options) { o.Environ = append(o.Environ, "NOTIFY_SOCKET="+path) }
}

// expect waits for a message that begins so. Those before it are passed over.
func (d *systemd) expect(want string) {
	d.t.Helper()
	for {
		text := receive(d.t, fmt.Sprintf("%q", want), d.told)
		if strings.HasPrefix(text, want) {
			return
		}
		if text == "" {
			d.t.Fatalf("%q was not said", want)
		}
	}
}

func TestSystemdIsToldEverything(t *testing.T) {
	s := newService(t, "www")
	s.cfg.Global.SystemdInterval = 50 * time.Millisecond
	s.cfg.Global.SystemdWatchdog = true
	systemd, option := s.underSystemd()
	s.run(option)
	systemd.expect("READY=1\nSTATUS=Ready to handle connections\nMAINPID=")
	systemd.expect("READY=1\nWATCHDOG=1\nSTATUS=Processes active: 1, idle: 0, Requests: 7, slow: 0, Traffic: 140.00req/sec")
	if err := s.reload(s.cfg); err != nil {
		t.Error(err)
	}
	systemd.expect("RELOADING=1\nMONOTONIC_USEC=")
	systemd.expect("READY=1\nSTATUS=Ready to handle connections\nMAINPID=")
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	systemd.expect("STOPPING=1")
}

// A reload and a stop may take longer than systemd's watchdog waits.
func TestWatchdogIsFedAllTheTime(t *testing.T) {
	const interval = time.Second
	watched := func(s *service) *config.Config {
		cfg := s.config("www")
		cfg.Global.SystemdWatchdog, cfg.Global.SystemdInterval, cfg.Global.DrainDelay = true, interval, time.Hour
		return cfg
	}
	s := newService(t)
	s.cfg = watched(s)
	systemd, option := s.underSystemd()
	s.start(option)
	cfg := watched(s)
	behave(cfg.Pools[0], fakeSilent)
	failed := make(chan error, 1)
	go func() { failed <- s.reload(cfg) }()
	s.nextStarts("www")
	systemd.expect("RELOADING=1")
	s.pass(interval)
	systemd.expect("WATCHDOG=1")
	s.pass(startRounds*cfg.Pools[0].RunnerStartTime + readySlack)
	if err := receive(t, "the end of the reload", failed); err == nil {
		t.Error("the reload did not fail")
	}
	s.signal(syscall.SIGTERM)
	systemd.expect("STOPPING=1")
	s.pass(interval)
	systemd.expect("WATCHDOG=1")
	s.signal(syscall.SIGTERM)
	if err := s.wait(); err != nil {
		t.Error(err)
	}
}

// A socket that one may not use is not one where nobody answers.
func TestNotRunningError(t *testing.T) {
	for err, want := range map[error]string{
		os.NewSyscallError("connect", unix.EACCES): "only root and the user of the service may use /run/x.ctl: connect: permission denied",
		os.NewSyscallError("connect", unix.ENOENT): "no service answers at /run/x.ctl: connect: no such file or directory",
	} {
		if got := (&NotRunningError{Path: "/run/x.ctl", Err: err}).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
