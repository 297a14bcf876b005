package supervisor

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/config"
)

const echoScript = "#!/bin/sh\necho Content-Type: text/plain\necho\necho \"$REQUEST_METHOD $QUERY_STRING\"\ncat\n"

// exchange writes raw bytes and returns all that comes back until the server
// closes.
func (g *rig) exchange(raw []byte) []byte {
	g.t.Helper()
	c := g.dial()
	if _, err := c.Write(raw); err != nil {
		g.t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		g.t.Fatal(err)
	}
	return got
}

func TestRequestsShareAConnection(t *testing.T) {
	g := start(t, defaults())
	script := g.script("echo", echoScript)
	var raw []byte
	for id := uint16(1); id <= 8; id++ {
		keep := fcgi.FlagKeepConn
		if id == 8 {
			keep = 0
		}
		raw = append(raw, encode(id, keep, params(script, "QUERY_STRING", fmt.Sprint("n=", id)), "body")...)
	}
	replies := decode(t, g.exchange(raw))
	for id := uint16(1); id <= 8; id++ {
		if want := fmt.Sprintf("\r\n\r\nGET n=%d\nbody", id); !strings.HasSuffix(replies[id].stdout, want) || replies[id].end == nil {
			t.Errorf("request %d got %+v", id, replies[id])
		}
	}
}

// However the bytes of a request are cut, the answer is the same.
func TestRequestInPieces(t *testing.T) {
	g := start(t, defaults())
	script := g.script("echo", echoScript)
	raw := encode(1, 0, params(script), "some body")
	for _, size := range []int{1, 2, 3, 7, 8, 9, 100} {
		c := g.dial()
		for rest := raw; len(rest) > 0; {
			n := min(size, len(rest))
			if _, err := c.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		got, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(decode(t, got)[1].stdout, "some body") {
			t.Errorf("in pieces of %d: %q", size, got)
		}
	}
}

// Interleaved records of two requests are told apart.
func TestInterleavedRequests(t *testing.T) {
	g := start(t, defaults())
	script := g.script("echo", echoScript)
	pairs := func(query string) (b []byte) {
		p := params(script, "QUERY_STRING", query)
		for i := 0; i < len(p); i += 2 {
			b = fcgi.AppendPair(b, p[i], p[i+1])
		}
		return b
	}
	b := fcgi.AppendBegin(nil, 1, fcgi.RoleResponder, fcgi.FlagKeepConn)
	b = fcgi.AppendBegin(b, 2, fcgi.RoleResponder, 0)
	one, two := pairs("one=1"), pairs("two=2")
	for i := range max(len(one), len(two)) { // a byte per record
		if i < len(one) {
			b = fcgi.AppendRecord(b, fcgi.TypeParams, 1, one[i:i+1])
		}
		if i < len(two) {
			b = fcgi.AppendRecord(b, fcgi.TypeParams, 2, two[i:i+1])
		}
	}
	for id := uint16(1); id <= 2; id++ {
		b = fcgi.AppendStreamEnd(b, fcgi.TypeParams, id)
	}
	for id := uint16(2); id >= 1; id-- {
		b = fcgi.AppendStream(b, fcgi.TypeStdin, id, []byte(fmt.Sprint("body", id)))
		b = fcgi.AppendStreamEnd(b, fcgi.TypeStdin, id)
	}
	replies := decode(t, g.exchange(b))
	for id, want := range map[uint16]string{1: "GET one=1\nbody1", 2: "GET two=2\nbody2"} {
		if !strings.HasSuffix(replies[id].stdout, want) {
			t.Errorf("request %d got %q", id, replies[id].stdout)
		}
	}
}

// Each violation of the protocol has its answer, or the end of the
// connection, and one line in the log; others are not disturbed.
func TestBadRecords(t *testing.T) {
	g := start(t, defaults())
	script := g.script("echo", echoScript)
	begin := fcgi.AppendBegin(nil, 1, fcgi.RoleResponder, 0)
	good := encode(1, 0, params(script), "")
	for _, test := range []struct {
		name string
		raw  []byte
		want []byte // the whole answer
		log  string
	}{
		{"version 2", append([]byte{2}, good[1:]...), nil, "version"},
		{"short BEGIN_REQUEST", []byte{1, 1, 0, 1, 0, 4, 0, 0, 0, 1, 0, 0}, nil, "BEGIN_REQUEST"},
		{"lying lengths", append(append(begin[:16:16], fcgi.AppendRecord(nil, fcgi.TypeParams, 1, []byte{9, 9, 'x'})...),
			fcgi.AppendStreamEnd(nil, fcgi.TypeParams, 1)...), nil, "cannot parse parameters"},
		{"STDIN before PARAMS", append(begin[:16:16], fcgi.AppendRecord(nil, fcgi.TypeStdin, 1, []byte("x"))...), nil, "before the end of PARAMS"},
		{"the same id twice", append(begin[:16:16], begin...), nil, "still open"},
		{"STDOUT from a web server", append(begin[:16:16], fcgi.AppendRecord(nil, fcgi.TypeStdout, 1, []byte("x"))...), nil, "STDOUT"},
		{"unknown role", fcgi.AppendStreamEnd(fcgi.AppendStreamEnd(fcgi.AppendBegin(nil, 1, 9, 0), fcgi.TypeParams, 1), fcgi.TypeStdin, 1),
			fcgi.AppendEnd(nil, 1, 0, fcgi.StatusUnknownRole), ""},
	} {
		if got := g.exchange(test.raw); !bytes.Equal(got, test.want) {
			t.Errorf("%s: got % x", test.name, got)
		}
		if !strings.Contains(g.log.String(), test.log) {
			t.Errorf("%s: the log does not mention %q:\n%s", test.name, test.log, g.log)
		}
		g.log.reset()
		if got := decode(t, g.exchange(good))[1]; !strings.HasSuffix(got.stdout, "GET \n") {
			t.Errorf("after %s: %q", test.name, got.stdout)
		}
	}
}

// Records of unknown types and for unknown requests are answered or ignored,
// and the connection goes on.
func TestHarmlessRecords(t *testing.T) {
	g := start(t, defaults())
	script := g.script("echo", echoScript)
	raw := []byte{1, 77, 0, 0, 0, 3, 5, 0, 'a', 'b', 'c', 0, 0, 0, 0, 0}
	raw = fcgi.AppendGetValues(raw)
	raw = fcgi.AppendRecord(raw, fcgi.TypeStdin, 9, []byte("nobody's"))
	raw = fcgi.AppendAbort(raw, 9)
	raw = append(raw, encode(3, 0, params(script), "x")...)
	got := g.exchange(raw)
	if want := fcgi.AppendUnknownType(nil, 77); !bytes.HasPrefix(got, want) {
		t.Errorf("no UNKNOWN_TYPE: % x", got[:min(len(got), 32)])
	}
	if !bytes.Contains(got, []byte("FCGI_MPXS_CONNS1")) {
		t.Errorf("no answer to GET_VALUES: %q", got)
	}
	if r := decode(t, got)[3]; !strings.HasSuffix(r.stdout, "GET \nx") {
		t.Errorf("the request got %+v", r)
	}
}

// A client may go away after any byte of its request.
func TestClientGoesAwayAnywhere(t *testing.T) {
	g := start(t, defaults())
	script := g.script("echo", echoScript)
	raw := encode(1, 0, params(script), "body")
	for n := range len(raw) {
		c := g.dial()
		if _, err := c.Write(raw[:n]); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	if got := decode(t, g.exchange(raw))[1]; !strings.HasSuffix(got.stdout, "body") {
		t.Errorf("got %q", got.stdout)
	}
	g.settled()
}

// A queued request is dropped when its client aborts it or goes away, one too
// many is refused, and status and ping are answered all the time.
func TestQueue(t *testing.T) {
	cfg := defaults()
	cfg.MaxChildren, cfg.QueueMaxLength = 1, 2
	g := start(t, cfg)
	fifo := g.fifo("fifo")
	blocking := g.script("block", "#!/bin/sh\necho A: b\necho\nread x < "+fifo+"\necho done\n")
	first := g.dial()
	_, _ = first.Write(encode(1, 0, params(blocking), ""))
	g.until("a worker is busy", func(s *Supervisor) bool { return len(s.conns) == 1 && s.pool.Failed() == false && s.busy() == 1 })

	second := g.dial()
	_, _ = second.Write(encode(1, fcgi.FlagKeepConn, params(blocking), ""))
	third := g.dial()
	_, _ = third.Write(encode(1, 0, params(blocking), ""))
	g.until("two requests wait", func(s *Supervisor) bool { return s.waiting() == 2 })

	if got := g.get(params(blocking), ""); !strings.HasPrefix(got.stdout, "Status: 503") || !strings.Contains(got.stdout, "Retry-After: ") {
		t.Errorf("with a full queue: %q", got.stdout)
	}
	if got := g.get(params("/x", "SCRIPT_NAME", "/ping"), ""); !strings.HasSuffix(got.stdout, "\r\n\r\npong") {
		t.Errorf("ping: %q", got.stdout)
	}
	got := g.get(params("/x", "SCRIPT_NAME", "/status", "QUERY_STRING", "json"), "")
	for _, want := range []string{`"active processes":2`, `"listen queue":2`} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("status lacks %s: %q", want, got.stdout)
		}
	}

	_, _ = second.Write(fcgi.AppendAbort(nil, 1))
	var end [16]byte
	if _, err := io.ReadFull(second, end[:]); err != nil || end[1] != byte(fcgi.TypeEndRequest) {
		t.Errorf("an aborted request got % x, %v", end, err)
	}
	_ = third.Close()
	g.until("nobody waits", func(s *Supervisor) bool { return s.waiting() == 0 })
	g.write(fifo, "go\n")
	raw, _ := io.ReadAll(first)
	if r := decode(t, raw)[1]; !strings.HasSuffix(r.stdout, "done\n") {
		t.Errorf("the first request got %+v", r)
	}
	_ = second.Close()
	g.settled()
}

func TestQueueTimeout(t *testing.T) {
	cfg := defaults()
	cfg.MaxChildren, cfg.QueueTimeout = 1, time.Hour
	g := start(t, cfg)
	fifo := g.fifo("fifo")
	blocking := g.script("block", "#!/bin/sh\necho A: b\necho\nread x < "+fifo+"\n")
	first := g.dial()
	_, _ = first.Write(encode(1, 0, params(blocking), ""))
	g.until("a worker is busy", func(s *Supervisor) bool { return s.busy() == 1 })
	second := g.begin(params(blocking), "")
	g.until("a request waits", func(s *Supervisor) bool { return s.waiting() == 1 })
	g.pass(time.Hour)
	if got := <-second; !strings.HasPrefix(got.stdout, "Status: 503") {
		t.Errorf("got %q", got.stdout)
	}
	g.write(fifo, "go\n")
	_, _ = io.ReadAll(first)
}

// on_client_abort = terminate ends the script of a client that went away.
func TestClientAbortTerminates(t *testing.T) {
	cfg := defaults()
	cfg.OnClientAbort = "terminate"
	g := start(t, cfg)
	fifo := g.fifo("alive")
	script := g.script("s", "#!/bin/sh\nexec 3> "+fifo+"\necho A: b\necho\nexec sleep 1000\n")
	c := g.dial()
	_, _ = c.Write(encode(1, 0, params(script), ""))
	opened, ended := g.follow(fifo)
	g.await("the script runs", opened)
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	g.await("the script is gone", ended)
	g.settled()
}

// A response that the web server has given up ends with END_REQUEST, though a
// signal ends what gives it.
func TestAbortedResponseIsEnded(t *testing.T) {
	tests := map[string]struct {
		pool *config.Pool
		text string
	}{
		"script": {defaults(), "#!/bin/sh\necho A: b\necho\nexec sleep 1000\n"},
		"worker": {resident("/usr/bin/php-cgi"), "<?php while (ob_get_level()) ob_end_clean(); echo 'x'; flush(); sleep(1000);"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.pool.OnClientAbort = "terminate"
			g := start(t, tt.pool)
			c := g.dial()
			_, _ = c.Write(encode(1, 0, params(g.script("s", tt.text), "REDIRECT_STATUS", "200"), ""))
			header := make([]byte, 1)
			if _, err := c.Read(header); err != nil {
				t.Fatal(err)
			}
			_, _ = c.Write(fcgi.AppendAbort(nil, 1))
			rest, err := io.ReadAll(c)
			if got := decode(t, append(header, rest...))[1]; err != nil || got.end == nil {
				t.Errorf("got %+v, %v, want END_REQUEST", got, err)
			}
			g.settled()
		})
	}
}

// Idle kept connections hold no buffer and no worker.
func TestIdleConnections(t *testing.T) {
	g := start(t, defaults())
	script := g.script("echo", echoScript)
	c := g.dial()
	for range 3 {
		_, _ = c.Write(encode(1, fcgi.FlagKeepConn, params(script), ""))
		var d fcgi.Decoder
		buf := make([]byte, 4096)
		for done := false; !done; {
			n, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			for p := buf[:n]; len(p) > 0; {
				ev, used, err := d.Next(p)
				if err != nil {
					t.Fatal(err)
				}
				p = p[used:]
				done = done || ev.Kind == fcgi.EventEndRequest
			}
		}
		g.until("the connection is idle", func(s *Supervisor) bool {
			for c := range s.conns {
				if c.out != nil || len(c.reqs) > 0 || !c.watched {
					return false
				}
			}
			return len(s.conns) == 1 && s.busy() == 0
		})
	}
}

// A script may answer before it has read its body, and its client may stop
// sending once it hears an answer, as nginx does: the answer waits.
func TestAnswerWaitsForTheBody(t *testing.T) {
	g, c, rest := answersEarly(t)
	if _, err := c.Write(rest); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if r := decode(t, got)[1]; !strings.HasSuffix(r.stdout, "early\n200000\n") {
		t.Errorf("got %q", r.stdout)
	}
	g.settled()
}

// A client that sends no more before it has an answer gets what there is.
func TestAnswerDoesNotWaitForASilentClient(t *testing.T) {
	g, c, rest := answersEarly(t)
	g.pass(time.Hour)
	var got []byte
	for buf := make([]byte, 4096); !bytes.Contains(got, []byte("early\n")); {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatalf("got %q and then %v", got, err)
		}
		got = append(got, buf[:n]...)
	}
	if _, err := c.Write(rest); err != nil {
		t.Fatal(err)
	}
	more, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if r := decode(t, append(got, more...))[1]; !strings.HasSuffix(r.stdout, "early\n200000\n") {
		t.Errorf("got %q", r.stdout)
	}
	g.settled()
}

// answersEarly has a script answer a client that has sent the first half of its
// body, and returns the client and the rest. The answer waits for an hour.
func answersEarly(t *testing.T) (g *rig, c net.Conn, rest []byte) {
	t.Helper()
	cfg := defaults()
	cfg.BodyStreaming = true
	g = start(t, cfg)
	g.on(func(s *Supervisor) { s.silence.body = 24 * time.Hour })
	fifo := g.fifo("said")
	script := g.script("s", "#!/bin/sh\necho A: b\necho\necho early\necho > "+fifo+"\nwc -c\n")
	c = g.dial()
	raw := encode(1, 0, append(params(script), "REQUEST_METHOD", "POST"), strings.Repeat("x", 200_000))
	if _, err := c.Write(raw[:len(raw)/2]); err != nil {
		t.Fatal(err)
	}
	_, said := g.follow(fifo)
	g.await("the script has answered", said)
	g.until("the answer is withheld", func(s *Supervisor) bool {
		for c := range s.conns {
			for _, r := range c.reqs {
				return r.resp.began && len(c.out) == 0 && r.resp.withheld.records != nil
			}
		}
		return false
	})
	return g, c, raw[len(raw)/2:]
}
