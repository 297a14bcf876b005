package master

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/proc"
)

const fakeVariable = "MASTER_TEST_FAKE"

// TestMain runs the tests, or a fake supervisor.
func TestMain(m *testing.M) {
	if os.Getenv(inheritVariable) != "" {
		fmt.Fprintln(os.Stderr, runInherit())
		os.Exit(1)
	}
	if os.Getenv(fakeVariable) != "" {
		if err := runFake(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// patience is how long anything may take that is expected to happen.
const patience = time.Minute

// A service is a master under test, running in this process.
type service struct {
	t      *testing.T
	dir    string
	cfg    *config.Config
	master *Master
	ended  chan error
	cancel context.CancelFunc

	// next is the outcome of reading the configuration at a reload.
	next      chan *config.Config
	nextError chan error
}

// newService returns a service in a directory of its own, not running yet,
// with one static pool for each name.
func newService(t *testing.T, pools ...string) *service {
	t.Helper()
	s := &service{t: t, dir: t.TempDir(), ended: make(chan error, 1), next: make(chan *config.Config, 100), nextError: make(chan error, 100)}
	s.cfg = s.config(pools...)
	return s
}

// config returns a configuration with these pools.
func (s *service) config(pools ...string) *config.Config {
	cfg := &config.Config{Path: "/etc/test.conf", Global: config.Global{
		PID: s.path("pid"), ErrorLog: s.path("error.log"), LogLevel: "debug", LogLimit: 1024,
		ProcessControlTimeout: -1, ControlListen: s.path("control"),
	}}
	for _, name := range pools {
		cfg.Pools = append(cfg.Pools, &config.Pool{
			Name: name, Listen: s.path(name), ListenProtocol: "fastcgi", ListenBacklog: -1,
			PM: config.Static, MaxChildren: 2, RunnerStartTime: time.Minute,
		})
	}
	return cfg
}

func (s *service) path(name string) string { return filepath.Join(s.dir, name) }

// start runs the service until the end of the test and waits until it is
// ready.
func (s *service) start(change ...func(*Options)) *service {
	s.t.Helper()
	s.run(change...)
	s.expectLog("ready to handle connections")
	return s
}

func (s *service) run(change ...func(*Options)) {
	s.t.Helper()
	opts := Options{
		Config: s.cfg, Version: "test", Daemon: true,
		Environ: append(os.Environ(), fakeVariable+"=1", "GORACE=atexit_sleep_ms=0"),
		Supervisor: func(pool string) (string, []string) {
			return "/proc/self/exe", []string{"fake: pool " + pool}
		},
		Reload: func() (*config.Config, []config.Notice, error) {
			select {
			case err := <-s.nextError:
				return nil, nil, err
			case cfg := <-s.next:
				return cfg, nil, nil
			default:
				return s.cfg, nil, nil
			}
		},
	}
	for _, f := range change {
		f(&opts)
	}
	m, err := New(opts)
	if err != nil {
		s.t.Fatal(err)
	}
	m.bounds = bounds{time.Hour, time.Hour, time.Hour, time.Hour, time.Hour}
	s.master = m
	stderr := s.keepStderr()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() { s.ended <- m.Run(ctx) }()
	s.t.Cleanup(func() {
		s.stop()
		stderr()
		if children, err := proc.Children(); err != nil || len(children) > 0 {
			s.t.Errorf("children left behind: %v, %v", children, err)
		}
		if s.t.Failed() {
			s.t.Logf("log:\n%s", s.log())
		}
	})
}

// keepStderr returns a function that puts standard error back: a service makes
// it its log.
func (s *service) keepStderr() func() {
	s.t.Helper()
	saved, err := syscall.Dup(2)
	if err != nil {
		s.t.Fatal(err)
	}
	syscall.CloseOnExec(saved)
	return func() {
		_ = syscall.Dup3(saved, 2, 0)
		_ = syscall.Close(saved)
	}
}

// stop ends the service, if it still runs, and returns the outcome of Run.
func (s *service) stop() error {
	s.t.Helper()
	if s.ended == nil {
		return nil
	}
	if s.master.loop != nil {
		s.master.loop.Post(s.master.terminate)
	}
	return s.wait()
}

// wait waits for the service to end by itself.
func (s *service) wait() error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		s.ended = nil
		s.cancel()
		return err
	case <-time.After(patience):
		s.t.Fatalf("the service does not end; log:\n%s", s.log())
		return nil
	}
}

func (s *service) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := syscall.Kill(os.Getpid(), sig); err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) log() string {
	text, err := os.ReadFile(s.path("error.log"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Error(err)
	}
	return string(text)
}

// expectLog waits until each text is in the log.
func (s *service) expectLog(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		s.eventually("the log line "+text, func() bool { return strings.Contains(s.log(), text) })
	}
}

// eventually waits for a condition that no event announces.
func (s *service) eventually(what string, condition func() bool) {
	s.t.Helper()
	if !happens(condition) {
		s.t.Fatalf("waited in vain for %s; log:\n%s", what, s.log())
	}
}

// happens waits until a condition holds and says whether it came to that.
func happens(condition func() bool) bool {
	end := time.After(patience)
	for !condition() {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-end:
			return false
		}
	}
	return true
}

// pass has time pass for the service. What is due by then happens at once.
func (s *service) pass(d time.Duration) {
	s.t.Helper()
	s.on(func() { s.master.loop.Skip(d) })
}

// kill kills a child of the service and waits until it knows.
func (s *service) kill(pid int) {
	s.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("the end of the process", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
}

// receive waits for what comes of something.
func receive[T any](t *testing.T, what string, c <-chan T) (result T) {
	t.Helper()
	select {
	case result = <-c:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
	return result
}

// on runs f on the service's loop and waits for it.
func (s *service) on(f func()) {
	s.t.Helper()
	done := make(chan struct{})
	s.master.loop.Post(func() { f(); close(done) })
	select {
	case <-done:
	case <-time.After(patience):
		s.t.Fatal("the loop does not turn")
	}
}

// state returns the state of a pool.
func (s *service) state(pool string) (state poolState) {
	s.t.Helper()
	s.on(func() {
		if p := s.master.pools[pool]; p != nil {
			state = p.state
		} else {
			state = poolClosing
		}
	})
	return state
}

// A conn is a connection to a fake supervisor.
type conn struct {
	net.Conn
	lines *bufio.Reader
}

func (s *service) dial(pool string) *conn {
	s.t.Helper()
	c, err := dial(s.path(pool))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

func dial(path string) (*conn, error) {
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReader(c)}, nil
}

// connOf returns the connection of a descriptor, which becomes its own.
func connOf(t *testing.T, fd int) *conn {
	t.Helper()
	file := os.NewFile(uintptr(fd), "connection")
	defer file.Close()
	c, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &conn{c, bufio.NewReader(c)}
}

// ask sends a line and returns the answer.
func (c *conn) ask(line string) (string, error) {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", err
	}
	answer, err := c.lines.ReadString('\n')
	return strings.TrimSpace(answer), err
}

// ask is ask on a connection of its own.
func (s *service) ask(pool, line string) string {
	s.t.Helper()
	c := s.dial(pool)
	defer c.Close()
	answer, err := c.ask(line)
	if err != nil {
		s.t.Fatalf("%s in pool %s: %v; log:\n%s", line, pool, err, s.log())
	}
	return answer
}

// who returns generation and pid of the supervisor of a pool.
func (s *service) who(pool string) (generation, pid int) {
	s.t.Helper()
	answer := s.ask(pool, "who")
	var name string
	if n, err := fmt.Sscan(answer, &name, &generation, &pid); n != 3 || err != nil || name != pool {
		s.t.Fatalf("pool %s answered %q", pool, answer)
	}
	return generation, pid
}

// expectGeneration fails the test if a pool's connections do not go to a
// generation.
func (s *service) expectGeneration(pool string, want int) {
	s.t.Helper()
	if got, _ := s.who(pool); got != want {
		s.t.Errorf("pool %s is of generation %d, want %d", pool, got, want)
	}
}

// behave makes the supervisor of a pool behave in one of the fake ways.
func behave(p *config.Pool, mode string) { p.Env = []config.KeyValue{{Key: "FAKE", Value: mode}} }

func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
