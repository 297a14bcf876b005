//go:build integration

package examples

import (
	"bytes"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A FastCGI program in Perl, with FCGI.pm.
func TestFCGIPerl(t *testing.T) {
	const script = `#!/usr/bin/perl
use strict;
use warnings;
use FCGI;

my $served = 0;
my $request = FCGI::Request();
while ($request->Accept() >= 0) {
    read STDIN, my $body, $ENV{CONTENT_LENGTH} || 0;
    $served++;
    print "Content-Type: text/plain\r\nX-Served: $served\r\n\r\n$ENV{REQUEST_METHOD} $ENV{QUERY_STRING} ", scalar reverse $body;
    print STDERR "$served served\n";
}
`
	program(t, map[string]string{"reverse.fcgi": script}, "runner.command = {{APP}}/reverse.fcgi\n", func(t *testing.T, web harness.Browser) {
		for _, served := range []string{"1", "2", "3"} {
			got := web.Fetch(t, "POST", "/any?a=b", strings.Repeat("ab", 50000), nil)
			if got.Body != "POST a=b "+strings.Repeat("ba", 50000) || got.Header.Get("X-Served") != served {
				t.Errorf("got %v, want it to be request %s of the worker", got, served)
			}
		}
		expect(t, web.Fetch(t, "GET", "/?x", "", nil), 200, "GET x ")
	})
}

// mapserv of Debian's cgi-mapserver draws a map that is described in a file.
func TestMapserv(t *testing.T) {
	const mapserv = "/usr/lib/cgi-bin/mapserv"
	if _, err := os.Stat(mapserv); err != nil {
		t.Fatal("mapserv is missing: run scripts/install-test-deps")
	}
	const world = `MAP
	NAME "test"
	SIZE 200 100
	EXTENT 0 0 200 100
	IMAGECOLOR 255 255 255
	IMAGETYPE "png"
	LAYER
		NAME "square"
		TYPE POLYGON
		STATUS DEFAULT
		FEATURE POINTS 50 25 150 25 150 75 50 75 50 25 END END
		CLASS STYLE COLOR 255 0 0 END END
	END
END
`
	files := map[string]string{"world.map": world, "mapserver.conf": "CONFIG\nENV\nMS_MAPFILE \"{{APP}}/world.map\"\nEND\nEND\n"}
	conf := "runner.command = " + mapserv + "\nenv[MAPSERVER_CONFIG_FILE] = {{APP}}/mapserver.conf\n"
	program(t, files, conf, func(t *testing.T, web harness.Browser) {
		for range 3 {
			got := web.Fetch(t, "GET", "/?mode=map&layers=all", "", nil)
			if got.Status != 200 || got.Header.Get("Content-Type") != "image/png" {
				t.Fatalf("got %d %s, want a picture", got.Status, got.Body)
			}
			picture, err := png.Decode(bytes.NewReader([]byte(got.Body)))
			if err != nil {
				t.Fatal(err)
			}
			r, g, _, _ := picture.At(100, 50).RGBA()
			if r != 0xffff || g != 0 {
				t.Errorf("the middle of the map is %v", picture.At(100, 50))
			}
		}
	})
}

// program runs a pool of one FastCGI program, made of some files in {{APP}},
// behind nginx that keeps its connections, as every identity there is.
func program(t *testing.T, files map[string]string, conf string, test func(t *testing.T, web harness.Browser)) {
	t.Helper()
	t.Parallel()
	for _, as := range harness.Identities() {
		t.Run(as.Name, func(t *testing.T) {
			t.Parallel()
			box := harness.NewSandbox(t, as)
			for name, text := range files {
				box.Script(name, strings.ReplaceAll(text, "{{APP}}", box.WWW))
			}
			conf := "[www]\npm = static\npm.max_children = 1\nrunner = fastcgi\n" + strings.ReplaceAll(conf, "{{APP}}", box.WWW)
			d := harness.Start(t, suite.Service(conf, as))
			test(t, harness.StartNginx(t, harness.Site{Upstream: d.Address(), KeepAlive: 2, Root: d.WWW}, as).Browser)
		})
	}
}
