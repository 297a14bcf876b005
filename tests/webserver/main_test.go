//go:build integration

package webserver

import (
	"os"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

var suite harness.Suite

func TestMain(m *testing.M) { os.Exit(suite.Run(m)) }

const pool = "[www]\npm = static\npm.max_children = 4\n"

// behind starts nginx in front of a service's first pool.
func behind(t *testing.T, d *harness.Daemon, site harness.Site) *harness.Nginx {
	t.Helper()
	site.Upstream, site.Root = d.Address(), d.WWW
	return harness.StartNginx(t, site, d.As())
}
