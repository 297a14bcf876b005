//go:build integration

package workers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// program starts a pool of the FastCGI program, which behaves unless asked not
// to.
func program(t *testing.T, conf string) *harness.Daemon {
	t.Helper()
	box := harness.NewSandbox(t, harness.Current())
	path := box.Script("program", badFastCGI)
	d := suite.Start(t, "[www]\npm = static\npm.status_path = /status\nrunner = fastcgi\nrunner.command = "+path+"\n"+
		strings.ReplaceAll(conf, "PROGRAM", path))
	d.File("x", "")
	return d
}

// A program that serves several connections at once gets as many requests as
// runner.concurrency says, and no more: the next one waits.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	d := program(t, "pm.max_children = 1\nrunner.concurrency = 3\nenv[THREADS] = 1\nenv[GO] = {{WWW}}/go\n")
	worker := pid(t, d.Get("/x"))
	var held []<-chan harness.Outcome
	for range 4 {
		held = append(held, d.Go(harness.Request{Path: "/x?mode=hold;"}))
	}
	awaitQueue(t, d, 1)
	d.File("go", "")
	for _, h := range held {
		if out := <-h; out.Err != nil || pid(t, out.Response) != worker {
			t.Errorf("got %q, %v, want worker %d", out.Body, out.Err, worker)
		}
	}
	d.AwaitStatus("one idle worker", idle(1))
}

// A client that breaks off its upload, leaves, or aborts its request ends that
// request and none of the others that its worker serves; its place is free.
func TestConcurrentClientLeaves(t *testing.T) {
	for name, leave := range map[string]func(c *harness.Conn){
		"upload": func(c *harness.Conn) {
			c.Send(harness.Stream(harness.Stdin, 1, []byte("part")))
			_ = c.Close()
		},
		"close": func(c *harness.Conn) {
			c.Send(harness.Stream(harness.Stdin, 1, nil))
			_ = c.Close()
		},
		"abort": func(c *harness.Conn) {
			c.Send(harness.Record{Type: harness.AbortRequest, ID: 1}.Bytes())
			c.Rest(1) // up to END_REQUEST
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := program(t, "pm.max_children = 1\nrunner.concurrency = 3\nrequest_body.streaming = yes\non_client_abort = terminate\n"+
				"env[THREADS] = 1\nenv[GO] = {{WWW}}/go\n")
			worker := pid(t, d.Get("/x"))
			hold := harness.Request{Path: "/x?mode=hold;", KeepConn: true}
			leaver := d.Dial()
			leaver.Send(d.Request(hold).Head(1))
			var held []<-chan harness.Outcome
			for range 3 {
				held = append(held, d.Go(hold))
			}
			awaitQueue(t, d, 1)
			leave(leaver)
			awaitQueue(t, d, 0)
			d.File("go", "")
			for _, h := range held {
				if out := <-h; out.Err != nil || pid(t, out.Response) != worker {
					t.Errorf("got %q, %v, want worker %d", out.Body, out.Err, worker)
				}
			}
			d.AwaitStatus("one idle worker", idle(1))
		})
	}
}

// awaitQueue waits until so many requests wait for a worker.
func awaitQueue(t *testing.T, d *harness.Daemon, n int) {
	t.Helper()
	harness.Eventually(t, harness.Patience, func() error {
		text, _ := d.CLI("status", "--json", "--control", d.Control())
		if !strings.Contains(text, fmt.Sprintf(`"queue": %d`, n)) {
			return fmt.Errorf("not %d requests wait: %s", n, text)
		}
		return nil
	})
}

// The sockets of workers can be reached by the pool's user alone, and lie in a
// directory that goes with the service.
func TestPrivateSockets(t *testing.T) {
	t.Parallel()
	as := harness.Current()
	d := program(t, "pm.max_children = 2\nenv[FCGI_WEB_SERVER_ADDRS] = 127.0.0.1\n")
	pid(t, d.Get("/x"))
	dirs, err := filepath.Glob(filepath.Join(d.Tmp, "anyfpm-*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("directories of sockets: %v, %v", dirs, err)
	}
	info, err := os.Stat(dirs[0])
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("%v, %v, want a directory of mode 0700", info.Mode(), err)
	}
	uid, _ := as.Workers()
	if owner := ownerOf(info); owner != uid {
		t.Errorf("it belongs to user %d, want %d", owner, uid)
	}
	if sockets, err := filepath.Glob(dirs[0] + "/*.sock"); err != nil || len(sockets) != 2 {
		t.Errorf("sockets: %v, %v", sockets, err)
	}
}

// A program that does not heed being asked to leave is killed after a while, also
// when the service stops gracefully.
func TestStubbornProgram(t *testing.T) {
	t.Parallel()
	d := program(t, "pm.max_children = 1\nrunner.command = '/bin/sh -c \"trap : TERM; while :; do sleep 1000; done\"'\n")
	d.Stop()
	d.Log.Expect("exiting, bye-bye!")
}
