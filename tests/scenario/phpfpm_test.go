//go:build integration

package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A drama is played with php-fpm and with anyfpm in its place: the lines they
// log must be the same but for times and process ids.
type drama struct {
	name, conf string
	play       func(t *testing.T, d *harness.Daemon)
	ends       syscall.Signal
	// races says that the order of the lines is not the same in every run of
	// php-fpm.
	races bool
	// differs is what anyfpm has in place of php-fpm's text; see
	// docs/compatibility.md.
	differs map[string]string
	// more is a line that anyfpm has once more than php-fpm.
	more string
}

const phpFPM = "/usr/sbin/php-fpm8.2"

const staticPHP = "[www]\npm = static\npm.max_children = 1\n"

var dramas = []drama{
	{name: "stop", conf: staticPHP, ends: syscall.SIGTERM, play: func(*testing.T, *harness.Daemon) {}},
	{name: "graceful stop", conf: "process_control_timeout = 5\n" + staticPHP, ends: syscall.SIGQUIT, play: func(t *testing.T, d *harness.Daemon) {
		php(t, d, "<?php echo 1;")
	}},
	{name: "reopen", conf: staticPHP, ends: syscall.SIGTERM, play: func(_ *testing.T, d *harness.Daemon) {
		d.Signal(syscall.SIGUSR1)
		d.Log.Expect("NOTICE: error log file re-opened")
	}},
	{name: "reload", conf: "process_control_timeout = 5\n" + staticPHP, ends: syscall.SIGTERM, play: func(_ *testing.T, d *harness.Daemon) {
		d.Signal(syscall.SIGUSR2)
		d.Log.Expect("NOTICE: Reloading in progress ...")
		d.Log.Expect("NOTICE: ready to handle connections")
	}},
	{name: "killed worker", conf: staticPHP, ends: syscall.SIGTERM, play: func(t *testing.T, d *harness.Daemon) {
		for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSEGV} {
			if err := syscall.Kill(workerPID(t, d), sig); err != nil {
				t.Fatal(err)
			}
			d.Log.Expect(`exited on signal \d+ \(`)
			d.Log.Expect(`NOTICE: \[pool www\] child \d+ started`)
		}
	}},
	{name: "max requests", conf: staticPHP + "pm.max_requests = 2\n", ends: syscall.SIGTERM, races: true, play: func(t *testing.T, d *harness.Daemon) {
		php(t, d, "<?php echo 1;")
		php(t, d, "<?php echo 2;")
		awaitLine(t, d, `NOTICE: \[pool www\] child \d+ exited with code 0 after`)
		awaitLine(t, d, `NOTICE: \[pool www\] child \d+ started`)
	}},
	{name: "exit code", conf: staticPHP, ends: syscall.SIGTERM, play: func(t *testing.T, d *harness.Daemon) {
		php(t, d, "<?php echo 1; exit(7);")
	}},
	{name: "timeout", conf: staticPHP + "request_terminate_timeout = 1s\n", ends: syscall.SIGTERM, differs: map[string]string{
		"signal 15 (SIGTERM)": "signal 2 (SIGINT)", // php-cgi finishes its request on SIGTERM
	}, play: func(_ *testing.T, d *harness.Daemon) {
		d.Script("sleep.php", "<?php sleep(100);")
		_, _ = d.TryWithin(harness.Patience, harness.Request{Path: "/sleep.php?a=b"})
		d.Log.Expect(`NOTICE: \[pool www\] child \d+ started`)
	}},
	{name: "worker output", conf: staticPHP + "catch_workers_output = yes\n", ends: syscall.SIGTERM, play: func(t *testing.T, d *harness.Daemon) {
		php(t, d, `<?php file_put_contents("php://stderr", "one\n\ntwo \"quoted\"\n" . str_repeat("x", 1500) . "\nthree\n"); error_log("message"); echo $nothing;`)
	}},
	{name: "plain worker output", conf: "log_limit = 600\n" + staticPHP + "catch_workers_output = yes\ndecorate_workers_output = no\n", ends: syscall.SIGTERM, play: func(t *testing.T, d *harness.Daemon) {
		php(t, d, `<?php file_put_contents("php://stderr", str_repeat("x", 1300) . "\nthree\n");`)
	}},
	{name: "long messages", conf: "log_limit = 6000\n" + staticPHP + "catch_workers_output = yes\n", ends: syscall.SIGTERM, play: func(t *testing.T, d *harness.Daemon) {
		php(t, d, `<?php error_log(str_repeat("x", 3000)); error_log(str_repeat("y", 7000)); echo 1;`)
	}},
	{name: "process.max", conf: "process.max = 2\n[www]\npm = static\npm.max_children = 3\n", ends: syscall.SIGTERM, races: true, play: func(t *testing.T, d *harness.Daemon) {
		awaitLine(t, d, "WARNING: The maximum number of processes has been reached")
	}},
	{name: "max children", conf: "[www]\npm = dynamic\npm.max_children = 1\npm.start_servers = 1\npm.min_spare_servers = 1\npm.max_spare_servers = 1\n",
		ends: syscall.SIGTERM, play: func(t *testing.T, d *harness.Daemon) {
			d.Script("sleep.php", "<?php sleep(2); echo 1;")
			if res := d.Get("/sleep.php"); res.Body != "1" {
				t.Errorf("got %d %q", res.Status, res.Body)
			}
			d.Log.Expect(`WARNING: \[pool www\] server reached pm.max_children setting \(1\), consider raising it`)
		}},
	{name: "emergency restart", conf: "emergency_restart_threshold = 2\nemergency_restart_interval = 1m\nprocess_control_timeout = 5\n" + staticPHP,
		// The pool serves on during the reload, with all its workers.
		more: "[TIME] NOTICE: [pool www] child N started",
		ends: syscall.SIGTERM, races: true, play: func(t *testing.T, d *harness.Daemon) {
			segfault := func() {
				if err := syscall.Kill(workerPID(t, d), syscall.SIGSEGV); err != nil {
					t.Fatal(err)
				}
				d.Log.Expect(`exited on signal 11 \(SIGSEGV`)
			}
			segfault()
			d.Log.Expect(`NOTICE: \[pool www\] child \d+ started`)
			segfault()
			d.Log.Expect(`WARNING: failed processes threshold \(2 in 60 sec\) is reached, initiating reload`)
			d.Log.Expect("NOTICE: ready to handle connections")
		}},
}

// awaitLine waits for a line wherever it stands.
func awaitLine(t *testing.T, d *harness.Daemon, pattern string) {
	t.Helper()
	harness.Eventually(t, harness.Patience, func() error {
		if d.Log.Count(pattern) == 0 {
			return fmt.Errorf("no line matches %q in\n%s", pattern, strings.Join(d.Log.Lines(), "\n"))
		}
		return nil
	})
}

// php runs a script, which must answer with a digit.
func php(t *testing.T, d *harness.Daemon, text string) {
	t.Helper()
	d.Script("test.php", text)
	if res := d.Get("/test.php"); res.Status != 200 {
		t.Errorf("got %d %q", res.Status, res.Body)
	}
}

// workerPID asks a worker who it is.
func workerPID(t *testing.T, d *harness.Daemon) int {
	t.Helper()
	d.Script("pid.php", "<?php echo getmypid();")
	var pid int
	if _, err := fmt.Sscan(d.Get("/pid.php").Body, &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

var (
	logTime  = regexp.MustCompile(`^\[\d\d-\w{3}-\d{4} \d\d:\d\d:\d\d\] `)
	childPID = regexp.MustCompile(`child \d+`)
	logPID   = regexp.MustCompile(`(child|pid|fd=) ?\d+`)
	logAfter = regexp.MustCompile(`\d+\.\d+ sec`)
	boxPath  = regexp.MustCompile(`/tmp/anyfpm-\d+`)
)

// lines are those of a log without what differs from run to run.
func lines(log []string, unordered bool) string {
	var all []string
	for _, line := range log {
		switch {
		case strings.Contains(line, "NOTICE: reloading: "):
			continue // it names the program and its arguments
		case strings.Contains(line, " - core dumped"):
			line = strings.Replace(line, " - core dumped", "", 1)
		}
		line = logTime.ReplaceAllString(line, "[TIME] ")
		line = logPID.ReplaceAllString(line, "$1 N")
		line = logAfter.ReplaceAllString(line, "T sec")
		all = append(all, boxPath.ReplaceAllString(line, "/BOX"))
	}
	if unordered {
		slices.Sort(all)
	}
	return strings.Join(all, "\n")
}

// perform plays the drama with a program and returns the lines of its log.
func (d *drama) perform(t *testing.T, program string) []string {
	t.Helper()
	s := suite.Service(d.conf, harness.Current())
	s.Binary, s.Global = program, []string{}
	if program == suite.Binary {
		s.Args = []string{"--php"}
	}
	service := harness.Start(t, s)
	d.play(t, service)
	service.Signal(d.ends)
	if status := service.Wait(harness.Patience); status.ExitStatus() != 0 {
		t.Errorf("%s ended with code %d", program, status.ExitStatus())
	}
	return service.Log.Lines()
}

// childWidths tells how many digits the pids of children in a log have.
func childWidths(log []string) string {
	var widths []int
	for _, line := range log {
		for _, match := range childPID.FindAllString(line, -1) {
			widths = append(widths, len(match))
		}
	}
	slices.Sort(widths)
	return fmt.Sprint(slices.Compact(widths))
}

func TestSameLinesAsPHPFPM(t *testing.T) {
	t.Parallel()
	for _, drama := range dramas {
		t.Run(drama.name, func(t *testing.T) {
			t.Parallel()
			expected, actual := drama.perform(t, phpFPM), drama.perform(t, suite.Binary)
			for childWidths(expected) != childWidths(actual) { // with which long lines are cut elsewhere
				expected, actual = drama.perform(t, phpFPM), drama.perform(t, suite.Binary)
			}
			logs := map[string]string{phpFPM: lines(expected, drama.races), suite.Binary: lines(actual, drama.races)}
			for theirs, ours := range drama.differs {
				if !strings.Contains(logs[phpFPM], theirs) {
					t.Errorf("php-fpm does not say %q any more", theirs)
				}
				logs[phpFPM] = strings.ReplaceAll(logs[phpFPM], theirs, ours)
			}
			if drama.more != "" {
				logs[suite.Binary] = strings.Replace(logs[suite.Binary], drama.more+"\n", "", 1)
			}
			if want, got := logs[phpFPM], logs[suite.Binary]; got != want {
				t.Errorf("php-fpm says\n%s\nand anyfpm\n%s", want, got)
			}
		})
	}
}

// With a log_level above notice PHP's messages are logged as php-fpm logs them.
func TestSameMessagesAsPHPFPMWithoutNotices(t *testing.T) {
	t.Parallel()
	for _, conf := range []string{
		"log_level = warning\n" + staticPHP + "catch_workers_output = yes\n",
		"log_level = error\n" + staticPHP + "catch_workers_output = yes\ndecorate_workers_output = no\n",
	} {
		logs := map[string]string{}
		for _, program := range []string{phpFPM, suite.Binary} {
			s := suite.Service(conf, harness.Current())
			s.Binary, s.Global = program, []string{}
			if program == suite.Binary {
				s.Args = []string{"--php"}
			}
			d := harness.Launch(t, s)
			harness.Eventually(t, harness.Patience, func() error { return harness.Listening(d.Address()) })
			php(t, d, `<?php file_put_contents("php://stderr", "one\n"); error_log("two"); error_log("three"); echo 1;`)
			d.Signal(syscall.SIGTERM)
			d.Wait(harness.Patience)
			logs[program] = lines(d.Log.Lines(), false)
		}
		if want, got := logs[phpFPM], logs[suite.Binary]; got != want || !strings.Contains(want, "three") {
			t.Errorf("%s\nphp-fpm says\n%s\nand anyfpm\n%s", conf, want, got)
		}
	}
}
