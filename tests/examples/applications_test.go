//go:build integration

package examples

import (
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

func TestWSGI(t *testing.T) {
	everybody(t, "wsgi", nil, func(t *testing.T, web harness.Browser) {
		expect(t, web.Fetch(t, "GET", "/", "", nil), 200, "<h1>Notice board</h1>")
		got := web.Fetch(t, "POST", "/notes", "note=%3Cb%3EH%C3%A9llo", form)
		to, err := url.Parse(got.Header.Get("Location"))
		if got.Status != 302 || err != nil {
			t.Fatalf("got %v, want a redirect", got)
		}
		expect(t, web.Fetch(t, "GET", to.RequestURI(), "", nil), 200, "<blockquote>&lt;b&gt;Héllo</blockquote>")
		expect(t, web.Fetch(t, "POST", "/notes", "note=", form), 422, "an empty note")
		expect(t, web.Fetch(t, "GET", "/absent", "", nil), 404, "Not Found")

		if got := web.Fetch(t, "GET", "/primes/30", "", nil); strings.Join(strings.Fields(got.Body), " ") != "2 3 5 7 11 13 17 19 23 29" {
			t.Errorf("got %v", got)
		}
		if got := web.Fetch(t, "GET", "/primes", "", nil); !strings.HasSuffix(got.Body, "\n97\n") {
			t.Errorf("got %v", got)
		}
		expect(t, web.Fetch(t, "GET", "/primes/many", "", nil), 404, "please")
	})
}

func TestFastCGIC(t *testing.T) {
	build := func(t *testing.T, dir string) { run(t, dir, "make", "clean", "mandelbrot") }
	everybody(t, "fastcgi-c", build, func(t *testing.T, web harness.Browser) {
		for range 3 {
			got := web.Fetch(t, "GET", "/mandelbrot?width=600", "", nil)
			const head = "P5\n600 400\n255\n"
			if !strings.HasPrefix(got.Body, head) || len(got.Body) != len(head)+600*400 {
				t.Fatalf("got %d bytes: %v", len(got.Body), got)
			}
			// The middle row is the real axis: -1 is in the set, +1 is not.
			row := got.Body[len(head)+200*600:][:600]
			if row[200] != 0 || row[599] == 0 {
				t.Errorf("the picture has %d at -1 and %d at +1", row[200], row[599])
			}
		}
		expect(t, web.Fetch(t, "GET", "/mandelbrot?width=1", "", nil), 400, "between 16 and 2048")
	})
}

func TestFastCGIGo(t *testing.T) {
	build := func(t *testing.T, dir string) {
		run(t, harness.Root(t), "go", "build", "-o", filepath.Join(dir, "clock"), "./examples/fastcgi-go")
	}
	everybody(t, "fastcgi-go", build, func(t *testing.T, web harness.Browser) {
		expect(t, web.Fetch(t, "GET", "/Atlantis", "", nil), 404, "unknown time zone")
		expect(t, web.Fetch(t, "GET", "/Europe/Berlin", "", nil), 200, " +0")
		expect(t, web.Fetch(t, "POST", "/", "moment=now", form), 422, "please")
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				got := web.Fetch(t, "POST", "/Asia/Tokyo", "moment=2026-02-03T04:05:06Z", form)
				if got.Body != "Tue, 03 Feb 2026 13:05:06 +0900\n" {
					t.Errorf("got %v", got)
				}
			})
		}
		all.Wait()
	})
}
