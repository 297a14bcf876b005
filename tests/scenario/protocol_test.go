//go:build integration

package scenario

import (
	"bytes"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// What is not FastCGI ends the connection and nothing else: one log line, and
// the next request works.
func TestMalformedRecords(t *testing.T) {
	begin := harness.Begin(1, harness.Responder, 0)
	params := func(content ...byte) []byte {
		return append(bytes.Clone(begin), harness.Stream(harness.Params, 1, content)...)
	}
	cases := map[string][]byte{
		"HTTP":                       []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"zeros":                      make([]byte, 64),
		"ones":                       bytes.Repeat([]byte{0xff}, 64),
		"version 0":                  {0, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0},
		"version 2":                  {2, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0},
		"short BEGIN_REQUEST":        {1, 1, 0, 1, 0, 4, 0, 0, 0, 1, 0, 0},
		"long BEGIN_REQUEST":         harness.Record{Type: harness.BeginRequest, ID: 1, Content: make([]byte, 9)}.Bytes(),
		"request id 0":               harness.Begin(0, harness.Responder, 0),
		"same id twice":              append(bytes.Clone(begin), begin...),
		"STDIN before PARAMS":        append(bytes.Clone(begin), harness.Stream(harness.Stdin, 1, []byte("early"))...),
		"STDOUT from a client":       append(bytes.Clone(begin), harness.Stream(harness.Stdout, 1, []byte("mine"))...),
		"name longer than PARAMS":    params(200, 0, 'x'),
		"value longer than PARAMS":   params(1, 100, 'x', 'y'),
		"4 GB name":                  params(0xff, 0xff, 0xff, 0xff, 0, 'x'),
		"4 GB value":                 params(1, 0xff, 0xff, 0xff, 0xff, 'x'),
		"length cut in the middle":   params(0x80, 0, 0),
		"PARAMS with one stray byte": params(append(harness.Pair("A", "b"), 7)...),
	}
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		for name, input := range cases {
			t.Run(name, func(t *testing.T) {
				d := d.For(t)
				c := d.Dial()
				c.Send(input)
				c.ExpectClosed()
				d.Log.Expect(`WARNING: \[pool www\] connection closed over a violation of FastCGI`)
				d.ExpectWorks()
			})
		}
	})
}

// Every record may be cut anywhere, padded, or split over many; streams of
// several requests may be mixed. It comes to the same.
func TestRecordForms(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 2\n", func(t *testing.T, d *harness.Daemon) {
		d.Script("echo.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s ' \"$X_LONG\"\nexec cat")
		long := strings.Repeat("v", 1000)
		r := d.Request(harness.Request{Path: "/echo.sh", Body: []byte("body"), Params: map[string]string{"X_LONG": long}})
		want := long + " body"

		t.Run("byte by byte", func(t *testing.T) {
			c := d.For(t).Dial()
			for _, b := range r.Bytes(1) {
				c.Send([]byte{b})
			}
			expectBody(t, c.Response(1), want)
		})
		t.Run("records of one byte, all padded", func(t *testing.T) {
			c := d.For(t).Dial()
			c.Send(split(r.Bytes(513), 1, 255))
			expectBody(t, c.Response(513), want)
		})
		t.Run("the largest request id", func(t *testing.T) {
			c := d.For(t).Dial()
			c.Send(r.Bytes(65535))
			expectBody(t, c.Response(65535), want)
		})
		t.Run("two requests mixed record by record", func(t *testing.T) {
			c := d.For(t).Dial()
			r.KeepConn = true
			a, b := records(split(r.Bytes(1), 100, 0)), records(split(r.Bytes(2), 100, 0))
			for i := range a {
				c.Send(a[i], b[i])
			}
			for id, res := range c.Responses(1, 2) {
				t.Logf("request %d", id)
				expectBody(t, res, want)
			}
		})
		t.Run("a parameter sent twice: the last wins", func(t *testing.T) {
			c := d.For(t).Dial()
			twice := append(harness.Pair("X_LONG", "first"), harness.Pair("X_LONG", "last")...)
			head := r.Head(1)
			head = head[:len(head)-8] // without the end of PARAMS
			c.Send(head, harness.Stream(harness.Params, 1, twice), harness.Stream(harness.Stdin, 1, nil))
			expectBody(t, c.Response(1), "last ")
		})
		t.Run("names with = or NUL never reach the environment", func(t *testing.T) {
			d.Script("env.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nenv | grep -c X_EVIL")
			res := d.Do(harness.Request{Path: "/env.sh", Params: map[string]string{
				"X_EVIL=a": "b", "X_EVIL\x00": "c", "X_OK\x00X_EVIL": "d", "": "X_EVIL",
			}})
			expectBody(t, res, "0\n")
		})
	})
}

// FCGI_KEEP_CONN keeps the connection and its absence closes it.
func TestKeepConn(t *testing.T) {
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		c := d.Dial()
		for range 100 {
			c.Send(d.Request(harness.Request{Path: "/ping", KeepConn: true}).Bytes(1))
			expectBody(t, c.Response(1), "pong")
		}
		c.Send(d.Request(harness.Request{Path: "/works.sh"}).Bytes(2))
		expectBody(t, c.Response(2), "works")
		c.ExpectClosed()
	})
}

// Several requests on one connection run at the same time.
func TestMultiplexing(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 3\n", func(t *testing.T, d *harness.Daemon) {
		gate := d.Gate()
		c := d.Dial()
		for id := range uint16(3) {
			c.Send(d.Request(harness.Request{Path: "/hold.sh", KeepConn: true}).Bytes(id + 1))
		}
		d.AwaitProcesses("hold.sh", 3)
		c.Send(d.Request(harness.Request{Path: "/missing.sh", KeepConn: true}).Bytes(4))
		if res := c.Response(4); res.Status != 404 {
			t.Errorf("the fourth got %d", res.Status)
		}
		gate.Open(3)
		for _, res := range c.Responses(1, 2, 3) {
			expectBody(t, res, "held")
		}
	})
}

// The records for the application as a whole are answered.
func TestManagementRecords(t *testing.T) {
	suite.Everybody(t, oneWorker, func(t *testing.T, d *harness.Daemon) {
		c := d.Dial()
		values := c.Values("FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS", "FCGI_NO_SUCH_VARIABLE")
		if values["FCGI_MPXS_CONNS"] != "1" {
			t.Errorf("FCGI_MPXS_CONNS is %q, want 1", values["FCGI_MPXS_CONNS"])
		}
		for _, name := range []string{"FCGI_MAX_CONNS", "FCGI_MAX_REQS"} {
			if n := values[name]; n == "" || n == "0" {
				t.Errorf("%s is %q", name, n)
			}
		}
		if _, known := values["FCGI_NO_SUCH_VARIABLE"]; known {
			t.Errorf("an unknown variable was answered")
		}

		c.Send(harness.Record{Type: 99, Content: []byte("what is this")}.Bytes())
		if rec := c.Read(); rec.Type != harness.UnknownType || rec.ID != 0 || rec.Content[0] != 99 {
			t.Errorf("a record of type 99 was answered with %+v", rec)
		}

		c.Send(harness.Begin(7, 42, harness.KeepConn), harness.Stream(harness.Params, 7, nil))
		if res := c.Response(7); res.ProtocolStatus != harness.UnknownRole {
			t.Errorf("role 42 got protocolStatus %d, want %d", res.ProtocolStatus, harness.UnknownRole)
		}

		c.Send(d.Request(harness.Request{Path: "/works.sh"}).Bytes(8))
		expectBody(t, c.Response(8), "works")
	})
}

// FCGI_ABORT_REQUEST ends the request for the web server; the connection
// serves the next one.
func TestAbortRequest(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 2\non_client_abort = terminate\n", func(t *testing.T, d *harness.Daemon) {
		d.Gate()
		c := d.Dial()
		c.Send(d.Request(harness.Request{Path: "/hold.sh", KeepConn: true}).Bytes(1))
		d.AwaitProcesses("hold.sh", 1)
		c.Send(harness.Record{Type: harness.AbortRequest, ID: 1}.Bytes())
		if res := c.Response(1); !res.Ended {
			t.Errorf("no END_REQUEST")
		}
		d.AwaitProcesses("hold.sh", 0)
		c.Send(harness.Record{Type: harness.AbortRequest, ID: 77}.Bytes()) // of no request: ignored
		c.Send(d.Request(harness.Request{Path: "/works.sh"}).Bytes(2))
		expectBody(t, c.Response(2), "works")
	})
}

// Parameters of a size that no web server sends are refused, not stored.
func TestOversizedParams(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, oneWorker)
	c := d.Dial()
	c.Send(harness.Begin(1, harness.Responder, 0))
	chunk := harness.Chunks(harness.Params, 1, append(harness.Pair("X", strings.Repeat("x", 60000)), harness.Pair("Y", "")...))
	for range 2000 { // 120 MB
		if _, err := c.Write(chunk); err != nil {
			break
		}
	}
	d.ExpectPeakBelow(d.Supervisor("www"), 32)
	d.ExpectWorks()
}

func expectBody(t *testing.T, res harness.Response, want string) {
	t.Helper()
	if res.Status != 200 || res.Body != want {
		t.Errorf("got %d %.200q, stderr %q, want %.200q", res.Status, res.Body, res.Stderr, want)
	}
}

// records cuts bytes into the records they are.
func records(b []byte) [][]byte {
	var all [][]byte
	for len(b) > 0 {
		n := 8 + int(b[4])<<8 + int(b[5]) + int(b[6])
		all = append(all, b[:n])
		b = b[n:]
	}
	return all
}

// split makes of every stream record several with at most so much content,
// each padded.
func split(b []byte, most int, padding byte) []byte {
	var out []byte
	for _, rec := range records(b) {
		content := rec[8 : len(rec)-int(rec[6])]
		id := uint16(rec[2])<<8 | uint16(rec[3])
		if rec[1] == harness.BeginRequest || len(content) == 0 {
			out = append(out, rec...)
			continue
		}
		for len(content) > 0 {
			n := min(most, len(content))
			out = append(out, harness.Record{Type: rec[1], ID: id, Content: content[:n], Padding: padding}.Bytes()...)
			content = content[n:]
		}
	}
	return out
}
