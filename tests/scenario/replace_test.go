//go:build integration

package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// An installed is a service whose program lies in a place of its own, where it
// can be replaced.
type installed struct {
	*harness.Daemon
	t       *testing.T
	program string
	version int
}

// install starts a service from a copy of the binary.
func install(t *testing.T, conf string, as harness.Identity, args ...string) *installed {
	t.Helper()
	s := suite.Service(conf, as)
	s.Args = args
	return installService(t, s)
}

func installService(t *testing.T, s harness.Service) *installed {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "anyfpm-installed-") //nolint:usetesting // a test's own directory is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	i := &installed{t: t, program: filepath.Join(dir, "anyfpm")}
	i.upgrade()
	s.Binary = i.program
	i.Daemon = harness.Start(t, s)
	return i
}

// upgrade puts another build in place of the program: the same code, followed
// by bytes that no build had before.
func (i *installed) upgrade() {
	i.t.Helper()
	code, err := os.ReadFile(suite.Binary)
	if err != nil {
		i.t.Fatal(err)
	}
	i.version++
	i.replace(fmt.Appendf(code, "version %d", i.version), 0o755)
}

// replace puts a file in place of the program, as package managers do.
func (i *installed) replace(content []byte, mode os.FileMode) {
	i.t.Helper()
	next := i.program + ".new"
	// A file that a child of this process has open for writing, started just
	// now by another test, cannot be executed.
	syscall.ForkLock.RLock()
	err := os.WriteFile(next, content, mode)
	syscall.ForkLock.RUnlock()
	if err != nil {
		i.t.Fatal(err)
	}
	if err := os.Rename(next, i.program); err != nil {
		i.t.Fatal(err)
	}
}

// runs tells whether a process runs the program as it is installed now.
func (i *installed) runs(pid int) bool {
	i.t.Helper()
	image, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return false // it is an old one, and gone
	}
	file, err := os.Stat(i.program)
	return err == nil && os.SameFile(image, file)
}

// served tells whether a supervisor of a pool runs the installed program.
func (i *installed) served(pool string) bool {
	i.t.Helper()
	return slices.ContainsFunc(i.Find("anyfpm: pool "+pool), func(p harness.Proc) bool { return i.runs(p.PID) })
}

// reload reloads by the command and expects it to succeed.
func (i *installed) reload() {
	i.t.Helper()
	if out, code := i.try(); code != 0 {
		i.t.Fatalf("reload ended with %d: %s", code, out)
	}
}

func (i *installed) try() (string, int) {
	i.t.Helper()
	return i.CLIOf(suite.Binary, "reload", "--control", i.Control())
}

// A replaced program is taken up by a reload under the same pid, by signal and
// by command. What runs finishes, kept connections live on, the supervisors
// are of the new program, and a reload that finds the same one stays in place.
func TestReplacedProgramIsTakenUp(t *testing.T) {
	t.Parallel()
	for _, as := range harness.Identities() {
		t.Run(as.Name, func(t *testing.T) {
			t.Parallel()
			conf := oneWorker + "ping.path = /ping\nping.response = %d\n[idle]\npm = ondemand\npm.max_children = 2\n"
			d := install(t, fmt.Sprintf(conf, 0), as)
			gate := d.Gate()
			running := d.Go(harness.Request{Path: "/hold.sh"})
			d.AwaitProcesses("hold.sh", 1)
			kept := d.Dial()
			ping := d.Request(harness.Request{Path: "/ping", KeepConn: true}).Bytes(1)
			kept.Send(ping)
			kept.Response(1)
			for n, order := range []func(){d.reload, func() { d.Signal(syscall.SIGUSR2) }, func() { d.Signal(syscall.SIGHUP) }} {
				d.upgrade()
				d.Configure(fmt.Sprintf(conf, n+1))
				order()
				d.Log.Expect(`NOTICE: reloading: execvp\("` + d.program + `", \{"` + d.program + `", "-F", "-y"`)
				d.Log.Expect("NOTICE: ready to handle connections")
				if !d.runs(d.PID) {
					t.Errorf("the master does not run the new program")
				}
				if !d.served("www") {
					t.Errorf("the pool does not run the new program")
				}
				kept.Send(ping)
				if got := kept.Response(1).Body; got != fmt.Sprint(n+1) {
					t.Errorf("the kept connection answers %q after reload %d", got, n+1)
				}
				d.ExpectWorks("www")
				d.ExpectWorks("idle")
				if text := strings.TrimSpace(d.ReadFile("run/anyfpm.pid")); text != fmt.Sprint(d.PID) {
					t.Errorf("the pid file says %q", text)
				}
			}
			d.reload()
			d.Log.Expect("NOTICE: reloading: done in place, without execvp")
			gate.Open(1)
			if out := <-running; out.Err != nil || out.Body != "held" {
				t.Errorf("the request of the first program got %q, %v", out.Body, out.Err)
			}
			if out, code := d.CLIOf(suite.Binary, "status", "--control", d.Control(), "--json"); code != 0 || !strings.Contains(out, `"reloads": 4`) {
				t.Errorf("status: %d, %s", code, out)
			}
			d.Stop()
		})
	}
}

// A program that cannot take over is refused, with the reason; everything goes
// on, and the next one is taken.
func TestProgramThatCannotTakeOver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"no program":     {"\x7fELF but not really", 0o755, "exec format error"},
		"not executable": {"#!/bin/sh\n", 0o644, "permission denied"},
		"fails":          {"#!/bin/sh\nexit 3\n", 0o755, "exited with code 3 and did not say"},
		"crashes":        {"#!/bin/sh\nkill -SEGV $$\n", 0o755, "exited on signal 11 (SIGSEGV)"},
		"another":        {"#!/bin/sh\nexec /usr/sbin/nginx \"$@\"\n", 0o755, "did not say that it can take over"},
		"says nonsense":  {"#!/bin/sh\necho nonsense >&3\n", 0o755, "did not say that it can take over"},
		"refuses":        {`#!/bin/sh` + "\n" + `echo '{"version":"9","error":"not today"}' >&3` + "\n", 0o755, "not today"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := install(t, oneWorker, harness.Current())
			before := d.Supervisor("www")
			d.replace([]byte(c.text), c.mode)
			out, code := d.try()
			if code != 1 || !strings.Contains(out, c.want) {
				t.Errorf("reload ended with %d and said %q, want %q", code, out, c.want)
			}
			d.Log.Expect("ERROR: reload failed, going on with the configuration in use")
			if out, _ := d.CLIOf(suite.Binary, "status", "--control", d.Control()); !strings.Contains(out, "the last reload failed: ") {
				t.Errorf("status says nothing of it: %s", out)
			}
			d.ExpectWorks()
			if after := d.Supervisor("www"); after != before {
				t.Errorf("the supervisor was %d and is %d", before, after)
			}
			d.upgrade()
			d.reload()
			if !d.runs(d.PID) {
				t.Errorf("the next program was not taken")
			}
			d.ExpectWorks()
		})
	}
}

// A configuration that the new program does not accept changes nothing: the
// old program goes on with the old configuration.
func TestNewProgramRefusesConfiguration(t *testing.T) {
	t.Parallel()
	d := install(t, oneWorker, harness.Current())
	d.upgrade()
	d.Configure("[www]\npm = sometimes\n")
	out, code := d.try()
	if code != 1 || !strings.Contains(out, "invalid process manager") {
		t.Errorf("reload ended with %d and said %q", code, out)
	}
	d.Log.Expect("ERROR: .*invalid process manager")
	if d.runs(d.PID) {
		t.Errorf("the new program was taken all the same")
	}
	d.ExpectWorks()
	d.Configure(oneWorker)
	d.reload()
	if !d.runs(d.PID) {
		t.Errorf("the new program was not taken")
	}
}

// If not one pool gets a new generation from the new program the old program
// comes back, and everything goes on as it was.
func TestNewProgramServesNothing(t *testing.T) {
	t.Parallel()
	const resident = "[www]\npm = static\npm.max_children = 1\nrunner = fastcgi\nrunner.command = %s\n"
	d := install(t, oneWorker, harness.Current())
	kept := d.Dial()
	ping := d.Request(harness.Request{Path: "/works.sh", KeepConn: true}).Bytes(1)
	kept.Send(ping)
	kept.Response(1)
	before := d.Supervisor("www")
	d.upgrade()
	d.Configure(fmt.Sprintf(resident, "/bin/false"))
	out, code := d.try()
	if code != 1 || !strings.Contains(out, "[pool www]") {
		t.Errorf("reload ended with %d and said %q", code, out)
	}
	d.Log.Expect("ERROR: .*going back to the program before")
	d.Log.Expect(`ERROR: the new program .* cannot take over: .*\[pool www\]`)
	d.Log.Expect("ERROR: reload failed, going on with the configuration in use")
	if d.runs(d.PID) {
		t.Errorf("the new program is still there")
	}
	if after := d.Supervisor("www"); after != before {
		t.Errorf("the supervisor was %d and is %d", before, after)
	}
	kept.Send(ping)
	if got := kept.Response(1).Body; got != "works" {
		t.Errorf("the kept connection answers %q", got)
	}
	d.Configure(oneWorker)
	d.reload()
	if !d.runs(d.PID) || !d.served("www") {
		t.Errorf("the new program was not taken")
	}
	d.ExpectWorks()
}

// A pool that does not start under the new program keeps its generation of the
// old one; the other pools are of the new one.
func TestPoolOfOldProgramGoesOn(t *testing.T) {
	t.Parallel()
	d := install(t, oneWorker+"[two]\npm = static\npm.max_children = 1\n", harness.Current())
	before := d.Supervisor("two")
	d.upgrade()
	d.Configure(oneWorker + "[two]\npm = static\npm.max_children = 1\nrunner = fastcgi\nrunner.command = /bin/false\n")
	if out, code := d.try(); code != 1 || !strings.Contains(out, "[pool two]") || strings.Contains(out, "[pool www]") {
		t.Errorf("reload ended with %d and said %q", code, out)
	}
	if !d.runs(d.PID) || !d.served("www") {
		t.Errorf("the new program was not taken")
	}
	if after := d.Supervisor("two"); after != before || d.runs(after) {
		t.Errorf("the supervisor was %d and is %d", before, after)
	}
	d.ExpectWorks("www")
	d.ExpectWorks("two")
	// A supervisor of the old program dies under the new one as any other.
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.Log.Expect(fmt.Sprintf("pool two.*%d exited on signal 9", before))
	d.ExpectWorks("two")
}

// Requests during reloads by ever new programs are all answered.
func TestReplacementsUnderLoad(t *testing.T) {
	t.Parallel()
	d := install(t, "[www]\npm = static\npm.max_children = 2\n", harness.Current())
	var stop atomic.Bool
	const clients = 4
	failed := make(chan []string, clients)
	for range clients {
		go func() {
			var mine []string
			for !stop.Load() {
				if out := <-d.Go(harness.Request{Path: "/works.sh"}); out.Err != nil || out.Body != "works" {
					mine = append(mine, fmt.Sprintf("%q, %v", out.Stdout, out.Err))
				}
			}
			failed <- mine
		}()
	}
	for range 5 {
		d.upgrade()
		d.reload()
	}
	stop.Store(true)
	for range clients {
		for _, f := range <-failed {
			t.Errorf("a request failed: %s", f)
		}
	}
	if !d.runs(d.PID) {
		t.Errorf("the last program is not the one that runs")
	}
}

// A program that stands in for php-fpm does so when it was replaced.
func TestReplacedPHPFPM(t *testing.T) {
	t.Parallel()
	d := install(t, oneWorker+"runner = cgi\nsecurity.limit_extensions = .sh\n", harness.Current(), "--php", "--prefix", "/tmp")
	d.upgrade()
	d.Signal(syscall.SIGUSR2)
	d.Log.Expect(`NOTICE: reloading: execvp\(".*", \{".*", "--php", "--prefix", "/tmp", "-F", "-y"`)
	d.Log.Expect("NOTICE: ready to handle connections")
	if !d.runs(d.PID) {
		t.Errorf("the new program was not taken")
	}
	d.ExpectWorks()
}
