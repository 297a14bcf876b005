//go:build integration

package scenario

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A body that is not as long as CONTENT_LENGTH says holds no worker: php-cgi,
// which waits for the rest, is told that none comes. (php-fpm's worker waits
// until the web server has gone.)
func TestPHPBodyOfAnotherLength(t *testing.T) {
	t.Parallel()
	s := suite.Service(staticPHP, harness.Current())
	s.Args = []string{"--php"}
	d := harness.Start(t, s)
	d.File("read.php", "<?php echo file_get_contents('php://input');")
	d.File("ignore.php", "<?php echo 'ignored';")
	for _, length := range []string{"9", "2", "0", "", "-1", "3 ", "9999999999", "99999999999999999999", "-"} {
		for path, bodies := range map[string][]string{"/read.php": {"abc", "ab", ""}, "/ignore.php": {"ignored"}} {
			res := d.Do(harness.Request{Path: path, Body: []byte("abc"), Params: map[string]string{"CONTENT_LENGTH": length}})
			if !slices.Contains(bodies, res.Body) {
				t.Errorf("with CONTENT_LENGTH %q %s got %d %q", length, path, res.Status, res.Body)
			}
		}
	}
	if res := d.Do(harness.Request{Path: "/read.php", Body: []byte("abc")}); res.Body != "abc" {
		t.Errorf("a whole body is %q afterwards", res.Body)
	}
}

// What web servers send of an URL that was rewritten, or goes on behind the
// script, comes to the script as it does in php-fpm. Behind Apache's mod_proxy
// with mod_rewrite that is a REDIRECT_URL, of which php-cgi by itself would make
// another script.
func TestSameParametersAsPHPFPM(t *testing.T) {
	t.Parallel()
	ask := func(program string, args ...string) map[string]string {
		s := suite.Service(staticPHP, harness.Current())
		s.Binary, s.Global, s.Args = program, []string{}, args
		d := harness.Start(t, s)
		d.File("app.php", `<?php
foreach (['SCRIPT_NAME', 'SCRIPT_FILENAME', 'PATH_INFO', 'PATH_TRANSLATED', 'REDIRECT_URL', 'PHP_SELF', 'DOCUMENT_ROOT'] as $name) {
	foreach ([$name, "ORIG_$name"] as $n) if (isset($_SERVER[$n])) echo "$n=$_SERVER[$n] ";
}`)
		got := map[string]string{}
		for _, file := range []string{"{WWW}/app.php", "{WWW}/app.php/more", "proxy:fcgi://localhost:9{WWW}/app.php", "proxy:fcgi://localhost{WWW}/app.php/more"} {
			for _, info := range []string{"-", "/more", "/app.php/more"} {
				for _, translated := range []string{"-", "{WWW}/more", "{WWW}/app.php", "{WWW}/app.php/more"} {
					for _, redirect := range []string{"-", "/more"} {
						params := map[string]string{"SCRIPT_FILENAME": file, "PATH_INFO": info, "PATH_TRANSLATED": translated, "REDIRECT_URL": redirect}
						r := harness.Request{Path: "/app.php", Params: maps.Clone(params)}
						for name, value := range params {
							r.Params[name] = strings.ReplaceAll(value, "{WWW}", d.WWW)
						}
						res := d.Do(r)
						key := strings.Join([]string{file, info, translated, redirect}, " ")
						got[key] = strings.ReplaceAll(string(res.Stdout)+string(res.Stderr), d.WWW, "{WWW}")
					}
				}
			}
		}
		return got
	}
	want, got := ask(phpFPM), ask(suite.Binary, "--php")
	for _, request := range slices.Sorted(maps.Keys(want)) {
		if got[request] != want[request] {
			t.Errorf("%s:\nphp-fpm answers %s\nand anyfpm      %s", request, want[request], got[request])
		}
	}
}

// What is refused, or answered without a script, is answered, explained and
// logged as by php-fpm.
func TestSameRefusalsAsPHPFPM(t *testing.T) {
	t.Parallel()
	requests := []harness.Request{
		{Path: "/works.php"}, {Path: "/works.php", PathInfo: "/more"}, {Path: "/forbids.php"},
		{Path: "/none.php"}, {Path: "/none.php/more"}, {Path: "/sub/"}, {Path: "/sub"}, {Path: "/text.txt"}, {Path: "/secret.php"},
		{Path: "/works.php", Params: map[string]string{"SCRIPT_FILENAME": "-"}},
		{Path: "/works.php", Params: map[string]string{"SCRIPT_FILENAME": "/x/../works.php"}},
		{Path: "/works.php", Params: map[string]string{"REQUEST_METHOD": "-"}},
		{Path: "/ping"}, {Path: "/status?json"},
	}
	for _, auth := range []string{"Basic dTpw", "basic dTpw", "Basic dQ==", "Basic  d T\tp=w", "Basic dTo", "Basic", "Basic !", "Bearer dTpw"} {
		requests = append(requests, harness.Request{Path: "/works.php", Params: map[string]string{"HTTP_AUTHORIZATION": auth}})
	}
	const conf = staticPHP + "ping.path = /ping\npm.status_path = /status\naccess.log = {{LOG}}/access\naccess.format = \"%m %r %s %f <%u> %{Expires}o\"\n"
	ask := func(program string, args ...string) (answers []string) {
		s := suite.Service(conf, harness.Current())
		s.Binary, s.Global, s.Args = program, []string{}, args
		d := harness.Start(t, s)
		d.File("works.php", "<?php echo 'works';")
		d.File("forbids.php", "<?php http_response_code(403);")
		d.File("text.txt", "text")
		if err := os.Chmod(d.File("secret.php", "<?php"), 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(d.WWW, "sub"), 0o755); err != nil {
			t.Fatal(err)
		}
		log := harness.Follow(t, filepath.Join(d.Dir, "log", "access"))
		for _, r := range requests {
			res := d.Do(r)
			line := log.Expect(`.*`)[0]
			stdout := string(res.Stdout)
			if strings.HasPrefix(r.Path, "/status") {
				stdout = ""
			}
			answers = append(answers, strings.ReplaceAll(stdout+"\n"+string(res.Stderr)+"\n"+line, d.WWW, "{WWW}"))
		}
		return answers
	}
	want, got := ask(phpFPM), ask(suite.Binary, "--php")
	for i, r := range requests {
		if got[i] != want[i] {
			t.Errorf("%s %v:\nphp-fpm answers %q\nand anyfpm      %q", r.Path, r.Params, want[i], got[i])
		}
	}
}

// What a script gives to header() comes to the web server as from php-fpm, also
// if it is no field, or nothing is left of the header.
func TestSameHeadersAsPHPFPM(t *testing.T) {
	t.Parallel()
	headers := []string{"Pragma", "X Y: 1", "b@c: 1", "Content-Type:", "404 Not Found", "HTTP/1.1 404 Gone Away", "Status: 299", "Location: /x", "X-Empty:", "X: \xff"}
	ask := func(program string, args ...string) (answers []string) {
		s := suite.Service(staticPHP, harness.Current())
		s.Binary, s.Global, s.Args = program, []string{}, args
		d := harness.Start(t, s)
		d.File("header.php", `<?php header(rawurldecode($_SERVER['QUERY_STRING'])); header('X-After: 1'); echo "body";`)
		d.File("none.php", `<?php ini_set('default_mimetype', ''); header_remove(); echo "body";`)
		paths := []string{"/none.php"}
		for _, h := range headers {
			paths = append(paths, "/header.php?"+url.PathEscape(h))
		}
		for _, path := range paths {
			res, _ := d.Try(harness.Request{Path: path}) // whether the harness can read the header is all the same
			answers = append(answers, fmt.Sprintf("%s: %q", path, res.Stdout))
		}
		return answers
	}
	want, got := ask(phpFPM), ask(suite.Binary, "--php")
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("php-fpm answers %s\nand anyfpm      %s", want[i], got[i])
		}
	}
}

// A script whose client is gone ends when it next sends something, unless it
// ignores that; one that sends nothing goes on. Its worker is free then.
func TestClientOfPHPIsGone(t *testing.T) {
	t.Parallel()
	s := suite.Service(staticPHP, harness.Current())
	s.Args = []string{"--php"}
	d := harness.Start(t, s)
	gate := d.Gate()
	begin := fmt.Sprintf(`<?php
register_shutdown_function(function () { file_put_contents('%s/end', connection_status()); });
while (ob_get_level()) ob_end_clean();
echo 'begin';
flush();
`, d.Tmp)
	for name, test := range map[string]struct{ script, end string }{
		"stops":   {"for (;;) { echo 'x'; flush(); usleep(1000); }", "1"},
		"ignores": {"ignore_user_abort(true); while (!connection_aborted()) { echo 'x'; flush(); usleep(1000); }", "1"},
		"fills":   {"for (;;) echo str_repeat('x', 100000);", "1"},
		"silent":  {fmt.Sprintf("file_get_contents('%s', false, null, 0, 1);", gate.Path), "0"},
		"reads":   {fmt.Sprintf("file_get_contents('%s', false, null, 0, 1); file_get_contents('php://input');", gate.Path), "0"},
	} {
		d.Script(name+".php", begin+test.script)
		c := d.Dial()
		c.Send(d.Request(harness.Request{Path: "/" + name + ".php", Method: "PUT", Body: make([]byte, 1<<20)}).Bytes(1))
		c.Read()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if test.end == "0" {
			gate.Open(1)
		}
		harness.Eventually(t, harness.Patience, func() error {
			if end, err := os.ReadFile(filepath.Join(d.Tmp, "end")); err != nil || string(end) != test.end {
				return fmt.Errorf("script %s has ended with connection status %q, %w, want %s", name, end, err, test.end)
			}
			return nil
		})
		d.Remove("tmp/end")
		php(t, d, "<?php echo 1;") // by the only worker
	}
}

// Settings that the web server sends, as it may to php-fpm, are not dropped in
// silence.
func TestSettingsOfTheWebServer(t *testing.T) {
	t.Parallel()
	s := suite.Service(staticPHP, harness.Current())
	s.Args = []string{"--php"}
	d := harness.Start(t, s)
	d.File("works.php", "<?php echo 'works';")
	for _, value := range []string{"", "open_basedir=/srv", "open_basedir=/srv"} {
		if res := d.Do(harness.Request{Path: "/works.php", Params: map[string]string{"PHP_ADMIN_VALUE": value}}); res.Body != "works" {
			t.Errorf("got %d %q", res.Status, res.Body)
		}
	}
	d.Log.Expect(`WARNING: \[pool www\] the web server sends php settings that php-cgi does not take, they have no effect PHP_ADMIN_VALUE="?open_basedir=/srv"? request="GET /works.php"`)
	d.Signal(syscall.SIGTERM)
	d.Wait(harness.Patience)
	if n := d.Log.Count("the web server sends"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
}
