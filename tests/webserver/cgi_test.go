//go:build integration

package webserver

import (
	"testing"

	"github.com/anyfpm/anyfpm/tests/cgicase"
	"github.com/anyfpm/anyfpm/tests/harness"
)

// A CGI program behind nginx finds what RFC 3875 promises, on either kind of
// socket, whether connections are kept or not.
func TestCGI(t *testing.T) {
	for _, socket := range []struct{ name, listen string }{{"unix", ""}, {"tcp", "listen = 127.0.0.1:{{PORT}}\n"}} {
		for _, keep := range []struct {
			name      string
			keepAlive int
		}{{"close", 0}, {"keepalive", 8}} {
			t.Run(socket.name+" "+keep.name, func(t *testing.T) {
				suite.Everybody(t, pool+socket.listen, func(t *testing.T, d *harness.Daemon) {
					web := behind(t, d, harness.Site{KeepAlive: keep.keepAlive})
					cgicase.Run(t, d.Sandbox, web.Fetch, cgicase.Languages, cgicase.Semantics, cgicase.PathInfo)
				})
			})
		}
	}
}

// A local Location is followed by nginx inside: the client sees the target.
func TestLocalRedirect(t *testing.T) {
	suite.Everybody(t, pool, func(t *testing.T, d *harness.Daemon) {
		d.Script("local.sh", "#!/bin/sh\nprintf 'Location: /target.sh?from=local\\n\\n'")
		d.Script("target.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s' \"$QUERY_STRING\"")
		web := behind(t, d, harness.Site{})
		if got := web.Fetch(t, "GET", "/local.sh", "", nil); got.Status != 302 && (got.Status != 200 || got.Body != "from=local") {
			t.Errorf("got %v", got)
		}
	})
}

// Much stderr before the header does not make nginx drop the response.
func TestStderrBeforeHeader(t *testing.T) {
	suite.Everybody(t, pool, func(t *testing.T, d *harness.Daemon) {
		d.Script("noisy.sh", "#!/bin/sh\nhead -c 20000 /dev/zero | tr '\\0' e >&2\nprintf 'Content-Type: text/plain\\n\\nbody'")
		web := behind(t, d, harness.Site{})
		if got := web.Fetch(t, "GET", "/noisy.sh", "", nil); got.Status != 200 || got.Body != "body" {
			t.Errorf("got %v", got)
		}
	})
}
