//go:build integration

package workers

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

var (
	//go:embed testdata/fastcgi.py
	badFastCGI string
	//go:embed testdata/control.py
	badControl string
)

// A misdeed is what a worker does to a request, and what must come of it.
type misdeed struct {
	mode   string
	status int    // of the answer; 0 if the response breaks off
	log    string // a line about it
	stays  bool   // the worker does not have to be replaced
}

var misdeeds = map[string][]misdeed{
	"fastcgi": {
		{"garbage", 502, `child \d+ failed: it broke the protocol`, false},
		{"wrong_id", 502, `child \d+ failed: it broke the protocol: a worker sent STDOUT for request 7, which it does not have`, false},
		{"after_end", 200, `broke the protocol: a worker sent STDOUT after END_REQUEST`, false},
		{"close", 502, `client gets 502 request="GET /x" cause="child \d+ failed: it closed the connection without END_REQUEST`, true},
		{"half_and_close", 0, `breaks off request="GET /x" cause="child \d+ failed: it closed the connection without END_REQUEST`, true},
		{"half_and_die", 0, `breaks off request="GET /x" cause="child \d+ exited on signal 11`, false},
		{"sleep", 504, `execution timed out`, false},
		{"fork", 502, `client gets 502 request="GET /x" cause="child \d+ exited with code 0`, false},
		{"stop", 504, `execution timed out`, false},
		{"die", 502, `client gets 502 request="GET /x" cause="child \d+ exited on signal 11 \(SIGSEGV`, false},
		{"exit", 502, `client gets 502 request="GET /x" cause="child \d+ exited with code 3`, false},
	},
	"control": {
		{"garbage", 502, `child \d+ failed: it broke the protocol`, false},
		{"zygote", 502, `child \d+ failed: it broke the protocol: a worker sent a zygote's frame`, false},
		{"endless", 502, `child \d+ failed: it broke the protocol`, false},
		{"twice", 200, `broke the protocol: a worker ended a response that it does not have`, false},
		{"close", 504, `execution timed out`, false},
		{"close_all", 504, `execution timed out`, false},
		{"sleep", 504, `execution timed out`, false},
		{"fork", 502, `no header`, false},
		{"stop", 504, `execution timed out`, false},
		{"die", 502, `client gets 502 request="GET /x" cause="child \d+ exited on signal 11 \(SIGSEGV`, false},
	},
}

// Whatever a worker does on the socket to its supervisor, its client gets an
// answer, the log says why, and the next request is served by a sound worker.
func TestBadWorkers(t *testing.T) {
	for kind, program := range map[string]string{"fastcgi": badFastCGI, "control": badControl} {
		runner := "runner = fastcgi\n"
		if kind == "control" {
			runner = "runner = python\nrunner.isolation = persistent\n"
		}
		conf := static(1) + runner + "runner.command = BAD\nrequest_terminate_timeout = 3s\n" +
			"request_terminate_timeout_track_finished = yes\n" +
			"[other]\npm = static\npm.max_children = 1\n"
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			program := harness.NewSandbox(t, harness.Current()).Script("bad.py", program)
			d := suite.Start(t, strings.ReplaceAll(conf, "BAD", program))
			for _, m := range misdeeds[kind] {
				t.Run(m.mode, func(t *testing.T) { m.test(t, d.For(t)) })
			}
			d.ExpectWorks("other")
			d.Log.Reject(`pool other\].*(exited|failed)`)
		})
	}
}

func (m misdeed) test(t *testing.T, d *harness.Daemon) {
	before := pids(d.AwaitStatus("one idle worker", idle(1)))
	d.File("x", "")
	ask := func(query string) (harness.Response, error) {
		return d.Try(harness.Request{Path: "/x?" + query})
	}
	res, err := ask("mode=" + m.mode + ";")
	if (err != nil) != (m.status == 0) || res.Status != m.status && m.status != 0 {
		t.Errorf("got %d %q, %v, want status %d", res.Status, res.Body, err, m.status)
	}
	if m.status == 0 && res.Ended {
		t.Errorf("half a response ends as if it were whole: %q", res.Stdout)
	}
	d.Log.Expect(m.log)
	after := d.AwaitStatus("one idle worker", idle(1))
	if stays := before[0] == pids(after)[0]; stays != m.stays {
		t.Errorf("worker %v, then %v; stays: %v, want %v", before, pids(after), stays, m.stays)
	}
	next, err := ask("")
	if err != nil || fmt.Sprint(pids(after)[0]) != next.Body {
		t.Errorf("the next request got %q, %v, stderr %q, want one of %v", next.Stdout, err, next.Stderr, pids(after))
	}
	if m.status == 502 && regexp.MustCompile(`cause=`).MatchString(m.log) && !regexp.MustCompile(`anyfpm: child \d+ `).Match(res.Stderr) {
		t.Errorf("the web server is not told the cause: %q", res.Stderr)
	}
	// Nothing of it is left: the worker and its supervisor are all there is.
	harness.Eventually(t, harness.Patience, func() error {
		if found := d.Find("bad.py"); len(found) != 1 {
			return fmt.Errorf("processes of the worker: %v", found)
		}
		return nil
	})
}
