package resident_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// nginxVariables is what Debian's nginx sends for a GET of a browser.
var nginxVariables = []string{
	"QUERY_STRING=", "REQUEST_METHOD=GET", "CONTENT_TYPE=", "CONTENT_LENGTH=", "SCRIPT_NAME=", "PATH_INFO=/hello",
	"REQUEST_URI=/hello", "DOCUMENT_URI=/hello", "DOCUMENT_ROOT=/usr/share/nginx/html", "SERVER_PROTOCOL=HTTP/1.1",
	"REQUEST_SCHEME=http", "GATEWAY_INTERFACE=CGI/1.1", "SERVER_SOFTWARE=nginx/1.22.1", "REMOTE_ADDR=127.0.0.1",
	"REMOTE_PORT=45678", "REMOTE_USER=", "SERVER_ADDR=127.0.0.1", "SERVER_PORT=80", "SERVER_NAME=localhost",
	"REDIRECT_STATUS=200", "HTTP_HOST=localhost:8080", "HTTP_USER_AGENT=Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	"HTTP_ACCEPT=text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "HTTP_ACCEPT_LANGUAGE=en-US,en;q=0.5",
	"HTTP_ACCEPT_ENCODING=gzip, deflate, br", "HTTP_CONNECTION=keep-alive", "REQUEST_QUEUE_TIME=0.000012",
}

// A driver repeats one request as fast as the worker answers.
type driver struct {
	*worker
	message []byte
	buf     []byte
}

func newDriver(w *worker, script string) *driver {
	block := strings.Join(append(nginxVariables, "SCRIPT_FILENAME="+script), "\x00") + "\x00"
	return &driver{w, resident.AppendRequest(nil, &resident.Request{Script: script, Variables: []byte(block)}), make([]byte, 65536)}
}

// once sends the request and reads to the end of its answer, draining stdout
// as a supervisor does.
func (d *driver) once(b *testing.B) {
	if _, err := unix.Write(d.control, d.message); err != nil {
		b.Fatal(err)
	}
	for {
		n, err := unix.Read(d.control, d.buf)
		if n <= 0 {
			b.Fatalf("worker is gone: %v %s", err, d.log.String())
		}
		for p := d.buf[:n]; ; {
			ev, used, err := d.decoder.Next(p)
			if err != nil {
				b.Fatal(err)
			}
			p = p[used:]
			if ev.Kind == resident.EventEnd {
				if ev.Status != 0 {
					d.drain(nil)
					b.Fatalf("status %d: %s", ev.Status, d.log.String())
				}
				if ev.Flags&resident.DrainStdout != 0 {
					for {
						if n, _ := unix.Read(d.stdout, d.buf[n:]); n <= 0 {
							break
						}
					}
				}
			}
			if ev.Kind != resident.EventNone && ev.Final {
				return
			}
			if ev.Kind == resident.EventNone {
				break
			}
		}
	}
}

// cpu returns the processor time of a process.
func cpu(b *testing.B, pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	check(b, err)
	var ns int64
	_, err = fmt.Sscan(string(text), &ns)
	check(b, err)
	return time.Duration(ns)
}

// benchmark reports how many requests a worker serves in a second of its own
// processor time, whatever else the machine does.
func benchmark(b *testing.B, kind, script string, start resident.Start) {
	w := spawn(b, kind, start)
	check(b, unix.SetNonblock(w.control, false))
	d := newDriver(w, script)
	for range 200 {
		d.once(b)
	}
	before := cpu(b, w.pid)
	b.ResetTimer()
	for range b.N {
		d.once(b)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/(cpu(b, w.pid)-before).Seconds(), "req/s/core")
}

const helloPython = `
import sys
sys.stdout.write("Content-Type: text/plain\n\nhello, world\n")
`

const helloPythonImports = `
import json, datetime, urllib.parse, html, re
print("Content-Type: application/json\n")
print(json.dumps({"hello": "world"}))
`

const helloWSGI = `
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello, world\n"]
`

func BenchmarkPython(b *testing.B) {
	benchmark(b, "python", writeScript(b, "hello.py", helloPython), resident.Start{})
}

func BenchmarkPythonImports(b *testing.B) {
	benchmark(b, "python", writeScript(b, "hello.py", helloPythonImports), resident.Start{})
}

func BenchmarkWSGI(b *testing.B) {
	path := writeScript(b, "hello.py", helloWSGI)
	benchmark(b, "wsgi", "", resident.Start{Application: "hello:application", Path: []string{strings.TrimSuffix(path, "/hello.py")}})
}

// benchmarkFork reports how many requests per second of processor time a
// zygote and its children serve, each child one request.
func benchmarkFork(b *testing.B, kind, script string, start resident.Start) {
	start.Once = true
	z := spawnZygote(b, kind, start)
	z.send(resident.AppendCompile(nil, script))
	started := cpu(b, z.pid)
	b.ResetTimer()
	const ahead = 4
	var idle []*worker
	for i := range b.N + ahead {
		if i < b.N {
			idle = append(idle, z.forkUnready())
		}
		if i < ahead {
			continue
		}
		w := idle[0]
		idle = idle[1:]
		z.awaitReady(w)
		if r := w.do(request{script: script, variables: nginxVariables}); r.status != 0 || r.stdout() == "" {
			b.Fatalf("%+v", r)
		}
		z.awaitExit(w.pid)
		w.close()
	}
	b.StopTimer()
	cmd := z.cmd
	z.close()
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime() // with its children's
	b.ReportMetric(float64(b.N)/(used-started).Seconds(), "req/s/core")
}

func BenchmarkPythonFork(b *testing.B) {
	benchmarkFork(b, "python", writeScript(b, "hello.py", helloPythonImports), resident.Start{
		Preload: []string{"json", "datetime", "urllib.parse", "html", "re"},
	})
}

const helloPerl = `
print "Content-Type: text/plain\n\nhello, world\n";
`

const helloPerlModules = `
use strict; use warnings; use POSIX (); use List::Util (); use Time::Local (); use Encode ();
print "Content-Type: text/plain\n\nhello, world\n";
`

func BenchmarkPerl(b *testing.B) {
	benchmark(b, "perl", writeScript(b, "hello.pl", helloPerl), resident.Start{})
}

func BenchmarkPerlModules(b *testing.B) {
	benchmark(b, "perl", writeScript(b, "hello.pl", helloPerlModules), resident.Start{})
}

func BenchmarkPerlFork(b *testing.B) {
	benchmarkFork(b, "perl", writeScript(b, "hello.pl", helloPerlModules), resident.Start{
		Preload: []string{"POSIX", "List::Util", "Time::Local", "Encode"},
	})
}

const helloRuby = `
print "Content-Type: text/plain\n\nhello, world\n"
`

func BenchmarkRuby(b *testing.B) {
	benchmark(b, "ruby", writeScript(b, "hello.rb", helloRuby), resident.Start{})
}

func BenchmarkRubyFork(b *testing.B) {
	benchmarkFork(b, "ruby", writeScript(b, "hello.rb", helloRuby), resident.Start{Preload: []string{"json", "time"}})
}
