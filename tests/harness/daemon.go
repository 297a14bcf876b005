package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// A Service says what to start.
type Service struct {
	// Binary is the program; Args come before "-F -y FILE".
	Binary string
	Args   []string
	// Conf is the configuration; see the comment of complete for what is
	// added to it. Global is for programs with global directives other than
	// anyfpm's.
	Conf   string
	Global []string
	// Env is added to an environment of PATH, HOME and TMPDIR.
	Env []string
	// As is whom the master runs as; the zero value is Current().
	As Identity
	// Background leaves out -F: the process that is started is not the
	// service, and the test stops the service itself.
	Background bool
}

// A Daemon is a service under test.
type Daemon struct {
	*Process
	*Sandbox
	// Log follows the error log.
	Log *Log
	// Conf is the path of the configuration.
	Conf string

	t       T
	service Service
	conf    conf
	files   map[int]int // open descriptors by process when it was ready
	done    bool
}

// fileSlack is how many more descriptors than in the beginning a process may
// have open at the end: a runtime opens some at its first use of the network.
const fileSlack = 8

// Start starts a service and returns when it is ready to handle connections.
// When the test ends the service is stopped, if it still runs, and checked for
// what it left behind.
func Start(t T, s Service) *Daemon {
	t.Helper()
	d := Launch(t, s)
	d.awaitReady()
	d.files = d.openFiles()
	return d
}

// Launch is Start for a service of which readiness is not expected.
func Launch(t T, s Service) *Daemon {
	t.Helper()
	if s.As == (Identity{}) {
		s.As = Current()
	}
	box := NewSandbox(t, s.As)
	d := &Daemon{Sandbox: box, Log: Follow(t, filepath.Join(box.Logs, "error.log")), Conf: box.Path("anyfpm.conf"), t: t, service: s}
	d.Configure(s.Conf)
	d.Script(worksScript, "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nworks'\n")
	d.run()
	t.Cleanup(d.finish)
	return d
}

// run starts the program.
func (d *Daemon) run() {
	d.t.Helper()
	output, err := os.OpenFile(filepath.Join(d.Logs, "output.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		d.t.Fatalf("cannot make a file for the output: %v", err)
	}
	defer output.Close()
	args := append([]string{d.service.Binary}, d.service.Args...)
	if !d.service.Background {
		args = append(args, "-F")
	}
	d.Process = Run(d.t, Command{
		Args:   append(args, "-y", d.Conf),
		Env:    d.environ(),
		Dir:    d.Dir,
		Output: output,
		As:     d.service.As,
	})
}

// Restart starts the service again after its end, on whatever that left, and
// returns when it is ready.
func (d *Daemon) Restart() {
	d.t.Helper()
	d.Log.cursor = len(d.Log.Lines()) // what the last one said does not count
	d.run()
	d.t.Cleanup(d.finish) // before the new process is released
	d.Log.Expect("NOTICE: ready to handle connections")
	d.files = d.openFiles()
}

// For returns the same service for a subtest, which then fails instead of
// its parent.
func (d *Daemon) For(t T) *Daemon {
	sub := *d
	sub.t, sub.Sandbox, sub.Log = t, d.Sandbox.For(t), d.Log.For(t)
	return &sub
}

// Configure replaces the configuration; the service reads it at a reload.
func (d *Daemon) Configure(text string) {
	d.t.Helper()
	global := d.service.Global
	if global == nil {
		global = []string{"control.listen = " + d.Control()}
	}
	global = append([]string{
		"pid = " + d.PIDFile(),
		"error_log = " + d.Log.Path,
	}, global...)
	d.conf = complete(text, global, d.Sandbox, d.service.As)
	if err := os.WriteFile(d.Conf, []byte(d.conf.text), 0o644); err != nil {
		d.t.Fatalf("cannot write the configuration: %v", err)
	}
}

// Control is the path of the control socket.
func (d *Daemon) Control() string { return filepath.Join(d.Run, "control.sock") }

// PIDFile is the path of the pid file.
func (d *Daemon) PIDFile() string { return filepath.Join(d.Run, "anyfpm.pid") }

// As is whom the service runs as.
func (d *Daemon) As() Identity { return d.service.As }

// Address is where a pool listens; without a name, the first pool.
func (d *Daemon) Address(pool ...string) string {
	d.t.Helper()
	if len(pool) == 0 {
		pool = d.conf.pools[:1]
	}
	address, known := d.conf.listen[pool[0]]
	if !known {
		d.t.Fatalf("no pool %q in the configuration", pool[0])
	}
	return address
}

// Supervisor returns the pid of a pool's supervisor, or 0 when there is none.
func (d *Daemon) Supervisor(pool string) int {
	d.t.Helper()
	found := d.Find("anyfpm: pool " + pool)
	if len(found) == 0 {
		return 0
	}
	return found[0].PID
}

// Output returns what the service wrote to stdout and stderr so far.
func (d *Daemon) Output() string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.Logs, "output.log"))
	if err != nil {
		d.t.Fatalf("cannot read the output: %v", err)
	}
	return string(text)
}

// ExpectSaid waits for a line that matches, in the error log or the output:
// what a service says before it knows its error log goes to the latter.
func (d *Daemon) ExpectSaid(pattern string) {
	d.t.Helper()
	re := regexp.MustCompile(pattern)
	Eventually(d.t, Patience, func() error {
		said := d.Output() + strings.Join(d.Log.Lines(), "\n")
		if !re.MatchString(said) {
			return fmt.Errorf("nothing matches %q in\n%s", pattern, said)
		}
		return nil
	})
}

// CLI runs a command of the program under test, such as status or stop, in
// the same environment and as the same user, and returns what it printed and
// its exit code.
func (d *Daemon) CLI(args ...string) (output string, code int) {
	d.t.Helper()
	return d.CLIOf(d.service.Binary, args...)
}

// CLIOf is CLI with another program.
func (d *Daemon) CLIOf(program string, args ...string) (output string, code int) {
	d.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Dir = d.environ(), d.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: d.service.As.credential()}
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatalf("cannot run %v: %v", args, err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// Stop asks for a graceful stop, waits for the end and checks what is left.
// It returns how long that took.
func (d *Daemon) Stop() time.Duration {
	d.t.Helper()
	began := time.Now()
	d.Signal(syscall.SIGQUIT)
	d.Wait(Patience)
	took := time.Since(began)
	d.finish()
	return took
}

func (d *Daemon) environ() []string {
	return append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + d.Dir,
		"TMPDIR=" + d.Tmp,
	}, d.service.Env...)
}

func (d *Daemon) awaitReady() {
	d.t.Helper()
	const ready = "NOTICE: ready to handle connections"
	Eventually(d.t, Patience, func() error {
		for _, line := range d.Log.Lines() {
			if strings.HasSuffix(line, ready) {
				return nil
			}
		}
		select {
		case <-d.Exited():
			d.t.Fatalf("the service ended %s before it was ready; it said\n%s", describe(d.status), d.Output())
		default:
		}
		return errors.New("the service is not ready")
	})
	d.Log.Expect(ready)
}

// finish stops the service if it still runs and looks for what it left.
func (d *Daemon) finish() {
	d.t.Helper()
	if d.done {
		return
	}
	d.done = true
	defer func() {
		if d.t.Failed() {
			d.dump()
		}
	}()
	select {
	case <-d.Exited():
	default:
		d.checkFiles()
		_ = syscall.Kill(d.PID, syscall.SIGTERM) // it may have ended just now
		d.Wait(Patience)
	}
	d.check()
}

// goneWithin is how long what a service has killed may be seen: for no time,
// but on a machine that is busy elsewhere.
const goneWithin = 10 * time.Second

func (d *Daemon) check() {
	d.t.Helper()
	err := until(time.Now().Add(goneWithin), func() error {
		if left := d.Family(); len(left) > 0 {
			return fmt.Errorf("processes left %v after the service: %v", goneWithin, left)
		}
		return nil
	})
	if err != nil {
		d.t.Errorf("%v", err)
	}
	if d.status.Exited() && d.status.ExitStatus() != 0 && d.files != nil {
		d.t.Errorf("the service ended %s", describe(d.status))
	}
	if left := d.leftovers(); len(left) > 0 && !d.status.Signaled() {
		d.t.Errorf("files left by the service: %v", left)
	}
	const fault = `panic:|fatal error:|internal error|DATA RACE`
	d.Log.Reject(fault)
	Follow(d.t, filepath.Join(d.Logs, "output.log")).Reject(fault)
}

// checkFiles waits until the long-lived processes have closed what they
// opened since the start.
func (d *Daemon) checkFiles() {
	d.t.Helper()
	err := until(time.Now().Add(Patience), func() error {
		for pid, now := range d.openFiles() {
			if then, known := d.files[pid]; known && now > then+fileSlack {
				return fmt.Errorf("process %d has %d descriptors open, %d at the start", pid, now, then)
			}
		}
		return nil
	})
	if err != nil {
		d.t.Errorf("%v", err)
	}
}

// openFiles counts the descriptors of the master and the supervisors.
func (d *Daemon) openFiles() map[int]int {
	files := map[int]int{d.PID: OpenFiles(d.PID)}
	for _, p := range d.Find("anyfpm: pool ") {
		files[p.PID] = OpenFiles(p.PID)
	}
	return files
}

func describe(s syscall.WaitStatus) string {
	if s.Signaled() {
		return fmt.Sprintf("on signal %v", s.Signal())
	}
	return fmt.Sprintf("with code %d", s.ExitStatus())
}

// ExpectPeakBelow fails the test when a process has ever had more than so
// many MiB in memory.
func (d *Daemon) ExpectPeakBelow(pid, mib int) {
	d.t.Helper()
	m, err := MemoryOf(pid)
	if err != nil {
		d.t.Fatalf("cannot read the memory of process %d: %v", pid, err)
	}
	if m.Peak > mib<<10 {
		d.t.Errorf("process %d took up to %d KiB, want less than %d MiB", pid, m.Peak, mib)
	}
}
