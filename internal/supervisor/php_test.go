package supervisor

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/phpini"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/runner"
)

// phpPool is a pool of php-cgi.
func phpPool() *config.Pool {
	cfg := defaults()
	cfg.Runner, cfg.MaxChildren = config.RunnerPHP, 1
	cfg.LimitExtensions = []string{".php"}
	return cfg
}

// startPHP starts a pool that is ready.
func startPHP(t *testing.T, cfg *config.Pool) *rig {
	t.Helper()
	g := start(t, cfg)
	g.ready()
	return g
}

// useINI has php read text as its only php.ini.
func useINI(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "php.ini"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PHPRC", dir)
	t.Setenv("PHP_INI_SCAN_DIR", dir+"/none")
}

func TestPHPRefusals(t *testing.T) {
	useINI(t, "expose_php=On\n")
	g := startPHP(t, phpPool())
	text := g.plain("x.txt", "")
	version := regexp.MustCompile(`X-Powered-By: PHP/\d[^\r]*\r\n`)
	for _, test := range []struct {
		name           string
		params         []string
		stdout, stderr string
	}{
		{"missing", params(g.dir + "/none.php"),
			"Status: 404 Not Found\r\nX-Powered-By\r\nContent-type: text/html; charset=UTF-8\r\n\r\nFile not found.\n", "Primary script unknown"},
		{"no script", []string{"REQUEST_METHOD", "GET", "SCRIPT_NAME", "/x"},
			"Status: 404 Not Found\r\nX-Powered-By\r\nContent-type: text/html; charset=UTF-8\r\n\r\nFile not found.\n", "Primary script unknown"},
		{"extension", params(text),
			"Status: 403 Forbidden\r\nX-Powered-By\r\nContent-type: text/html; charset=UTF-8\r\n\r\nAccess denied.\n",
			"Access to the script '" + text + "' has been denied (see security.limit_extensions)"},
		{"no method", []string{"SCRIPT_FILENAME", text},
			"X-Powered-By\r\nContent-type: text/html; charset=UTF-8\r\n\r\n", ""},
		{"ping", params(text, "SCRIPT_NAME", "/ping"),
			"X-Powered-By\r\nContent-type: text/plain;charset=UTF-8\r\nExpires: Thu, 01 Jan 1970 00:00:00 GMT\r\nCache-Control: no-cache, no-store, must-revalidate, max-age=0\r\n\r\npong", ""},
	} {
		got := g.get(test.params, "")
		if stdout := version.ReplaceAllString(got.stdout, "X-Powered-By\r\n"); stdout != test.stdout || got.stderr != test.stderr {
			t.Errorf("%s: got %q and %q", test.name, stdout, got.stderr)
		}
	}
	if log := g.log.String(); !strings.Contains(log, `said into stderr: NOTICE: (null)(), line 0: Access to the script '`) {
		t.Errorf("the refusal is not logged as a worker's line:\n%s", log)
	}
}

// What php.ini has run before and after each script is not part of php-cgi's
// answer about itself.
func TestPHPSettingsBesidePrependedScripts(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/loud.php", []byte("<?php echo 'loud'; exit;"), 0o644); err != nil {
		t.Fatal(err)
	}
	useINI(t, "expose_php=On\nauto_prepend_file="+dir+"/loud.php\nauto_append_file="+dir+"/loud.php\n")
	g := startPHP(t, phpPool())
	if got := g.get(params(g.dir+"/none.php"), ""); !strings.Contains(got.stdout, "X-Powered-By: PHP/") {
		t.Errorf("got %q; log:\n%s", got.stdout, g.log)
	}
}

// php-fpm leaves out the ends of its streams, and its appStatus is always 0.
func TestPHPRecords(t *testing.T) {
	g := startPHP(t, phpPool())
	c := g.dial()
	if _, err := c.Write(encode(7, 0, params(g.plain("x.php", "<?php header_remove(); echo 1; exit(3);")), "")); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	want := fcgi.AppendStream(nil, fcgi.TypeStdout, 7, []byte("Content-type: text/html; charset=UTF-8\r\n\r\n1"))
	want = fcgi.AppendEnd(want, 7, 0, fcgi.StatusRequestComplete)
	if !bytes.Equal(raw, want) {
		t.Errorf("got  %q\nwant %q", raw, want)
	}
}

func TestPHPDoesNotMultiplex(t *testing.T) {
	g := startPHP(t, phpPool())
	script := params(g.plain("x.php", "<?php echo 'done';"))
	c := g.dial()
	query := fcgi.AppendPair(nil, "FCGI_MPXS_CONNS", "")
	query = fcgi.AppendPair(query, "FCGI_MAX_CONNS", "")
	out := fcgi.AppendRecord(nil, fcgi.TypeGetValues, 0, query)
	out = append(out, encode(1, fcgi.FlagKeepConn, script, "")...)
	out = append(out, encode(2, 0, script, "")...)
	if _, err := c.Write(out); err != nil {
		t.Fatal(err)
	}
	_ = c.(interface{ CloseWrite() error }).CloseWrite()
	raw, _ := io.ReadAll(c)
	values := fcgi.AppendRecord(nil, fcgi.TypeGetValuesResult, 0, fcgi.AppendPair(nil, "FCGI_MPXS_CONNS", "0"))
	if !bytes.HasPrefix(raw, values) {
		t.Errorf("FCGI_GET_VALUES is answered %q", raw)
	}
	if end := decode(t, raw)[2].end; end == nil || end.Status != fcgi.StatusCantMultiplex {
		t.Errorf("the second request on the connection ends with %v", end)
	}
}

// What PHP says on FCGI_STDERR is one line for the web server and a message
// each for the log; what a script prints on stderr is for the log alone.
func TestPHPMessages(t *testing.T) {
	g := startPHP(t, phpPool())
	script := g.plain("x.php", `<?php
		error_log("one");
		file_put_contents("php://stderr", "raw");
		error_log("two");
		function f() { throw new Exception("three"); }
		f();`)
	got := g.get(params(script), "")
	want := "PHP message: one; PHP message: two; PHP message: PHP Fatal error:  Uncaught Exception: three in " + script + ":5\n" +
		"Stack trace:\n#0 " + script + "(6): f()\n#1 {main}\n  thrown in " + script + " on line 5"
	if got.stderr != want {
		t.Errorf("got stderr %q\nwant       %q", got.stderr, want)
	}
	for _, line := range []string{"NOTICE: (null)(), line 0: PHP message: one", "raw", "#1 {main}"} {
		if log := g.log.String(); !strings.Contains(log, `said into stderr: `+line+`"`) {
			t.Errorf("the log does not have %q:\n%s", line, log)
		}
	}
}

// What a worker says before php-fpm would have read it waits for the line that
// the service is ready, but no longer than for the first request.
func TestPHPLinesWaitForTheFirstRequest(t *testing.T) {
	g := startPHP(t, phpPool())
	g.on(func(s *Supervisor) {
		s.compat.holding = true
		s.workerSaid(1, onStderr, []byte("early"))
	})
	if log := g.log.String(); strings.Contains(log, "early") {
		t.Errorf("the line did not wait:\n%s", log)
	}
	g.get(params(g.plain("x.php", `<?php file_put_contents("php://stderr", "late");`)), "")
	log := g.log.String()
	early, late := strings.Index(log, `early`), strings.Index(log, `late`)
	if early < 0 || late < early {
		t.Errorf("the request is answered before its lines are logged, or their order is wrong:\n%s", log)
	}
}

// request_terminate_timeout ends the worker and the connection, without
// END_REQUEST.
func TestPHPTimeout(t *testing.T) {
	cfg := phpPool()
	cfg.TerminateTimeout = time.Hour
	g := startPHP(t, cfg)
	fifo := g.fifo("fifo")
	_, here := g.follow(fifo)
	answer := g.begin(params(g.plain("x.php", "<?php file_put_contents('"+fifo+"', 'here'); while (true) { usleep(1000); }")), "")
	g.await("the script runs", here)
	g.pass(time.Hour)
	got := <-answer
	if got.stdout != "" || got.end != nil {
		t.Errorf("got %q, end %v", got.stdout, got.end)
	}
	g.until("the worker is replaced", func(s *Supervisor) bool { return s.busy() == 0 })
	if ok, _ := regexp.MatchString(`script '.*x.php' \(request: ."GET /x."\) execution timed out \(36\d\d\.\d+ sec\), terminating`, g.log.String()); !ok {
		t.Errorf("the log does not have php-fpm's line:\n%s", g.log)
	}
}

// The settings come from the pool, the command line and php.ini, in this order,
// and php_admin_value is not to be changed.
func TestPHPSettings(t *testing.T) {
	useINI(t, "memory_limit=11M\nprecision=11\ndefault_charset=eleven\ncgi.fix_pathinfo=0\n")
	cfg := phpPool()
	cfg.PHPArguments = []string{"-d", "precision=12", "-d", "default_charset=twelve", "-d", "date.timezone=UTC"}
	cfg.PHPValues = []config.KeyValue{
		{Key: "default_charset", Value: "first"}, {Key: "default_charset", Value: "second"},
		{Key: "error_prepend_string", Value: `quo"te; ${HOME}\`},
	}
	cfg.PHPAdminValues = []config.KeyValue{{Key: "serialize_precision", Value: "9"}, {Key: "serialize_precision", Value: "8"}}
	dir, err := phpini.Create(cfg, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dir.Remove)
	cfg.PHPScanDir = dir.Path()
	g := startPHP(t, cfg)
	if err := os.WriteFile(filepath.Join(g.dir, ".user.ini"), []byte("default_charset=user\nserialize_precision=7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := g.plain("x.php", `<?php
		ini_set('serialize_precision', '6');
		foreach (['memory_limit', 'precision', 'default_charset', 'serialize_precision', 'error_prepend_string'] as $k) {
			echo ini_get($k), "\n";
		}`)
	want := []string{"11M", "12", "user", "9", `quo"te; ${HOME}\`}
	if got := strings.Split(g.get(params(script, "DOCUMENT_ROOT", g.dir), "").body(), "\n"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// With cgi.fix_pathinfo=0 nobody looks for a script within the path.
	if got := g.get(params(script+"/info"), ""); got.body() != "Access denied." {
		t.Errorf("a path through the script is answered %q", got.stdout)
	}
}

// A PHP that is no php-cgi, or tells nothing, is served with PHP's defaults.
func TestPHPWithoutFacts(t *testing.T) {
	wrapper := filepath.Join(t.TempDir(), "php")
	if err := os.WriteFile(wrapper, []byte("#!/bin/sh\ncase \"$*\" in *' -q '*) exit 1;; esac\nexec php-cgi \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cfg := phpPool()
	cfg.RunnerCommand = []string{wrapper}
	g := startPHP(t, cfg)
	got := g.get(params(g.dir+"/none.php"), "")
	if want := "Status: 404 Not Found\r\nContent-type"; !strings.HasPrefix(got.stdout, want) {
		t.Errorf("got %q", got.stdout)
	}
	if !strings.Contains(g.log.String(), "cannot ask php-cgi for its settings") {
		t.Errorf("the log does not say so:\n%s", g.log)
	}
}

// The access log has the status that was sent, but in php-fpm's place the one
// that PHP ended with.
func TestPHPAccessLog(t *testing.T) {
	for late, standIn := range map[string]bool{"200": false, "500": true} {
		t.Run("late is "+late, func(t *testing.T) { testPHPAccessLog(t, standIn, late) })
	}
}

// testPHPAccessLog wants a status that was set too late to be logged as late.
func testPHPAccessLog(t *testing.T, standIn bool, late string) {
	useINI(t, "output_buffering=0\n")
	cfg := phpPool()
	cfg.AccessFormat = "%m %r %s %f"
	g := startPHP(t, cfg)
	path := filepath.Join(g.dir, "access.log")
	g.on(func(s *Supervisor) {
		s.compat.standIn = standIn
		fd, err := logfile.OpenFD(path)
		if err != nil {
			t.Error(err)
			return
		}
		if err := s.OpenAccessLog(fd); err != nil {
			t.Error(err)
		}
	})
	script := g.plain("x.php", "<?php echo 'late'; flush(); if ($_GET) http_response_code(500);")
	for _, query := range []string{"", "late=1", ""} {
		if got := g.get(params(script, "QUERY_STRING", query), ""); strings.Contains(got.stdout, "Status:") {
			t.Errorf("got %q", got.stdout)
		}
	}
	g.on(func(s *Supervisor) { s.access.close() })
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := func(status string) string { return "GET /x " + status + " " + script + "\n" }
	if want := line("200") + line(late) + line("200"); string(text) != want {
		t.Errorf("the log is\n%swant\n%s", text, want)
	}
}

// A php-cgi that does not tell its settings is not waited for any longer than
// ten seconds, whether it hangs or has not even begun, and does not stay.
func TestSilentInquiry(t *testing.T) {
	for _, begun := range []bool{true, false} {
		t.Run(fmt.Sprintf("begun %v", begun), func(t *testing.T) {
			g := startPHP(t, phpPool())
			held, release := make(chan struct{}), make(chan struct{})
			if !begun { // no process can be started
				g.helpers.Go(func() {
					_ = g.sup.procs.starter.Do(func() error {
						close(held)
						<-release
						return nil
					})
				})
				g.await("starts wait", held)
			}
			before, err := proc.Children()
			if err != nil {
				t.Fatal(err)
			}
			g.on(func(s *Supervisor) {
				q := &inquiry{s: s}
				q.out.fd, q.err.fd = -1, -1
				q.timer = loop.NewTimer(q.giveUp)
				s.compat.inquiry = q
				if err := q.start(runner.Plan{Path: "/bin/sleep", Args: []string{"sleep", "1000"}}); err != nil {
					t.Error(err)
				}
			})
			if begun {
				g.until("its start is known", func(s *Supervisor) bool { return s.compat.inquiry.pid != 0 })
			}
			g.pass(inquiryPatience)
			g.until("nobody waits for it", func(s *Supervisor) bool { return s.compat.inquiry == nil })
			if !begun {
				close(release)
				_ = g.sup.procs.starter.Do(func() error { return nil }) // after its start
			}
			g.until("it is gone", func(*Supervisor) bool {
				now, err := proc.Children()
				return err == nil && len(now) == len(before)
			})
			if got := g.get(params(g.plain("x.php", "<?php echo 1;")), ""); got.body() != "1" {
				t.Errorf("the pool answers %q", got.stdout)
			}
			g.settled()
		})
	}
}
