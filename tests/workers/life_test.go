//go:build integration

package workers

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

const persistent = "runner = python\nrunner.isolation = persistent\n"

// The worker that was idle for the shortest time gets the next request.
func TestWarmestWorker(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, static(3)+persistent)
	d.File("pid.py", pidScript)
	first := pid(t, d.Get("/pid.py"))
	for range 10 {
		if next := pid(t, d.Get("/pid.py")); next != first {
			t.Errorf("worker %d after worker %d", next, first)
		}
	}
}

// Workers of an ondemand pool go when they were idle for
// pm.process_idle_timeout, and are back on demand.
func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, "[www]\npm = ondemand\npm.max_children = 3\npm.process_idle_timeout = 1s\npm.status_path = /status\n"+persistent)
	d.File("pid.py", pidScript)
	first := pid(t, d.Get("/pid.py"))
	d.AwaitStatus("no worker", idle(0))
	if next := pid(t, d.Get("/pid.py")); next == first {
		t.Errorf("worker %d is still there", next)
	}
}

// A worker that dies between requests is replaced, and no client notices.
func TestDeathBetweenRequests(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, static(2)+persistent)
	d.File("pid.py", pidScript)
	for range 3 {
		before := pids(d.AwaitStatus("two idle workers", idle(2)))
		for _, pid := range before {
			kill(t, pid, syscall.SIGKILL)
		}
		d.AwaitStatus("two others", func(s harness.Status) bool {
			return idle(2)(s) && !slices.Contains(before, pids(s)[0]) && !slices.Contains(before, pids(s)[1])
		})
		if now := pid(t, d.Get("/pid.py")); slices.Contains(before, now) {
			t.Errorf("worker %d is alive", now)
		}
	}
	d.Log.Reject("client gets|tried once more")
}

// A request whose worker dies is tried once more, if it may be; if not, or if it
// dies again, the client gets 502, and is told the cause on FCGI_STDERR.
func TestDeathInARequest(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, static(2)+persistent)
	d.File("die.py", "import os, signal\nmark = os.environ['DOCUMENT_ROOT'] + '/../tmp/mark'\n"+
		"if os.environ['QUERY_STRING'] == 'always' or not os.path.exists(mark):\n"+
		"    open(mark, 'w').close()\n    os.kill(os.getpid(), signal.SIGSEGV)\n"+
		"os.unlink(mark)\n"+pidScript)
	// The mark is in the directory for temporary files, which must be empty in the end.
	mark := filepath.Join(d.Tmp, "mark")
	pid(t, d.Get("/die.py"))
	d.Log.Expect(`tried once more request="GET /die.py" cause="child \d+ exited on signal 11 \(SIGSEGV`)

	res := d.Do(harness.Request{Path: "/die.py", Body: []byte("x")})
	if res.Status != 502 || !strings.Contains(string(res.Stderr), "exited on signal 11 (SIGSEGV") {
		t.Errorf("POST: got %d %q, stderr %q", res.Status, res.Body, res.Stderr)
	}
	d.Log.Expect(`gave no answer, client gets 502 request="POST /die.py" cause="child \d+ exited on signal 11 \(SIGSEGV`)

	if res = d.Get("/die.py?always"); res.Status != 502 {
		t.Errorf("twice: got %d %q", res.Status, res.Body)
	}
	if err := os.Remove(mark); err != nil {
		t.Error(err)
	}
	d.AwaitStatus("two idle workers", idle(2))
	pid(t, d.Get("/die.py"))
}

// A worker that has served its time is replaced, its successor first, and never
// more than a quarter of them at a time.
func TestReplacement(t *testing.T) {
	for name, directive := range map[string]string{
		"lifetime": "pm.max_lifetime = 1s",
		"requests": "pm.max_requests = 20\npm.max_requests_jitter = 50%",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const workers = 8
			d := suite.Start(t, static(workers)+persistent+"runner.preload[] = json\n"+directive+"\n")
			d.File("pid.py", pidScript)
			first := pids(d.AwaitStatus("all workers", idle(workers)))
			// Requests at the same time, so that all of them are used.
			harness.Eventually(t, 3*harness.Patience, func() error {
				var answers []<-chan harness.Outcome
				for range workers {
					answers = append(answers, d.Go(harness.Request{Path: "/pid.py"}))
				}
				s := d.Status()
				for _, a := range answers {
					if out := <-a; out.Err != nil || out.Status != 200 {
						t.Fatalf("got %d %q, %v, stderr %q", out.Status, out.Body, out.Err, out.Stderr)
					}
				}
				old := 0
				for _, p := range s.Processes {
					if slices.Contains(first, p.PID) {
						old++
					}
				}
				if n := len(s.Processes); n > workers+workers/4 {
					t.Fatalf("%d processes at once, of %d workers", n, workers)
				}
				serving := 0
				for _, p := range s.Processes {
					if p.State == "Idle" || p.State == "Running" {
						serving++
					}
				}
				if serving < workers-1 { // one may be between the two states
					t.Fatalf("%d workers serve: %+v", serving, s.Processes)
				}
				if old > 0 {
					return fmt.Errorf("%d of the first workers are left", old)
				}
				return nil
			})
			d.Log.Reject("client gets|tried once more")
		})
	}
}

// A worker that has grown beyond pm.max_memory is replaced between two requests.
func TestMaxMemory(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, static(1)+persistent+"pm.max_memory = 64M\n")
	d.File("grow.py", "import os, sys\nsys.kept = bytearray(os.urandom(1)) * (100 << 20)\n"+pidScript)
	d.File("pid.py", pidScript)
	grown := pid(t, d.Get("/grow.py"))
	d.Log.Expect(fmt.Sprintf(`worker is above pm.max_memory, it is replaced pid=%d pss=\d{9} limit=67108864`, grown))
	harness.Eventually(t, harness.Patience, func() error {
		if pid(t, d.Get("/pid.py")) == grown {
			return fmt.Errorf("worker %d still serves", grown)
		}
		return nil
	})
}

// A program that cannot start makes its pool a failed one: the log and the
// status say so, with what it said last, and clients get 503. Starts are tried
// again after growing pauses; when one works, so does the pool. Other pools
// never notice.
func TestFailedPool(t *testing.T) {
	t.Parallel()
	d := harness.Launch(t, suite.Service("[www]\npm = static\npm.max_children = 2\npm.status_path = /status\n"+persistent+
		"runner.preload[] = absent_module\nrunner.path[] = {{WWW}}/lib\n"+
		"[other]\npm = static\npm.max_children = 1\n", harness.Current()))
	d.Log.Expect(`pool www\].*workers do not start.*zygote: child \d+ exited with code 1 .*No module named 'absent_module'`)
	d.ExpectWorks("other")
	d.File("pid.py", pidScript)
	harness.Eventually(t, harness.Patience, func() error {
		res, err := d.Try(harness.Request{Path: "/pid.py"})
		if err != nil || res.Status != 503 || res.Header.Get("Retry-After") == "" || !strings.Contains(res.Body, "does not start") {
			return fmt.Errorf("got %d %q, %v, want 503", res.Status, res.Body, err)
		}
		return nil
	})
	var service struct {
		Pools []struct {
			Failed bool   `json:"failed"`
			Reason string `json:"failure_reason"`
		} `json:"pools"`
	}
	text, _ := d.CLI("status", "--json", "www", "--control", d.Control())
	err := json.Unmarshal([]byte(text), &service)
	if err != nil || len(service.Pools) != 1 || !service.Pools[0].Failed || !strings.Contains(service.Pools[0].Reason, "absent_module") {
		t.Errorf("status: %v\n%s", err, text)
	}
	d.File("lib/absent_module.py", "")
	d.Log.Expect(`pool www\] workers start again, the pool serves`)
	pid(t, d.Get("/pid.py"))
	d.ExpectWorks("other")
}

// A pool whose program is missing has failed like others, and serves when the
// program is there.
func TestMissingProgram(t *testing.T) {
	for kind, settings := range map[string]string{
		"resident": "runner = python\nrunner.command = {{WWW}}/bin/python\n",
		"zygote":   "runner = python\nrunner.isolation = fork\nrunner.command = {{WWW}}/bin/python\n",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := harness.Launch(t, suite.Service("[www]\npm = static\npm.max_children = 1\n"+settings+
				"[other]\npm = static\npm.max_children = 1\n", harness.Current()))
			d.Log.Expect(`pool www\] workers do not start.* reason="cannot run .*/bin/python: .*no such file`)
			d.ExpectWorks("other")
			d.File("pid.py", pidScript)
			harness.Eventually(t, harness.Patience, func() error {
				res, err := d.Try(harness.Request{Path: "/pid.py"})
				if err != nil || res.Status != 503 {
					return fmt.Errorf("got %d %q, %v, want 503", res.Status, res.Body, err)
				}
				return nil
			})
			d.Script("bin/python", "#!/bin/sh\nexec /usr/bin/python3 \"$@\"\n")
			d.Log.Expect(`pool www\] workers start again, the pool serves`)
			pid(t, d.Get("/pid.py"))
		})
	}
}

// A pool that has served can fail, too, and is no failed one any more when its
// workers start again.
func TestPoolFailsAfterItHasServed(t *testing.T) {
	t.Parallel()
	const interpreter = "#!/bin/sh\nexec /usr/bin/python3 \"$@\"\n"
	d := harness.Launch(t, suite.Service("[www]\npm = static\npm.max_children = 2\npm.status_path = /status\n"+persistent+
		"runner.command = {{WWW}}/bin/python\n[other]\npm = static\npm.max_children = 1\n", harness.Current()))
	d.File("pid.py", pidScript)
	awaitFailed(t, d, true)
	for range 2 {
		d.Script("bin/python", interpreter)
		awaitFailed(t, d, false)
		workers := pids(d.AwaitStatus("two idle workers", idle(2)))
		pid(t, d.Get("/pid.py"))
		d.Script("bin/python", "#!/bin/sh\nexit 1\n")
		for _, pid := range workers {
			kill(t, pid, syscall.SIGKILL)
		}
		awaitFailed(t, d, true)
	}
}

// awaitFailed waits until the service says of pool www whether it has failed.
func awaitFailed(t *testing.T, d *harness.Daemon, failed bool) {
	t.Helper()
	harness.Eventually(t, harness.Patience, func() error {
		var service struct {
			Pools []struct {
				Failed bool `json:"failed"`
			} `json:"pools"`
		}
		text, _ := d.CLI("status", "--json", "www", "--control", d.Control())
		if err := json.Unmarshal([]byte(text), &service); err != nil || len(service.Pools) != 1 || service.Pools[0].Failed != failed {
			return fmt.Errorf("want failed = %v: %v\n%s", failed, err, text)
		}
		return nil
	})
}

// The reason why a pool does not start is what is wrong with the module that
// it should preload.
func TestReasonOfFailure(t *testing.T) {
	for language, text := range map[string]string{
		"python": "raise ValueError('told you')\n",
		"perl":   "package Broken;\ndie 'told you';\n",
		"ruby":   "def inner = raise('told you')\ninner\n",
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			box := harness.NewSandbox(t, harness.Current())
			box.File("broken.py", text)
			box.File("broken.rb", text)
			box.File("broken.pm", text)
			d := harness.Launch(t, suite.Service(static(1)+"runner = "+language+"\nrunner.preload[] = broken\nrunner.path[] = "+box.WWW+
				"\n[other]\npm = static\npm.max_children = 1\n", harness.Current()))
			d.Log.Expect(`pool www\] workers do not start.* reason="[^"]*told you`)
			d.ExpectWorks("other")
		})
	}
}

func kill(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if pid <= 1 {
		t.Fatalf("cannot kill process %d", pid)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatalf("cannot kill process %d: %v", pid, err)
	}
}
