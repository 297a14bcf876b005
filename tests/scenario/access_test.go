//go:build integration

package scenario

import (
	"fmt"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A pool listens on a unix socket, on IPv4 or IPv6, or on all addresses.
func TestListen(t *testing.T) {
	for name, c := range map[string]struct{ listen, dial string }{
		"ipv4":          {"127.0.0.1:%d", "127.0.0.1:%d"},
		"ipv6":          {"[::1]:%d", "[::1]:%d"},
		"port and ipv4": {"%d", "127.0.0.1:%d"},
		"port and ipv6": {"%d", "[::1]:%d"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := harness.FreePort(t)
			d := suite.Start(t, "[www]\nlisten = "+fmt.Sprintf(c.listen, port)+"\npm = static\npm.max_children = 1\n")
			conn := harness.Dial(t, fmt.Sprintf(c.dial, port))
			conn.Send(d.Request(harness.Request{Path: "/works.sh"}).Bytes(1))
			expectBody(t, conn.Response(1), "works")
		})
	}
}

// listen.allowed_clients lets the named in and closes on others at once.
func TestAllowedClients(t *testing.T) {
	const conf = "[www]\nlisten = 127.0.0.1:{{PORT}}\npm = static\npm.max_children = 1\nlisten.allowed_clients = "
	t.Run("allowed", func(t *testing.T) {
		suite.Everybody(t, conf+"10.0.0.1,127.0.0.1\n", func(_ *testing.T, d *harness.Daemon) {
			d.ExpectWorks()
		})
	})
	t.Run("refused", func(t *testing.T) {
		suite.Everybody(t, conf+"10.0.0.1\n", func(_ *testing.T, d *harness.Daemon) {
			d.Dial().ExpectClosed()
			d.Log.Expect(`Connection disallowed: IP address '127.0.0.1' has been dropped`)
		})
	})
	t.Run("allowed at the HTTP door", func(t *testing.T) {
		suite.Everybody(t, httpDoor+"listen.allowed_clients = 127.0.0.1\n", func(t *testing.T, d *harness.Daemon) {
			if got := browser(t, d)(t, "GET", "/works.sh", "", nil); got.Status != 200 {
				t.Errorf("got %v", got)
			}
		})
	})
	t.Run("refused at the HTTP door", func(t *testing.T) {
		suite.Everybody(t, httpDoor+"listen.allowed_clients = 10.0.0.1\n", func(t *testing.T, d *harness.Daemon) {
			harness.Dial(t, door(t, d)).ExpectClosed()
			d.Log.Expect(`Connection disallowed: IP address '127.0.0.1' has been dropped`)
		})
	})
}

// security.limit_extensions refuses others with 403, after the path was
// split, and empty allows all.
func TestLimitExtensions(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 1\nsecurity.limit_extensions = .cgi .sh\n", func(t *testing.T, d *harness.Daemon) {
		const script = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nran'"
		d.Script("evil.txt", script)
		d.Script("good.cgi", script)
		d.ExpectWorks()
		expectBody(t, d.Get("/good.cgi"), "ran")
		for _, path := range []string{"/evil.txt", "/evil.txt/x.cgi"} {
			res := d.Do(harness.Request{Path: path, Params: map[string]string{"SCRIPT_FILENAME": "-"}})
			if res.Status != 403 || res.Body != "Access denied.\n" {
				t.Errorf("%s got %d %q, want 403", path, res.Status, res.Body)
			}
			d.Log.Expect(`Access to the script '.*/evil.txt' has been denied \(see security.limit_extensions\)`)
		}
	})
}
