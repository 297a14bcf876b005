package resident_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// upload is a form with a file of 200 KB.
var upload = strings.ReplaceAll(`--b
Content-Disposition: form-data; name="a"

value
--b
Content-Disposition: form-data; name="file"; filename="f.bin"
Content-Type: application/octet-stream

`, "\n", "\r\n") + strings.Repeat("x", 200<<10) + "\r\n--b--\r\n"

// TestFrameworks runs the same application in Debian's Flask and Django.
func TestFrameworks(t *testing.T) {
	for _, framework := range []string{"flask", "django"} {
		source, err := os.ReadFile("testdata/wsgi/" + framework + "_app.py")
		check(t, err)
		w := spawnWSGI(t, framework+"_app:app")
		for run := range 3 {
			for _, tt := range []struct {
				method, path, query, body string
				variables                 []string
				status                    string
				header, content, stderr   string // that are contained
			}{
				{"GET", "/", "", "", nil, "200", "Content-Length: 17", "hello, world at /", ""},
				{"HEAD", "/", "", "", nil, "200", "Content-Length: 17", "", ""},
				{"POST", "/form", "", "a=value", []string{"CONTENT_TYPE=application/x-www-form-urlencoded"}, "200", "application/json", `"value"`, ""},
				{"POST", "/form", "", upload, []string{"CONTENT_TYPE=multipart/form-data; boundary=b"}, "200", "application/json", "204800", ""},
				{"PUT", "/raw", "", strings.Repeat("r", 1<<20), nil, "200", "", "1048576", ""},
				{"GET", "/stream", "end=%2C", "", nil, "200", "text/plain", "one,two,three,", ""},
				{"GET", "/file", "", "", nil, "200", fmt.Sprint("Content-Length: ", len(source)), string(source), ""},
				{"GET", "/cookie", "", "", []string{"HTTP_COOKIE=seen=y"}, "302", "seen=yx", "", ""},
				{"GET", "/error", "", "", nil, "500", "", "", "ValueError: it broke"},
				{"GET", "/teapot", "", "", nil, "418", "", "", ""},
				{"GET", "/missing", "", "", nil, "404", "", "", ""},
			} {
				name := fmt.Sprintf("%s %s %s, run %d", framework, tt.method, tt.path, run+1)
				variables := append([]string{
					"REQUEST_METHOD=" + tt.method, "SCRIPT_NAME=", "PATH_INFO=" + tt.path, "QUERY_STRING=" + tt.query,
					"SERVER_NAME=localhost", "SERVER_PORT=80", "SERVER_PROTOCOL=HTTP/1.1", "HTTP_HOST=localhost",
					fmt.Sprint("CONTENT_LENGTH=", len(tt.body)),
				}, tt.variables...)
				r := w.do(request{variables: variables, body: tt.body})
				head, content, _ := strings.Cut(r.stdout(), sep)
				if !strings.HasPrefix(head, "Status: "+tt.status) || !strings.Contains(head, tt.header) ||
					!strings.Contains(content, tt.content) || tt.method == "HEAD" && content != "" {
					t.Errorf("%s:\n%.2000s\n%s", name, r.stdout(), r.stderr)
				}
				if !strings.Contains(r.stderr, tt.stderr) || r.flags&resident.Failed != 0 {
					t.Errorf("%s: flags %d, stderr:\n%s", name, r.flags, r.stderr)
				}
			}
		}
	}
	// A factory with an argument.
	w := spawnWSGI(t, "flask_app:create('there')")
	if r := w.do(wsgiRequest("", "HTTP_HOST=localhost")); !strings.HasSuffix(r.stdout(), "hello, there at /") {
		t.Errorf("%+v", r)
	}
}
