// Package cgicase says what a CGI program may count on (RFC 3875), as cases
// that can be run through any way a request may take: straight over FastCGI,
// through a web server, or through anyfpm's own HTTP door.
package cgicase

import (
	"net/http"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A Case is one program and one request to it.
type Case struct {
	// Name says what is shown.
	Name string
	// File is the program's name and Source its text. C source is compiled.
	File, Source string
	// Method is GET when empty. Path follows the file's name, as "/info?a=b".
	Method, Path string
	// Body is the request's; Header goes with it.
	Body   string
	Header map[string]string

	// WantStatus is 200 when zero. WantHeader need not be all there is.
	WantStatus int
	WantHeader map[string]string
	// WantBody is exact. {{WWW}} in it stands for the document root.
	WantBody string
}

// A Fetch sends a request and returns the whole response.
type Fetch func(t *testing.T, method, path, body string, header map[string]string) harness.HTTPResponse

// Run runs every case of the tables, with the programs in box's document root.
func Run(t *testing.T, box *harness.Sandbox, fetch Fetch, tables ...[]Case) {
	t.Helper()
	for _, table := range tables {
		for _, c := range table {
			t.Run(c.Name, func(t *testing.T) { c.run(t, box.For(t), fetch) })
		}
	}
}

func (c Case) run(t *testing.T, box *harness.Sandbox, fetch Fetch) {
	t.Helper()
	if strings.HasSuffix(c.File, ".cgi") {
		box.Program(c.File, c.Source)
	} else {
		box.Script(c.File, c.Source)
	}
	method := c.Method
	if method == "" {
		method = http.MethodGet
	}
	want := c.WantStatus
	if want == 0 {
		want = http.StatusOK
	}
	got := fetch(t, method, "/"+c.File+c.Path, c.Body, c.Header)
	if got.Status != want {
		t.Errorf("status %d, want %d", got.Status, want)
	}
	for name, value := range c.WantHeader {
		if have := got.Header.Values(name); strings.Join(have, "|") != value {
			t.Errorf("header %s is %q, want %q", name, have, value)
		}
	}
	if body := strings.ReplaceAll(c.WantBody, "{{WWW}}", box.WWW); got.Body != body {
		t.Errorf("body is %s, want %s", brief(got.Body), brief(body))
	}
}

// brief keeps a report readable when a body is large.
func brief(s string) string {
	const most = 400
	if len(s) <= most {
		return "\"" + s + "\""
	}
	return "\"" + s[:most] + "…\" (and more)"
}
