//go:build integration

package scenario

import (
	"slices"
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
