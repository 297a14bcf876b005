//go:build integration

package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A slow request is in the slow log with the place in the code, whoever the
// service runs as; the log is nobody else's business, and USR1 reopens it.
func TestSlowlog(t *testing.T) {
	const conf = oneWorker + "runner = python\nslowlog = {{LOG}}/slow.log\nrequest_slowlog_timeout = 1\nrequest_slowlog_repeat = 20\n"
	suite.Everybody(t, conf, func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		d.File("slow.py", fmt.Sprintf(`def query(path):
    with open(path) as gate:
        gate.readline()

def page():
    query(%q)

page()
print('Content-Type: text/plain\n\nok')
`, gate.Path))
		path := filepath.Join(d.Logs, "slow.log")
		serve := func() {
			slow := harness.Follow(t, path)
			out := d.Go(harness.Request{Path: "/slow.py?a=b"})
			slow.Expect(`^\[\d\d-\w{3}-\d{4} \d\d:\d\d:\d\d\]  \[pool www\] pid \d+$`)
			slow.Expect(`^script_filename = ` + d.WWW + `/slow.py$`)
			slow.Expect(`^\[0x[0-9a-f]{16}\] query\(\) ` + d.WWW + `/slow.py:3$`)
			slow.Expect(`^\[0x[0-9a-f]{16}\] page\(\) ` + d.WWW + `/slow.py:6$`)
			slow.Expect(`^# request: GET /slow.py\?a=b, slow after [1-9]\d*\.\d+s, queued for `)
			slow.Expect(`^# stack: python 3\.\d+\.\d+, thread \d+`)
			slow.Expect(`^# waits in: read\(\d+ ` + gate.Path + `\)$`)
			d.Log.Expect(`WARNING: \[pool www\] child \d+, script '` + d.WWW + `/slow.py' \(request: "GET /slow.py\?a=b"\) executing too slow \([1-9]\d*\.\d{6} sec\), logging$`)
			gate.Open(1)
			if res := <-out; res.Err != nil || res.Body != "ok\n" {
				t.Errorf("the slow request got %q, %v", res.Body, res.Err)
			}
		}
		serve()
		if s := d.Status(); s.SlowRequests != 1 {
			t.Errorf("%d slow requests are counted, want 1", s.SlowRequests)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the slow log has the mode %v, %v", info.Mode(), err)
		}

		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		d.Signal(syscall.SIGUSR1)
		harness.Eventually(t, harness.Patience, func() error { _, err := os.Stat(path); return err })
		serve()
	})
}

// A request that goes on is looked at again, and once more before it is
// ended; the JSON form has a line for each look. Of a shell script it is the
// process it waits for that matters.
func TestSlowlogUntilTheEnd(t *testing.T) {
	const conf = oneWorker + "slowlog = {{LOG}}/slow.log\nslowlog.format = json\n" +
		"request_slowlog_timeout = 1\nrequest_slowlog_repeat = 1\nrequest_terminate_timeout = 8\n"
	suite.Everybody(t, conf, func(t *testing.T, d *harness.Daemon) {
		d.Script("wait.sh", "#!/bin/sh\nsleep 600\necho never\n")
		slow := harness.Follow(t, filepath.Join(d.Logs, "slow.log"))
		const entry = `"event":"%s","pool":"www","pid":\d+,"slot":0,"method":"GET","uri":"/wait.sh","script":"%s/wait.sh",` +
			`"elapsed":[\d.]+,"queue":[\d.e-]+,"sample":%d,"stacks":\[`
		seen := regexp.MustCompile(`"wait":\{"state":"S","call":"wait4".*` +
			`"children":\[\{"pid":\d+,"ppid":\d+,"command":"sleep 600","wait":\{"state":"S","call":"clock_nanosleep"`)
		// The last look has 250 ms, which a busy machine may not give it.
		missed := regexp.MustCompile(`no stack: it was not found in time|no sample: others came before it`)
		for tries := 1; ; tries++ {
			out := d.Go(harness.Request{Path: "/wait.sh"})
			slow.Expect(fmt.Sprintf(entry, "slow", d.WWW, 1))
			slow.Expect(fmt.Sprintf(entry, "slow", d.WWW, 2))
			last := slow.Expect(fmt.Sprintf(entry, "timeout", d.WWW, 3) + ".*")[0]
			if res := <-out; res.Status != 504 {
				t.Errorf("got %v, %v", res, res.Err)
			}
			if n := d.Status().SlowRequests; n != tries {
				t.Errorf("%d slow requests are counted, want %d", n, tries)
			}
			if seen.MatchString(last) {
				break
			}
			if tries == 5 || !missed.MatchString(last) {
				t.Fatalf("try %d: what the script waits for is not in %s", tries, last)
			}
		}
	})
}

// A worker that has made itself unreadable hides its stack, and nothing else;
// what is missing is in each entry and in the error log once.
func TestSlowlogOfHiddenWorker(t *testing.T) {
	// Python may take its time to get where it hides.
	suite.Everybody(t, oneWorker+"slowlog = {{LOG}}/slow.log\nrequest_slowlog_timeout = 1\nrequest_slowlog_repeat = 20\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		d.Script("hidden.py", fmt.Sprintf(`#!/usr/bin/python3
import ctypes
PR_SET_DUMPABLE = 4
ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)
with open(%q) as gate:
    gate.readline()
print('Content-Type: text/plain\n\nok')
`, gate.Path))
		slow := harness.Follow(t, filepath.Join(d.Logs, "slow.log"))
		for range 2 {
			out := d.Go(harness.Request{Path: "/hidden.py"})
			slow.Expect(`^\+\+\+ dump failed$`)
			slow.Expect(`^# waits in: sleeping`)
			slow.Expect(`^# note: stacks cannot be read, there is no permission: it has made itself unreadable \(process\.dumpable\)`)
			gate.Open(1)
			if res := <-out; res.Err != nil || res.Body != "ok\n" {
				t.Errorf("got %q, %v", res.Body, res.Err)
			}
		}
		const missing = `WARNING: \[pool www\] the slow log does not show all of a slow request pid=\d+ reason="stacks cannot be read`
		d.Log.Expect(missing)
		if n := d.Log.Count(missing); n != 1 {
			t.Errorf("what is missing is said %d times", n)
		}
	})
}

// An interpreter of a version that is not known is never guessed at: its native
// frames are shown, each entry names it, and the error log does once.
func TestSlowlogOfUnknownVersion(t *testing.T) {
	suite.Everybody(t, oneWorker+"slowlog = {{LOG}}/slow.log\nrequest_slowlog_timeout = 1\nrequest_slowlog_repeat = 20\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		d.Program("python.cgi", fmt.Sprintf(`
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
char _PyRuntime[4096] = "xdebugpy";
const unsigned long Py_Version = 0x030f00f0;
__attribute__((noinline)) int query(void)
{
	char line[3];
	int gate = open(%q, O_RDONLY);
	return read(gate, line, sizeof line) + 0;
}
int main(void)
{
	return printf("Content-Type: text/plain\n\n%%d", query()) < 0;
}`, gate.Path), "-rdynamic")
		slow := harness.Follow(t, filepath.Join(d.Logs, "slow.log"))
		for range 2 {
			out := d.Go(harness.Request{Path: "/python.cgi"})
			slow.Expect(`^\[0x[0-9a-f]{16}\] read\(\) \S+/libc.so.6:0$`)
			slow.Expect(`^\[0x[0-9a-f]{16}\] query\(\) ` + d.WWW + `/python.cgi:0$`)
			slow.Expect(`^# stack: native, thread \d+$`)
			slow.Expect(`^# note: python 3.15.0 is not known to this build$`)
			gate.Open(1)
			if res := <-out; res.Err != nil || res.Body != "3" {
				t.Errorf("got %q, %v", res.Body, res.Err)
			}
		}
		const unknown = `WARNING: \[pool www\] the slow log does not show all of a slow request pid=\d+ reason="python 3.15.0 is not known to this build"$`
		d.Log.Expect(unknown)
		if n := d.Log.Count(unknown); n != 1 {
			t.Errorf("it is said %d times", n)
		}
	})
}

// A chroot without /proc hides the stacks; the entry is there and says so.
func TestSlowlogInChroot(t *testing.T) {
	needsRoot(t)
	t.Parallel()
	d := suite.Start(t, oneWorker+"chroot = {{WWW}}\nslowlog = {{LOG}}/slow.log\nrequest_slowlog_timeout = 1\n")
	d.Program("slow.cgi", `
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	sleep(5);
	printf("Content-Type: text/plain\n\nok");
	return 0;
}`, "-static")
	slow := harness.Follow(t, filepath.Join(d.Logs, "slow.log"))
	expectBody(t, d.Do(harness.Request{Path: "/slow.cgi", Root: "/"}), "ok")
	slow.Expect(`^script_filename = /slow.cgi$`)
	slow.Expect(`^\+\+\+ dump failed$`)
	slow.Expect(`^# note: the pool's chroot has no /proc$`)
	d.Log.Expect(`WARNING: \[pool www\] the slow log does not show all of a slow request pid=\d+ reason="the pool's chroot has no /proc"$`)
}
