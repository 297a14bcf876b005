//go:build integration

package scenario

import (
	"regexp"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// The status page has php-fpm's fields in php-fpm's order, in text and JSON,
// with php-fpm's types.
func TestStatusPage(t *testing.T) {
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		d.ExpectWorks()
		text := d.Get("/status")
		if got := text.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
			t.Errorf("the text form is %s", got)
		}
		var fields []string
		for line := range strings.Lines(text.Body) {
			name, _, _ := strings.Cut(line, ":")
			fields = append(fields, name)
		}
		want := "pool|process manager|start time|start since|accepted conn|listen queue|max listen queue|listen queue len|" +
			"idle processes|active processes|total processes|max active processes|max children reached|slow requests"
		if got := strings.Join(fields, "|"); !strings.HasPrefix(got, want) {
			t.Errorf("fields are %s, want first %s", got, want)
		}
		if s := d.Status(); s.Pool != "www" || s.ProcessManager != "static" || s.AcceptedConn < 3 {
			t.Errorf("status is %+v", s)
		}
		head := d.Do(harness.Request{Method: "HEAD", Path: "/status"})
		if head.Status != 200 || head.Body != "" {
			t.Errorf("HEAD got %d %q", head.Status, head.Body)
		}
	})
}

// Ping answers with what it was told to.
func TestPing(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, oneWorker+"ping.response = here\n")
	if res := d.Get("/ping"); res.Body != "here" || res.Status != 200 {
		t.Errorf("got %d %q", res.Status, res.Body)
	}
}

// Status and ping answer at once while every worker is busy and the queue is
// full, and while a client of each kind is slow.
func TestStatusUnderSaturation(t *testing.T) {
	suite.Everybody(t, oneWorker+"queue.max_length = 3\nqueue.timeout = 1h\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		var held []<-chan harness.Outcome
		for range 4 {
			held = append(held, d.Go(harness.Request{Path: "/hold.sh"}))
		}
		d.AwaitStatus("a full queue", func(s harness.Status) bool { return s.ListenQueue == 3 })
		expectBusy(t, d.Get("/works.sh"))
		for _, path := range []string{"/status", "/status?json", "/status?json&full", "/ping"} {
			if res := d.Get(path); res.Status != 200 { // while the gate is closed
				t.Errorf("%s got %d", path, res.Status)
			}
		}
		s := d.Status()
		running := 0
		for _, p := range s.Processes {
			if p.State == "Running" && p.URI == "/hold.sh" {
				running++
			}
		}
		if running != 1 {
			t.Errorf("the status page shows %d running, want 1: %+v", running, s.Processes)
		}
		gate.Open(4)
		for _, h := range held {
			<-h
		}
	})
}

// anyfpm status shows every pool over the control socket.
func TestStatusCommand(t *testing.T) {
	suite.Everybody(t, "[blue]\npm = static\npm.max_children = 1\n[green]\npm = ondemand\npm.max_children = 7\n", func(t *testing.T, d *harness.Daemon) {
		out, code := d.CLI("status", "-y", d.Conf)
		if code != 0 {
			t.Errorf("exit code %d", code)
		}
		for _, pool := range []string{"blue", "green"} {
			if !regexp.MustCompile(`(?m)\b` + pool + `\b`).MatchString(out) {
				t.Errorf("no pool %s in\n%s", pool, out)
			}
		}
	})
}

// The access log has php-fpm's format, a line for each finished request.
func TestAccessLog(t *testing.T) {
	suite.Everybody(t, oneWorker+"access.log = {{LOG}}/access.log\naccess.format = \"%m %r%Q%q %s %n\"\naccess.suppress_path[] = /ping\n", func(t *testing.T, d *harness.Daemon) {
		d.Script("teapot.sh", "#!/bin/sh\nprintf 'Status: 418 Teapot\\n\\n'")
		d.Get("/works.sh?a=1")
		d.Get("/ping")
		d.Get("/status")
		d.Get("/teapot.sh")
		d.Get("/missing.sh")
		// A line is written when the process is gone, which need not be in the
		// order of the requests.
		for _, line := range []string{`/works.sh\?a=1 200`, `/status 200`, `/teapot.sh 418`, `/missing.sh 404`} {
			harness.Follow(t, d.Logs+"/access.log").Expect(`^GET ` + line + ` www$`)
		}
		harness.Follow(t, d.Logs+"/access.log").Reject("ping")
	})
}
