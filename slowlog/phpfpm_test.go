package slowlog

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// slowScript is slow in every kind of frame php-fpm has a word for.
const slowScript = `<?php
class Repo {
  static function find($id) {
    return (function ($id) {
      sleep(600);
    })($id);
  }
}
function handler($x) {
  return array_map('Repo::find', $x);
}
eval('
handler([1]);');
`

// php-fpm itself writes a slow log about a worker that we look at as well:
// the two entries are the same but for the time.
func TestSameAsPHPFPM(t *testing.T) {
	fpm := phpFPM(t)
	dir := t.TempDir()
	slow, socket := filepath.Join(dir, "slow.log"), filepath.Join(dir, "fpm.sock")
	script := filepath.Join(dir, "slow.php")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(script, slowScript)
	write(filepath.Join(dir, "fpm.conf"), fmt.Sprintf(`[global]
error_log = %s
daemonize = no
[www]
listen = %s
pm = static
pm.max_children = 1
slowlog = %s
request_slowlog_timeout = 1s
`, filepath.Join(dir, "error.log"), socket, slow))
	cmd := exec.Command(fpm, "-n", "-R", "-F", "-y", filepath.Join(dir, "fpm.conf"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its worker, too
		cmd.Wait()
	})
	var conn net.Conn
	eventually(t, "php-fpm listens", func() (ok bool) {
		var err error
		conn, err = net.Dial("unix", socket)
		return err == nil
	})
	defer conn.Close()
	if _, err := conn.Write(request(script)); err != nil {
		t.Fatal(err)
	}
	var want string
	eventually(t, "php-fpm has written its slow log", func() bool {
		b, _ := os.ReadFile(slow)
		want = string(b)
		return strings.Count(want, "[0x") > 4 && strings.HasSuffix(want, "\n")
	})
	pid, err := strconv.Atoi(regexp.MustCompile(`pid (\d+)`).FindStringSubmatch(want)[1])
	if err != nil {
		t.Fatal(err)
	}
	target, err := Open(pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := &Event{Pool: "www", Script: script, Report: target.Report(context.Background())}
	got := string(AppendPHPFPM(nil, e, 20))
	time := regexp.MustCompile(`(?m)^\[\d\d-\w{3}-\d{4} \d\d:\d\d:\d\d\]`)
	if !time.MatchString(got) || time.ReplaceAllString(got, "[time]") != time.ReplaceAllString(want, "[time]") {
		t.Errorf("got:\n%s\nphp-fpm wrote:\n%s", got, want)
	}
	if note := e.Report.Stacks[0].Note; note != "GET /slow.php, script_filename = "+script {
		t.Errorf("note %q", note)
	}
	if kinds := e.Report.Stacks[0].Frames; kinds[len(kinds)-1].Kind != stack.Main {
		t.Error("the outermost frame is not the script")
	}
}

// phpFPM finds the php-fpm of the distribution.
func phpFPM(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/sbin/php-fpm[0-9].[0-9]")
	if len(found) == 0 {
		t.Fatal("no php-fpm: apt-get install php-fpm")
	}
	return found[len(found)-1]
}

// request is a FastCGI request for a script.
func request(script string) []byte {
	var params []byte
	for _, p := range [][2]string{
		{"SCRIPT_FILENAME", script}, {"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/slow?x=1"}, {"SCRIPT_NAME", "/slow.php"},
	} {
		params = fcgi.AppendPair(params, p[0], p[1])
	}
	b := fcgi.AppendBegin(nil, 1, fcgi.RoleResponder, 0)
	b = fcgi.AppendStream(b, fcgi.TypeParams, 1, params)
	b = fcgi.AppendStreamEnd(b, fcgi.TypeParams, 1)
	return fcgi.AppendStreamEnd(b, fcgi.TypeStdin, 1)
}
