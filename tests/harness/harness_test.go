package harness_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A service that does everything right passes, as every identity, and its
// answers come through.
func TestGoodService(t *testing.T) {
	t.Parallel()
	for _, as := range harness.Identities() {
		t.Run(as.Name, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t, fake(t, as, ""))
			d.Script("id.sh", "#!/bin/sh\nprintf 'Status: 201 Made\\n\\n'; id -u; cat")
			res := d.Do(harness.Request{Path: "/id.sh", Body: []byte("body")})
			if want := strconv.Itoa(int(as.UID)) + "\nbody"; res.Status != 201 || res.Body != want {
				t.Errorf("got %d %q, want 201 %q", res.Status, res.Body, want)
			}
			d.ExpectWorks()
			d.Signal(syscall.SIGQUIT)
			d.Log.Expect("exiting, bye-bye!")
		})
	}
}

// What a service leaves behind or logs fails its test.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	for fault, complaint := range map[string]string{
		"process":     "sleep 60",
		"file":        "anyfpm.pid",
		"temporary":   "/tmp/body",
		"panic":       "panic: runtime error",
		"descriptors": "descriptors open",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			service := fake(t, harness.Current(), fault)
			err := harness.Session(t.Name(), io.Discard, func(t harness.T) {
				harness.Start(t, service).ExpectWorks()
			})
			if err == nil || !strings.Contains(err.Error(), complaint) {
				t.Errorf("got %v, want a complaint about %q", err, complaint)
			}
		})
	}
}

// A keeper kills what a service left, and a second release is harmless.
func TestRelease(t *testing.T) {
	t.Parallel()
	p := harness.Run(t, harness.Command{Args: []string{"/bin/sh", "-c", "setsid sleep 60 & sleep 60"}, As: harness.Current()})
	harness.Eventually(t, harness.Patience, func() error {
		if family := p.Find("sleep 60"); len(family) != 2 {
			return fmt.Errorf("family is %v", family)
		}
		return nil
	})
	family := p.Family()
	p.Release()
	p.Release()
	for _, left := range append(family, harness.Proc{PID: p.PID}) {
		if harness.Alive(left.PID) {
			t.Errorf("process %v is still there", left)
		}
	}
}

// A log is followed through a rotation and keeps the order of expectations.
func TestLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	write := func(text string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	log := harness.Follow(t, path)
	write("one\ntwo\nthr")
	log.Expect("^one$")
	write("ee\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write("four\n")
	if got := log.Expect("^(t)(.*)$"); got[2] != "wo" {
		t.Errorf("got %q, want two", got)
	}
	log.Expect("^three$")
	log.Expect("^four$")
	if n := log.Count("^t"); n != 2 {
		t.Errorf("counted %d lines, want 2", n)
	}
}

// Values survive the way over the wire with lengths of both forms.
func TestLongValue(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, fake(t, harness.Current(), ""))
	d.Script("query.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\n\n%s' \"$QUERY_STRING\"")
	for _, size := range []int{1, 127, 128, 70000} {
		query := strings.Repeat("v", size)
		if res := d.Get("/query.sh?" + query); res.Body != query {
			t.Errorf("got %d bytes, want %d", len(res.Body), size)
		}
	}
}
