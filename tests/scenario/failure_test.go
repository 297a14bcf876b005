//go:build integration

package scenario

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// Whatever is wrong with a script, its client gets a defined answer, the web
// server or the log one line that says what happened, and the next request
// works.
func TestBrokenScripts(t *testing.T) {
	const header = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"
	cases := []struct {
		name string
		make func(t *testing.T, d *harness.Daemon) // makes /broken
		want int
		log  string
	}{
		{"not executable", func(_ *testing.T, d *harness.Daemon) {
			d.File("broken", header)
		}, 502, `broken.*[Pp]ermission denied`},
		{"missing interpreter", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "#!/no/such/interpreter\n")
		}, 502, `broken.*[Nn]o such file`},
		{"exec format", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "no first line that says how to run it\n")
		}, 502, `broken.*[Ee]xec format error`},
		{"empty file", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "")
		}, 502, `broken.*[Ee]xec format error`},
		{"directory", func(t *testing.T, d *harness.Daemon) {
			makeDirectory(t, filepath.Join(d.WWW, "broken"))
		}, 404, `broken.*directory`},
		{"dangling link", func(t *testing.T, d *harness.Daemon) {
			link(t, "/no/such/file", filepath.Join(d.WWW, "broken"))
		}, 404, `Primary script unknown`},
		{"link to itself", func(t *testing.T, d *harness.Daemon) {
			link(t, "broken", filepath.Join(d.WWW, "broken"))
		}, 404, `Primary script unknown`},
		{"missing", func(*testing.T, *harness.Daemon) {
		}, 404, `Primary script unknown`},
		{"socket", func(t *testing.T, d *harness.Daemon) {
			link(t, d.Address(), filepath.Join(d.WWW, "broken"))
		}, 404, `Primary script unknown`},
		{"exit without a header", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "#!/bin/sh\nexit 3\n")
		}, 502, `exited with code 3.*broken`},
		{"death without a header", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "#!/bin/sh\nkill -SEGV $$\n")
		}, 502, `exited on signal 11 \(SIGSEGV.*broken`},
		{"last words before death", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "#!/bin/sh\necho 'no such table: users' >&2\nexit 1\n")
		}, 502, `exited with code 1.*no such table: users`},
		{"closed stdout without a header", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "#!/bin/sh\nexec >&-\nexit 0\n")
		}, 502, `broken.*header`},
		{"half a header", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "#!/bin/sh\nprintf 'Content-Type: text/pl'\n")
		}, 502, `broken.*header`},
		{"text instead of a header", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "#!/bin/sh\necho hello\necho world\n")
		}, 502, `broken`},
		{"NUL in the header", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "#!/bin/sh\nprintf 'Content-Type: text/plain\\nX-Nul: a\\000b\\n\\nbody'\n")
		}, 502, `broken`},
		{"header of 1 MB", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "#!/bin/sh\nprintf 'X-Large: '\nhead -c 1000000 /dev/zero | tr '\\0' x\nprintf '\\n\\nbody'\n")
		}, 502, `broken`},
		{"header without an end", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "#!/bin/sh\nexec yes 'X-More: and more'\n")
		}, 502, `broken`},
		{"bad Status", func(_ *testing.T, d *harness.Daemon) {
			d.Script("broken", "#!/bin/sh\nprintf 'Status: many\\nContent-Type: text/plain\\n\\n'\n")
		}, 502, `broken`},
	}
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 2\n", func(t *testing.T, d *harness.Daemon) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				d := d.For(t)
				path := filepath.Join(d.WWW, "broken")
				c.make(t, d)
				defer os.RemoveAll(path)
				before := d.Log.Count("/broken")
				res := d.Get("/broken")
				if res.Status != c.want {
					t.Errorf("status %d, want %d; body %q, stderr %q", res.Status, c.want, res.Body, res.Stderr)
				}
				if !regexp.MustCompile(c.log).Match(res.Stderr) {
					d.Log.Expect(c.log)
				}
				d.ExpectWorks()
				if lines := d.Log.Count("/broken") - before; lines > 1 {
					t.Errorf("%d lines of the log are about it, want one:\n%s", lines, strings.Join(d.Log.Lines(), "\n"))
				}
			})
		}
	})
}

// A request that names no script, or one outside of what a name can be, is
// answered and not executed.
func TestUnusableScriptNames(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, "[www]\npm = static\npm.max_children = 1\n")
	for name, params := range map[string]map[string]string{
		"no name at all": {"SCRIPT_FILENAME": "-", "SCRIPT_NAME": "-", "DOCUMENT_ROOT": "-"},
		"empty name":     {"SCRIPT_FILENAME": "", "SCRIPT_NAME": ""},
		"two dots":       {"SCRIPT_FILENAME": d.WWW + "/../www/works.sh"},
		"NUL":            {"SCRIPT_FILENAME": d.WWW + "/works.sh\x00.txt"},
		"too long":       {"SCRIPT_FILENAME": d.WWW + strings.Repeat("/x", 5000)},
	} {
		t.Run(name, func(t *testing.T) {
			d := d.For(t)
			res := d.Do(harness.Request{Path: "/works.sh", Params: params})
			if res.Status != 404 {
				t.Errorf("status %d, want 404; body %q", res.Status, res.Body)
			}
			d.ExpectWorks()
		})
	}
}

// A pool outlives the removal of its temporary files. Where php_admin_value would
// not be binding any more no worker starts before a reload.
func TestTemporaryFilesRemoved(t *testing.T) {
	const pool = "pm = static\npm.max_children = 1\npm.status_path = /status\nrunner = php\n"
	suite.Everybody(t, "[www]\n"+pool+"[bound]\n"+pool+"php_admin_value[memory_limit] = 99M\n", func(t *testing.T, d *harness.Daemon) {
		d.File("limit.php", "<?php ini_set('memory_limit', '77M'); echo ini_get('memory_limit');")
		expect := func(pool, body string) {
			t.Helper()
			if res := d.Get("/limit.php", pool); res.Body != body {
				t.Errorf("pool %s: got %d %q, stderr %q, want %s", pool, res.Status, res.Body, res.Stderr, body)
			}
		}
		expect("bound", "99M")
		worker := func(s harness.Status) bool { return len(s.Processes) == 1 && s.Processes[0].State == "Idle" }
		var workers []int
		for _, name := range []string{"www", "bound"} {
			workers = append(workers, d.AwaitStatus("a worker", worker, name).Processes[0].PID)
		}
		left, err := filepath.Glob(filepath.Join(d.Tmp, "anyfpm-*"))
		if err != nil || len(left) != 3 {
			t.Fatalf("temporary files: %q, %v", left, err)
		}
		for _, dir := range left {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
		for _, pid := range workers {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		d.Log.Expect(`pool www\] the directory of the workers' sockets was removed`)
		expect("www", "77M")
		d.Log.Expect(`pool bound\] cannot start worker: php_admin_value would not be binding`)
		if out, code := d.CLI("reload", "--control", d.Control()); code != 0 {
			t.Fatalf("reload ended with %d: %s", code, out)
		}
		expect("bound", "99M")
		expect("www", "77M")
	})
}

// A pool that finds no place for its workers' sockets answers, and serves when
// there is one.
func TestNoDirectoryForTemporaryFiles(t *testing.T) {
	suite.Everybody(t, "[www]\npm = ondemand\npm.max_children = 1\nrunner = php\n", func(t *testing.T, d *harness.Daemon) {
		d.File("works.php", "works")
		info, err := os.Stat(d.Tmp)
		if err == nil {
			err = os.Chmod(d.Tmp, 0o555)
		}
		if err != nil {
			t.Fatal(err)
		}
		if res := d.Get("/works.php"); res.Status != 503 {
			t.Errorf("got %d %q without a place, want 503", res.Status, res.Body)
		}
		d.Log.Expect(`pool www\] workers do not start.* reason="cannot make a directory for the workers' sockets`)
		if err := os.Chmod(d.Tmp, info.Mode()); err != nil {
			t.Fatal(err)
		}
		d.Log.Expect(`pool www\] workers start again, the pool serves`)
		if res := d.Get("/works.php"); res.Body != "works" {
			t.Errorf("got %d %q", res.Status, res.Body)
		}
	})
}

// A script that vanishes between two requests is missed, and served again
// when it is back; one deleted while it runs ends as it would have.
func TestDeletedScript(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		path := filepath.Join(d.WWW, "hold.sh")
		running := d.Go(harness.Request{Path: "/hold.sh"})
		gate.Await(d.AwaitProcesses("hold.sh", 1)[0].PID) // it has read itself by then
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		gate.Open(1)
		if out := <-running; out.Err != nil || out.Body != "held" {
			t.Errorf("the running one got %q, %v", out.Body, out.Err)
		}
		if res := d.Get("/hold.sh"); res.Status != 404 {
			t.Errorf("deleted: status %d, want 404", res.Status)
		}
		d.Script("hold.sh", string(text))
		gate.Open(1)
		if res := d.Get("/hold.sh"); res.Body != "held" {
			t.Errorf("back again: got %d %q", res.Status, res.Body)
		}
	})
}

// 100 MB on stderr neither stop the script, nor fill memory, nor harm the
// response.
func TestMuchStderr(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, "[www]\npm = static\npm.max_children = 1\n")
	d.Script("noisy.sh", "#!/bin/sh\nyes 'a line of stderr that nobody will ever read to its end' | head -c 100000000 >&2\nprintf 'Content-Type: text/plain\\n\\ndone'\n")
	c := d.Dial()
	c.Send(d.Request(harness.Request{Path: "/noisy.sh"}).Bytes(1))
	var body []byte
	for {
		rec := c.Read()
		if rec.Type == harness.EndRequest {
			break
		}
		if rec.Type == harness.Stdout {
			body = append(body, rec.Content...)
		}
	}
	if !strings.HasSuffix(string(body), "done") {
		t.Errorf("got %q", body)
	}
	d.ExpectPeakBelow(d.Supervisor("www"), 32)
	d.ExpectWorks()
}

func makeDirectory(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}
