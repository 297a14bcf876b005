//go:build integration

package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// statusVariants are requests for the status page and the ping.
func statusVariants() (all []harness.Request) {
	for _, format := range []string{"", "text", "html", "xml", "json", "openmetrics", "json&xml", "openmetrics&json", "html=0", "JSON", "a=json", "js%6fn", "json;html"} {
		for _, more := range []string{"", "&full", "&full=no"} {
			all = append(all, harness.Request{Path: "/status?" + format + more})
		}
	}
	for _, query := range []string{"", "json", "full&xml"} {
		all = append(all, harness.Request{Method: "HEAD", Path: "/status?" + query}, harness.Request{Path: "/status?" + query, Body: []byte("a=b")})
	}
	return append(all,
		harness.Request{Path: "/status", Params: map[string]string{"SCRIPT_FILENAME": "/status"}},
		harness.Request{Path: "/status", Params: map[string]string{"SCRIPT_FILENAME": "-"}},
		harness.Request{Path: "/status/"},
		harness.Request{Path: "/status", PathInfo: "/more"},
		harness.Request{Path: "/ping"}, harness.Request{Path: "/ping?json"},
		harness.Request{Method: "HEAD", Path: "/ping"}, harness.Request{Path: "/ping", Body: []byte("a=b")},
	)
}

// unsteady are the values of a status page that two services cannot have in
// common, in its five forms.
var unsteady = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^((?:pid|start time|start since|request duration|last request cpu|last request memory): +).*$`),
	regexp.MustCompile(`("(?:pid|start time|start since|request duration|last request cpu|last request memory)":)[\d.]+`),
	regexp.MustCompile(`(<(?:pid|start-time|start-since|request-duration|last-request-cpu|last-request-memory)>)[^<]+`),
	regexp.MustCompile(`(<th>start (?:time|since)</th><td>)[^<]+`),
	regexp.MustCompile(`(?m)^(phpfpm_start_since ).*$`),
	// A worker's row in HTML: pid to start since, request duration, CPU, memory.
	regexp.MustCompile(`(<tr>)<td>\d+</td>(?:<td>\w+</td>)<td>[^<]+</td><td>\d+</td>`),
	regexp.MustCompile(`(<td>\d+</td>)<td>\d+</td>`),
	regexp.MustCompile(`()<td>[\d.]+</td><td>\d+</td></tr>`),
}

// A service in the place of php-fpm and php-fpm itself give, to the byte but
// for times and pids, the same answers for every form of the status page, on
// the pool's socket and on that of pm.status_listen, where the page shows the
// workers too.
func TestStatusLikePHPFPM(t *testing.T) {
	t.Parallel()
	programs, err := filepath.Glob("/usr/sbin/php-fpm*")
	if err != nil || len(programs) == 0 {
		t.Fatal("php-fpm is missing: run scripts/install-test-deps")
	}
	theirs := programs[len(programs)-1]
	box := harness.NewSandbox(t, harness.Current())
	ours := box.Path("run", filepath.Base(theirs))
	if err := os.Symlink(suite.Binary, ours); err != nil {
		t.Fatal(err)
	}
	const conf = "[www]\nlisten = 127.0.0.1:{{PORT}}\npm = static\npm.max_children = 1\npm.status_path = /status\npm.status_listen = {{RUN}}/status.sock\n" +
		"ping.path = /ping\nping.response = \"p o n g\"\nlisten.backlog = 33\n"
	answers := func(binary string) map[string]string {
		d := harness.Start(t, harness.Service{Binary: binary, Global: []string{}, Conf: conf})
		d.File("a <é&\".php", "<?php echo 'works';")
		d.Do(harness.Request{Method: "P/\"é", Path: "/a <é&\".php?q=\"<\xc3\xa9>&amp;'/\\", Body: []byte("12345"), Params: map[string]string{
			"HTTP_AUTHORIZATION": "Basic dTwiw6kvPiYnXDpwYXNzd29yZA==",
		}})
		// The worker may be busy with what comes after its response.
		harness.Eventually(t, harness.Patience, func() error {
			if page := at(t, filepath.Join(d.Run, "status.sock"), d, "/status"); !strings.Contains(page, "\nidle processes:       1\n") {
				return fmt.Errorf("the page is %q", page)
			}
			return nil
		})
		got := map[string]string{}
		for i, address := range []string{filepath.Join(d.Run, "status.sock"), d.Address()} {
			for _, r := range statusVariants() {
				if i == 1 && strings.Contains(r.Path, "full") {
					continue // there php-fpm shows the worker that answers
				}
				conn := harness.Dial(t, address)
				conn.Send(d.Request(r).Bytes(1))
				text := string(conn.Response(1).Stdout)
				if err := conn.Close(); err != nil { // php-fpm's worker waits for it
					t.Error(err)
				}
				for _, re := range unsteady {
					text = re.ReplaceAllString(text, "${1}*")
				}
				got[strings.Join([]string{[]string{"workers", "pool"}[i], r.Method, string(r.Body), r.Path, r.PathInfo, r.Params["SCRIPT_FILENAME"]}, " ")] =
					strings.NewReplacer(d.Dir, "", strings.ReplaceAll(d.Dir, "/", `\/`), "").Replace(text)
			}
		}
		return got
	}
	want := answers(theirs)
	for what, got := range answers(ours) {
		if got != want[what] {
			t.Errorf("%s:\n%q\nphp-fpm:\n%q", what, got, want[what])
		}
	}
}
