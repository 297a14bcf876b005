package gateway

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// variables asks the dump script and returns what it saw.
func variables(t *testing.T, s *httptest.Server, request string) map[string]string {
	t.Helper()
	conn := raw(t, s, request)
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	vars := make(map[string]string)
	for line := range strings.Lines(string(all)) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
			if _, twice := vars[name]; twice {
				t.Errorf("%s is there twice", name)
			}
			vars[name] = value
		}
	}
	return vars
}

func TestMetaVariables(t *testing.T) {
	root := site{"dir/script.cgi*": ""}.make(t)
	s := serve(t, Config{Root: root, Backend: dump, ServerSoftware: "test/1"})
	host, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	got := variables(t, s, "POST //dir/script.cgi/a%20b//c?x=1&y=%20 HTTP/1.0\r\n"+
		"Host: example.org:8080\r\nContent-Type: text/x\r\nContent-Length: 4\r\n"+
		"X-Two: 1\r\nX-Two: 2\r\nCookie: a=1\r\nCookie: b=2\r\nAuthorization: Basic eDp5\r\n\r\nbody")
	for name, want := range map[string]string{
		"GATEWAY_INTERFACE":  "CGI/1.1",
		"SERVER_SOFTWARE":    "test/1",
		"SERVER_PROTOCOL":    "HTTP/1.0",
		"SERVER_NAME":        "example.org",
		"SERVER_PORT":        port,
		"SERVER_ADDR":        host,
		"REQUEST_METHOD":     "POST",
		"REQUEST_URI":        "//dir/script.cgi/a%20b//c?x=1&y=%20",
		"REQUEST_SCHEME":     "http",
		"QUERY_STRING":       "x=1&y=%20",
		"DOCUMENT_ROOT":      root,
		"SCRIPT_NAME":        "/dir/script.cgi",
		"SCRIPT_FILENAME":    root + "/dir/script.cgi",
		"PATH_INFO":          "/a b//c",
		"PATH_TRANSLATED":    root + "/a b//c",
		"REMOTE_ADDR":        "127.0.0.1",
		"CONTENT_LENGTH":     "4",
		"CONTENT_TYPE":       "text/x",
		"HTTP_HOST":          "example.org:8080",
		"HTTP_X_TWO":         "1, 2",
		"HTTP_COOKIE":        "a=1; b=2",
		"HTTP_AUTHORIZATION": "Basic eDp5",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if got["REMOTE_PORT"] == "" {
		t.Error("REMOTE_PORT is missing")
	}
	if _, ok := got["HTTPS"]; ok {
		t.Error("HTTPS is set without TLS")
	}
}

// TestHeadersThatAreNoVariables sends what could become a variable that the
// client must not set.
func TestHeadersThatAreNoVariables(t *testing.T) {
	s := serve(t, Config{Backend: dump})
	got := variables(t, s, "GET /script.cgi HTTP/1.1\r\nHost: x\r\nConnection: close, X-Mine\r\nProxy: http://evil/\r\n"+
		"X_Forwarded_For: evil\r\nX-Forwarded-For: good\r\nTE: trailers\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n"+
		"Content_Length: 7\r\nX.Dot: 1\r\nKeep-Alive: 1\r\n\r\n")
	for name := range got {
		if strings.HasPrefix(name, "HTTP_") && name != "HTTP_HOST" && name != "HTTP_X_FORWARDED_FOR" || name == "CONTENT_LENGTH" {
			t.Errorf("the client has set %s to %q", name, got[name])
		}
	}
	if got["HTTP_X_FORWARDED_FOR"] != "good" {
		t.Errorf("HTTP_X_FORWARDED_FOR is %q", got["HTTP_X_FORWARDED_FOR"])
	}
}

func TestServerNameAndPort(t *testing.T) {
	for _, c := range []struct{ host, addr, want string }{
		{"example.org", "10.0.0.1", "example.org"},
		{"example.org:81", "10.0.0.1", "example.org"},
		{"[::1]:81", "", "[::1]"},
		{"[::1]", "", "[::1]"},
		{"", "::1", "[::1]"},
		{"", "10.0.0.1", "10.0.0.1"},
		{"", "", ""},
	} {
		if got := serverName(c.host, c.addr); got != c.want {
			t.Errorf("%q at %q: %q", c.host, c.addr, got)
		}
	}
	for _, c := range []struct {
		host  string
		tls   bool
		local string
		want  string
	}{
		{"x:81", false, "8080", "8080"}, {"x:81", false, "", "81"}, {"x", false, "", "80"}, {"x", true, "", "443"},
	} {
		r := &http.Request{Host: c.host}
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if got := portOf(r, c.local); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	for addr, want := range map[string]string{
		"10.0.0.1:5": "10.0.0.1", "[::1]:5": "::1", "[::ffff:10.0.0.1]:5": "10.0.0.1", "@": "unix:", "": "unix:",
	} {
		if got, _ := splitAddr(addr); got != want {
			t.Errorf("%q: %q", addr, got)
		}
	}
}

func TestChunkedBodyHasNoLength(t *testing.T) {
	s := serve(t, Config{Backend: dump})
	conn := raw(t, s, "POST /script.cgi HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n")
	all, err := io.ReadAll(conn)
	if err != nil || strings.Contains(string(all), "CONTENT_LENGTH") || !strings.Contains(string(all), "body") {
		t.Errorf("%v\n%s", err, all)
	}
}

func TestTLSVariables(t *testing.T) {
	s := httptest.NewTLSServer(newGateway(t, Config{Backend: dump}))
	defer s.Close()
	_, body := get(t, s, "/script.cgi")
	if !strings.Contains(body, "HTTPS=on\n") || !strings.Contains(body, "REQUEST_SCHEME=https\n") {
		t.Errorf("got\n%s", body)
	}
}
