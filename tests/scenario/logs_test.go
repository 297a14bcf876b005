//go:build integration

package scenario

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// lostLines is what the status page says of the logs.
func lostLines(t *testing.T, d *harness.Daemon) int {
	t.Helper()
	var page struct {
		Lost *int `json:"log lines lost"`
	}
	res := d.Get("/status?json&anyfpm")
	if err := json.Unmarshal([]byte(res.Body), &page); err != nil || page.Lost == nil {
		t.Fatalf("the status page is %q, %v", res.Body, err)
	}
	return *page.Lost
}

// awaitLost waits until at least so many lines of logs are counted as lost.
func awaitLost(t *testing.T, d *harness.Daemon, atLeast int) {
	t.Helper()
	harness.Eventually(t, harness.Patience, func() error {
		if n := lostLines(t, d); n < atLeast {
			return fmt.Errorf("%d lines are counted as lost, want at least %d", n, atLeast)
		}
		return nil
	})
}

// Logs on a full disk harm no request. What is lost is counted on the status
// page and in the metrics, and the error log says it once for each log.
func TestLogsOnFullDisk(t *testing.T) {
	const conf = "[global]\nmetrics.listen = 127.0.0.1:{{PORT}}\n" + oneWorker +
		"access.log = /dev/full\nslowlog = /dev/full\nrequest_slowlog_timeout = 1\n"
	suite.Everybody(t, conf, func(t *testing.T, d *harness.Daemon) {
		for range 20 {
			d.ExpectWorks()
		}
		gate := d.Gate()
		slow := d.Go(harness.Request{Path: "/hold.sh"})
		d.Log.Expect(`executing too slow`)
		d.Log.Expect(`WARNING: \[pool www\] lines of the slow log /dev/full are lost: No space left on device \(28\)$`)
		gate.Open(1)
		if out := <-slow; out.Body != "held" {
			t.Errorf("the slow request got %q, %v", out.Body, out.Err)
		}
		awaitLost(t, d, 21)
		if n := d.Log.Count(`lines of the \w+ log \S+ are lost`); n != 2 {
			t.Errorf("the loss is said %d times, want once for each log", n)
		}
		d.Log.Reject(`lines of this log`)
		page := scrape(t, d)
		for _, log := range []string{"access", "slow"} {
			if page.value(t, `anyfpm_log_dropped_total{log="`+log+`",pool="www"}`) < 1 {
				t.Errorf("the metrics do not count what the %s log lost", log)
			}
		}
	})
}

// A service whose error log is on a full disk goes on, and says how many
// lines are missing when there is room again.
func TestErrorLogOnFullDisk(t *testing.T) {
	needsRoot(t)
	t.Parallel()
	box := harness.NewSandbox(t, harness.Current())
	disk := box.Path("disk")
	if err := errors.Join(os.Mkdir(disk, 0o755), syscall.Mount("anyfpm-test", disk, "tmpfs", 0, "size=256k")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	log := harness.Follow(t, filepath.Join(disk, "error.log"))
	d := harness.Launch(t, suite.Service("[global]\nerror_log = "+log.Path+"\n"+oneWorker+"catch_workers_output = yes\n", harness.Current()))
	log.Expect(`ready to handle connections`)
	d.Script("complain.sh", "#!/bin/sh\necho $QUERY_STRING >&2\nprintf 'Content-Type: text/plain\\n\\nok'")

	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	for range 10 { // more than what is left of the log's last page
		expectBody(t, d.Get("/complain.sh?"+strings.Repeat("x", 900)), "ok")
	}
	awaitLost(t, d, 1)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	expectBody(t, d.Get("/complain.sh?again"), "ok")
	log.Expect(`WARNING: \[pool www\] lines of this log were lost lines=\d+$`)
	text, err := os.ReadFile(log.Path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Count(line, "WARNING:") > 1 {
			t.Errorf("two lines in one: %.200q", line)
		}
	}
}

// lostByCommand is what the command says of the access log: other than the status
// page it is no request, which would have a line itself.
func lostByCommand(t *testing.T, d *harness.Daemon) int {
	t.Helper()
	var service struct {
		Pools []struct {
			Lost map[string]int `json:"log_drops"`
		} `json:"pools"`
	}
	text, _ := d.CLI("status", "--json", "--control", d.Control())
	if err := json.Unmarshal([]byte(text), &service); err != nil || len(service.Pools) != 1 {
		t.Fatalf("status: %v\n%s", err, text)
	}
	return service.Pools[0].Lost["access"]
}

// A named pipe that nobody reads holds up neither the start nor a request; a
// reader that comes finds the lines that were kept.
func TestLogsToPipeNobodyReads(t *testing.T) {
	t.Parallel()
	for _, as := range harness.Identities() {
		t.Run(as.Name, func(t *testing.T) {
			t.Parallel()
			box := harness.NewSandbox(t, as)
			fifo := filepath.Join(box.Logs, "access")
			if err := errors.Join(syscall.Mkfifo(fifo, 0o600), os.Chown(fifo, int(as.UID), int(as.GID))); err != nil {
				t.Fatal(err)
			}
			d := harness.Start(t, suite.Service(oneWorker+"access.log = "+fifo+"\naccess.format = %{QUERY_STRING}e\n", as))
			query := strings.Repeat("x", 4000) // a line is cut at 1024 bytes
			conn := d.Dial()
			ping := d.Request(harness.Request{Path: "/ping?" + query, KeepConn: true})
			const requests = 2500 // more than the pipe and the buffers take
			for range requests {
				conn.Send(ping.Bytes(1))
				if res := conn.Response(1); !strings.HasSuffix(string(res.Stdout), "pong") {
					t.Fatalf("got %q", res.Stdout)
				}
			}
			d.Log.Expect(`lines of the access log \S+ are lost: nobody takes the lines as fast as they come$`)
			reader, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			var kept, wrong atomic.Int64
			go func() {
				lines := bufio.NewScanner(reader)
				for lines.Scan() { // until it is closed
					kept.Add(1)
					if lines.Text() != query[:1024] {
						wrong.Add(1)
					}
				}
			}()
			var lost int
			harness.Eventually(t, harness.Patience, func() error {
				if lost = lostByCommand(t, d); lost+int(kept.Load()) != requests {
					return fmt.Errorf("%d lines are counted as lost and %d were read, of %d", lost, kept.Load(), requests)
				}
				return nil
			})
			if lost == 0 || lost >= requests || wrong.Load() > 0 {
				t.Errorf("%d of %d lines are lost and %d are wrong", lost, requests, wrong.Load())
			}
			d.ExpectWorks()
			if n := d.Log.Count(`lines of the \w+ log \S+ are lost`); n != 1 {
				t.Errorf("the loss is said %d times", n)
			}
		})
	}
}

// A removed directory loses the lines, counted and said once. USR1 that finds
// no directory harms nothing, and finds it when it is there again.
func TestLogsInRemovedDirectory(t *testing.T) {
	t.Parallel()
	for _, as := range harness.Identities() {
		t.Run(as.Name, func(t *testing.T) {
			t.Parallel()
			box := harness.NewSandbox(t, as)
			dir := filepath.Join(box.Logs, "www")
			logs := func() {
				if err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, int(as.UID), int(as.GID))); err != nil {
					t.Fatal(err)
				}
			}
			logs()
			d := harness.Start(t, suite.Service(oneWorker+"runner = python\nrunner.isolation = persistent\naccess.log = "+dir+"/access.log\naccess.format = \"%m %r\"\n", as))
			d.File("pid.py", "import os\nprint('Content-Type: text/plain\\n\\n%d' % os.getpid(), end='')\n")
			worker := func() string { return d.Get("/pid.py").Body }
			supervisor, before := d.Supervisor("www"), worker()
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				d.Get("/ping")
			}
			awaitLost(t, d, 3)
			d.Signal(syscall.SIGUSR1)
			d.Log.Expect(`error log file re-opened`)
			d.Log.Expect(`ERROR: \[pool www\] a log of the pool is not opened: cannot open ` + dir + `/access.log: No such file or directory \(2\)$`)
			if after := worker(); after != before {
				t.Errorf("the worker is %s, was %s", after, before)
			}
			if n := d.Log.Count(`lines of the access log \S+ are lost: the file was removed`); n != 1 {
				t.Errorf("the loss is said %d times", n)
			}

			logs()
			d.Signal(syscall.SIGUSR1)
			access := harness.Follow(t, filepath.Join(dir, "access.log"))
			harness.Eventually(t, harness.Patience, func() error { _, err := os.Stat(access.Path); return err })
			d.Get("/ping?again")
			access.Expect(`^GET /ping$`)
			if now, after := d.Supervisor("www"), worker(); now != supervisor || after != before {
				t.Errorf("the supervisor is %d, was %d; the worker is %s, was %s", now, supervisor, after, before)
			}
		})
	}
}

// hostile are parameters that no browser sends and somebody does.
var hostile = map[string]string{
	"quotes":   `/x"y'z`,
	"newlines": "/a\nGET /forged 200 www\r\n",
	"escapes":  "/\x1b[31m\\\x00\x7f%41",
	"no utf-8": "/\xff\xfe\xc3(\xed\xa0\x80",
	"markup":   "/</td></process><img>&amp;]]>",
	"long":     "/" + strings.Repeat("\xc3\xa9\"\n", 16<<10), // 64 KiB
}

// Whatever is in the URI, a request has one line in the access log, of text or
// of JSON, and every form of the status page stays whole.
func TestHostileURIs(t *testing.T) {
	const format = "access.format = \"%{QUERY_STRING}e|%q|%r|%f|%u|%{user_agent}o %s\"\n"
	conf := oneWorker + "access.log = {{LOG}}/text.log\n" + format +
		"[json]\npm = static\npm.max_children = 1\npm.status_path = /status\naccess.log = {{LOG}}/json.log\naccess.format = json\n"
	suite.Everybody(t, conf, func(t *testing.T, d *harness.Daemon) {
		text, lines := harness.Follow(t, d.Logs+"/text.log"), harness.Follow(t, d.Logs+"/json.log")
		n := 0
		for name, uri := range hostile {
			for _, pool := range []string{"www", "json"} {
				d.Do(harness.Request{Method: "GET" + uri[:4], Path: "/works.sh", Params: map[string]string{
					"SCRIPT_NAME": uri, "QUERY_STRING": uri, "SCRIPT_FILENAME": d.WWW + "/works.sh", "HTTP_AUTHORIZATION": "Digest username=\"" + uri,
				}}, pool)
				for _, query := range []string{"", "html&", "xml&", "json&", "openmetrics&"} {
					res := d.Get("/status?"+query+"full&anyfpm", pool)
					if res.Status != 200 || !utf8.ValidString(res.Body) || query == "" && strings.Contains(res.Body, "\nGET /forged") {
						t.Errorf("%s: the status page is %d %q", name, res.Status, res.Body)
					}
					if (query == "html&" || query == "xml&") && strings.Contains(res.Body, "<img>") {
						t.Errorf("%s: markup gets through: %q", name, res.Body)
					}
					if query == "json&" && !json.Valid([]byte(res.Body)) {
						t.Errorf("%s: no JSON: %q", name, res.Body)
					}
				}
			}
			n += 1 + 5
		}
		complete := func(l *harness.Log) func() error {
			return func() error {
				if got := l.Count(""); got != n {
					return fmt.Errorf("%s has %d lines, want %d", l.Path, got, n)
				}
				return nil
			}
		}
		harness.Eventually(t, harness.Patience, complete(text))
		harness.Eventually(t, harness.Patience, complete(lines))
		for _, line := range text.Lines() {
			if len(line) > 1024 || !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("the access log has the line %q", line)
			}
		}
		for _, line := range lines.Lines() {
			var record struct {
				Status int `json:"status"`
			}
			if err := json.Unmarshal([]byte(line), &record); err != nil || record.Status != 200 || !utf8.ValidString(line) || len(line) > 16<<10 {
				t.Errorf("the access log has the line %q, %v", line, err)
			}
		}
	})
}
