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

// slowScripts are slow in every kind of frame php-fpm has a word for.
var slowScripts = map[string]string{
	"calls": `<?php
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
`,
	"include": "<?php\ninclude __DIR__ . '/main.php';\n",
	"main":    "<?php\nwhile (true);\n",
}

// php-fpm itself writes a slow log about workers that we look at as well: its
// entries and ours are the same but for the time and our further lines.
func TestSameAsPHPFPM(t *testing.T) {
	fpm := phpFPM(t)
	dir := t.TempDir()
	slow, socket := filepath.Join(dir, "slow.log"), filepath.Join(dir, "fpm.sock")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("fpm.conf", fmt.Sprintf(`[global]
error_log = %s
daemonize = no
[www]
listen = %s
pm = static
pm.max_children = %d
slowlog = %s
request_slowlog_timeout = 1s
`, filepath.Join(dir, "error.log"), socket, len(slowScripts), slow))
	cmd := exec.Command(fpm, "-n", "-R", "-F", "-y", filepath.Join(dir, "fpm.conf"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its workers, too
		cmd.Wait()
	})
	for name, text := range slowScripts {
		write(name+".php", text)
	}
	for name := range slowScripts {
		var conn net.Conn
		eventually(t, "php-fpm listens", func() bool {
			var err error
			conn, err = net.Dial("unix", socket)
			return err == nil
		})
		defer conn.Close()
		if _, err := conn.Write(request(filepath.Join(dir, name+".php"))); err != nil {
			t.Fatal(err)
		}
	}
	for name := range slowScripts {
		script := filepath.Join(dir, name+".php")
		entry := regexp.MustCompile(`\n\[[^]]+\](  \[pool www\] pid (\d+)\nscript_filename = ` + regexp.QuoteMeta(script) + `\n(?:\[0x.*\n)*)\z`)
		var want []string
		eventually(t, "php-fpm has written its slow log", func() bool {
			b, _ := os.ReadFile(slow)
			for _, text := range strings.SplitAfter(string(b), "\n\n") {
				text = "\n" + strings.Trim(text, "\n") + "\n"
				if want = entry.FindStringSubmatch(text); want != nil {
					return name != "calls" || strings.Count(text, "[0x") > 5 // it writes frame by frame
				}
			}
			return false
		})
		pid, err := strconv.Atoi(want[2])
		if err != nil {
			t.Fatal(err)
		}
		target, err := Open(pid, Options{})
		if err != nil {
			t.Fatal(err)
		}
		e := &Event{Pool: "www", Script: script, Report: target.Report(context.Background())}
		all := string(AppendPHPFPM(nil, e, 20))
		theirs := regexp.MustCompile(`(?m)^# .*\n`).ReplaceAllString(all, "")
		if got := entry.FindStringSubmatch(theirs); got == nil || got[1] != want[1] {
			t.Errorf("got:\n%s\nphp-fpm wrote:\n%s", all, want[0])
		}
		if note := e.Report.Stacks[0].Note; !strings.HasPrefix(note, "GET /slow.php, script_filename = "+script) {
			t.Errorf("note %q", note)
		}
		if frames := e.Report.Stacks[0].Frames; frames[len(frames)-1].Kind != stack.Main {
			t.Error("the outermost frame is not the script")
		}
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
