//go:build integration

package webserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A chunked body of unknown length, unbuffered by nginx, arrives whole: its
// CONTENT_LENGTH is empty and its end is the stream's.
func TestChunkedBody(t *testing.T) {
	for name, location := range map[string]string{"buffered": "", "unbuffered": "fastcgi_request_buffering off;"} {
		for streaming, line := range map[string]string{"read first": "", "streamed": "request_body.streaming = yes\n"} {
			t.Run(name+" and "+streaming, func(t *testing.T) {
				suite.Everybody(t, pool+line, func(t *testing.T, d *harness.Daemon) {
					d.Script("count.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nwc -c")
					web := behind(t, d, harness.Site{Location: location, KeepAlive: 2})
					const size = 30 << 20
					r, err := http.NewRequest("POST", string(web.Browser)+"/count.sh", io.LimitReader(zeros{}, size))
					if err != nil {
						t.Fatal(err)
					}
					if got := web.Do(t, r); strings.TrimSpace(got.Body) != fmt.Sprint(size) {
						t.Errorf("got %v, want %d bytes", got, size)
					}
				})
			})
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// With fastcgi_buffering off what a script writes reaches the browser while
// the script goes on.
func TestStreamedResponse(t *testing.T) {
	suite.Everybody(t, pool, func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		d.Script("parts.sh", fmt.Sprintf("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nfirst'\nread x <%s\nprintf second", gate.Path))
		web := behind(t, d, harness.Site{Location: "fastcgi_buffering off;"})
		res, err := harness.Client().Get(string(web.Browser) + "/parts.sh")
		if err != nil {
			t.Fatal(err)
		}
		first := make([]byte, len("first"))
		if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "first" {
			t.Fatalf("got %q, %v while the script waits", first, err)
		}
		gate.Open(1)
		if got := harness.ReadHTTP(t, res); got.Body != "second" {
			t.Errorf("then got %q", got.Body)
		}
	})
}

// A large file goes through unchanged in both directions.
func TestLargeFile(t *testing.T) {
	d := suite.Start(t, pool)
	d.Script("echo.sh", "#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\n\\n'\nsha256sum")
	d.Script("file.sh", "#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\n\\n'\nhead -c 200000000 /dev/zero")
	web := behind(t, d, harness.Site{KeepAlive: 2, Location: "fastcgi_request_buffering off;"})
	const size = 200000000
	const sum = "d162f6594b643795442d4c7bba3a1711962b9e63717625d9f1f9696df315c86b"
	r, err := http.NewRequest("POST", string(web.Browser)+"/echo.sh", io.LimitReader(zeros{}, size))
	if err != nil {
		t.Fatal(err)
	}
	if got := web.Do(t, r); !strings.HasPrefix(got.Body, sum) {
		t.Errorf("the upload's sum is %s", got.Body)
	}
	if got := web.Fetch(t, "GET", "/file.sh", "", nil); len(got.Body) != size || strings.Trim(got.Body, "\x00") != "" {
		t.Errorf("the download has %d bytes", len(got.Body))
	}
	d.ExpectPeakBelow(d.Supervisor("www"), 32)
}

// nginx whose browser has gone gives the request up and closes its connection,
// by unix socket or TCP: on_client_abort = terminate ends the script, which has
// not said anything.
func TestBrowserGone(t *testing.T) {
	for name, listen := range map[string]string{"unix": "", "tcp": "listen = 127.0.0.1:{{PORT}}\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := suite.Start(t, pool+"on_client_abort = terminate\n"+listen)
			d.Gate()
			web := behind(t, d, harness.Site{KeepAlive: 2})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			r, err := http.NewRequestWithContext(ctx, "GET", string(web.Browser)+"/hold.sh", nil)
			if err != nil {
				t.Fatal(err)
			}
			over := make(chan error, 1)
			go func() {
				_, err := harness.Client().Do(r)
				over <- err
			}()
			d.AwaitProcesses("hold.sh", 1)
			leave()
			if err := <-over; !errors.Is(err, context.Canceled) {
				t.Errorf("the browser got an answer, or %v", err)
			}
			d.AwaitProcesses("hold.sh", 0)
			d.ExpectWorks()
		})
	}
}

// A response that is under way when the service is stopped at once breaks off.
func TestStoppedResponse(t *testing.T) {
	suite.Everybody(t, pool, func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		d.Script("parts.sh", fmt.Sprintf("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nfirst'\nread x <%s", gate.Path))
		web := behind(t, d, harness.Site{Location: "fastcgi_buffering off;"})
		res, err := harness.Client().Get(string(web.Browser) + "/parts.sh")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		d.Signal(syscall.SIGTERM)
		if body, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%q looks whole", body)
		}
	})
}

// What a script that dies has sent is not the whole response, to the browser
// and to nginx's cache, also where nginx expects the connection to be closed.
func TestHalfResponse(t *testing.T) {
	for name, listen := range map[string]string{"unix": "", "tcp": "listen = 127.0.0.1:{{PORT}}\n"} {
		t.Run(name, func(t *testing.T) {
			suite.Everybody(t, pool+listen, func(t *testing.T, d *harness.Daemon) {
				d.Script("half.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nhead -c \"$QUERY_STRING\" /dev/zero\nkill -KILL $$")
				for _, location := range []string{"", "fastcgi_buffering off;", "fastcgi_keep_conn on;"} {
					web := behind(t, d, harness.Site{Location: location})
					for _, size := range []string{"100", "1000000"} {
						res, err := harness.Client().Get(string(web.Browser) + "/half.sh?" + size)
						if err != nil {
							continue // nginx had not even sent the header
						}
						body, err := io.ReadAll(res.Body)
						_ = res.Body.Close()
						if err == nil {
							t.Errorf("%q: %d of %s bytes look whole", location, len(body), size)
						}
					}
					web.Log.Expect(`FastCGI sent in stderr: "anyfpm: the response breaks off`)
				}
			})
		})
	}
}
