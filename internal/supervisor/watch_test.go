package supervisor

import (
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/fcgi"
)

// A body that stops coming ends its request with 408: before it has a worker,
// and with the worker when it is streamed to one.
func TestBodyStopsComing(t *testing.T) {
	for _, tt := range []struct {
		name      string
		streaming bool
		phase     phase
		log       string
	}{
		{"on the way in", false, phaseBody, "request body stopped coming, request refused"},
		{"on the way to a script", true, phaseRunning, "request body stopped coming, request aborted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := defaults()
			cfg.BodyStreaming = tt.streaming
			g := start(t, cfg)
			fifo := g.fifo("alive")
			script := g.script("s", "#!/bin/sh\nexec 3> "+fifo+"\ncat\n")
			request := encode(1, fcgi.FlagKeepConn, params(script, "REQUEST_METHOD", "POST"), "half")
			c := g.dial()
			if _, err := c.Write(request[:len(request)-8]); err != nil { // without the end of STDIN
				t.Fatal(err)
			}
			g.until("the body is waited for", func(s *Supervisor) bool {
				for conn := range s.conns {
					return len(conn.reqs) == 1 && conn.reqs[0].phase == tt.phase && (!tt.streaming || conn.reqs[0].proc.pid != 0)
				}
				return false
			})
			var ended <-chan struct{}
			if tt.streaming {
				var opened <-chan struct{}
				opened, ended = g.follow(fifo)
				g.await("the script runs", opened)
			}
			g.pass(time.Hour)
			var got []byte
			buf := make([]byte, 4096)
			for !strings.Contains(string(got), string(fcgi.AppendEnd(nil, 1, 0, fcgi.StatusRequestComplete))) {
				n, err := c.Read(buf)
				if err != nil {
					t.Fatalf("got %q, %v", got, err)
				}
				got = append(got, buf[:n]...)
			}
			if r := decode(t, got)[1]; !strings.HasPrefix(r.stdout, "Status: 408") {
				t.Errorf("got %q", r.stdout)
			}
			if n := strings.Count(g.log.String(), tt.log); n != 1 {
				t.Errorf("%d lines say %q", n, tt.log)
			}
			// What still comes is thrown away, and the connection serves the next.
			next := encode(2, 0, params("/x", "SCRIPT_NAME", "/ping"), "")
			if _, err := c.Write(append(request[len(request)-8:], next...)); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(c)
			if err != nil {
				t.Fatal(err)
			}
			if r := decode(t, rest)[2]; !strings.HasSuffix(r.stdout, "pong") {
				t.Errorf("the next request got %q", r.stdout)
			}
			if tt.streaming {
				g.await("the script is gone", ended)
			}
		})
	}
}

// A response that had begun when the body stopped coming will not be complete,
// and nobody may take it for one that is.
func TestBodyStopsComingAfterTheAnswer(t *testing.T) {
	g, c, _ := answersEarly(t)
	g.on(func(s *Supervisor) {
		for conn := range s.conns {
			for _, r := range conn.reqs {
				r.passOn()
			}
		}
	})
	g.pass(24 * time.Hour)
	got, err := io.ReadAll(c)
	if r := decode(t, got)[1]; r.stdout != "A: b\r\n\r\nearly\n" || !r.broken {
		t.Errorf("got %q, %v", got, err)
	}
	_ = c.Close()
	g.settled()
}

// begun sends the beginning of a request, without the end of its PARAMS, over a
// connection that waits for the rest.
func begun(id uint16) []byte {
	b := fcgi.AppendBegin(nil, id, fcgi.RoleResponder, fcgi.FlagKeepConn)
	return fcgi.AppendRecord(b, fcgi.TypeParams, id, fcgi.AppendPair(nil, "REQUEST_METHOD", "GET"))
}

// A request whose PARAMS stop coming ends alone: others that share its
// connection go on, and so does the connection.
func TestParamsStopComing(t *testing.T) {
	g := start(t, defaults())
	g.on(func(s *Supervisor) { s.silence.body = 24 * time.Hour })
	fifo := g.fifo("fifo")
	holds := params(g.script("s", "#!/bin/sh\nread x < "+fifo+"\necho A: b\necho\necho held\n"))
	sends := encode(3, fcgi.FlagKeepConn, params(g.script("echo", echoScript)), "body")
	end := len(sends) - 8
	c := g.dial()
	for _, raw := range [][]byte{encode(1, fcgi.FlagKeepConn, holds, ""), begun(2), sends[:end]} {
		if _, err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
	}
	g.until("all three have begun", func(s *Supervisor) bool {
		for c := range s.conns {
			return len(c.reqs) == 3 && c.reqs[0].phase == phaseRunning && len(c.reqs[1].raw) > 0 && c.reqs[2].body.got == 4
		}
		return false
	})
	g.pass(time.Hour)
	replies := newReplies(t, c)
	if got := replies.next(); got.id != 2 || !strings.HasPrefix(got.stdout, "Status: 408") {
		t.Errorf("request %d got %q", got.id, got.stdout)
	}
	if !strings.Contains(g.log.String(), "client did not send its request in time, request refused") {
		t.Errorf("the log does not say so:\n%s", g.log)
	}
	// What still comes of it is nobody's.
	late := fcgi.AppendStreamEnd(fcgi.AppendStreamEnd(nil, fcgi.TypeParams, 2), fcgi.TypeStdin, 2)
	if _, err := c.Write(append(late, sends[end:]...)); err != nil {
		t.Fatal(err)
	}
	if got := replies.next(); got.id != 3 || !strings.HasSuffix(got.stdout, "body") {
		t.Errorf("request %d got %q", got.id, got.stdout)
	}
	g.release(g.gate(fifo))
	if got := replies.next(); got.id != 1 || !strings.HasSuffix(got.stdout, "held\n") {
		t.Errorf("request %d got %q", got.id, got.stdout)
	}
	_ = c.Close()
	g.settled()
}

// A request that comes quickly is not late because others have kept the
// connection within PARAMS for long.
func TestParamsOfOverlappingRequests(t *testing.T) {
	g := start(t, defaults())
	c := g.dial()
	finish := func(id uint16) []byte {
		pairs := fcgi.AppendPair(nil, "SCRIPT_NAME", "/ping")
		b := fcgi.AppendStream(nil, fcgi.TypeParams, id, pairs)
		return fcgi.AppendStreamEnd(fcgi.AppendStreamEnd(b, fcgi.TypeParams, id), fcgi.TypeStdin, id)
	}
	replies := newReplies(t, c)
	for id := uint16(1); id < 6; id++ {
		raw := begun(id)
		if id > 1 {
			raw = append(raw, finish(id-1)...)
		}
		if _, err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
		if id > 1 {
			if got := replies.next(); got.id != id-1 || !strings.HasSuffix(got.stdout, "pong") {
				t.Errorf("request %d got %q", got.id, got.stdout)
			}
		}
		g.until("it has begun", func(s *Supervisor) bool {
			for c := range s.conns {
				return len(c.reqs) == 1 && c.reqs[0].id == id && len(c.reqs[0].raw) > 0
			}
			return false
		})
		g.pass(40 * time.Minute)
	}
	g.pass(40 * time.Minute)
	if got, err := io.ReadAll(c); len(got) > 0 || err != nil {
		t.Errorf("the last one, which is alone and late, got %q, %v", got, err)
	}
	g.settled()
}

// A connection with part of a record behind a request is closed once that is
// answered and the rest does not come, however long the request took.
func TestPartOfARecordBehindARequest(t *testing.T) {
	g := start(t, defaults())
	fifo := g.fifo("fifo")
	script := g.script("s", "#!/bin/sh\nread x < "+fifo+"\necho A: b\necho\necho held\n")
	c := g.dial()
	if _, err := c.Write(append(encode(1, fcgi.FlagKeepConn, params(script), ""), 1, 1, 0)); err != nil {
		t.Fatal(err)
	}
	gate := g.gate(fifo)
	g.pass(time.Hour)
	g.release(gate)
	if got := newReplies(t, c).next(); got.id != 1 || !strings.HasSuffix(got.stdout, "held\n") {
		t.Errorf("request %d got %q", got.id, got.stdout)
	}
	g.pass(time.Hour)
	if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
		t.Errorf("got %q, %v, want the end of the connection", rest, err)
	}
	g.settled()
}

// A streamed body that does not come at all while its request waits for a
// worker takes the request out of the queue.
func TestBodyDoesNotComeInTheQueue(t *testing.T) {
	cfg := defaults()
	cfg.MaxChildren, cfg.BodyStreaming, cfg.QueueTimeout = 1, true, 24*time.Hour
	g := start(t, cfg)
	fifo := g.fifo("fifo")
	first := g.begin(params(g.script("s", "#!/bin/sh\nread x < "+fifo+"\necho A: b\necho\necho held\n")), "")
	gate := g.gate(fifo)
	c := g.dial()
	raw := encode(1, fcgi.FlagKeepConn, params(g.script("echo", echoScript)), "")
	if _, err := c.Write(raw[:len(raw)-8]); err != nil {
		t.Fatal(err)
	}
	g.until("it waits", func(s *Supervisor) bool { return s.waiting() == 1 })
	g.pass(time.Hour)
	if got := newReplies(t, c).next(); !strings.HasPrefix(got.stdout, "Status: 408") {
		t.Errorf("got %q", got.stdout)
	}
	g.until("nobody waits", func(s *Supervisor) bool { return s.waiting() == 0 })
	g.release(gate)
	if got := <-first; !strings.HasSuffix(got.stdout, "held\n") {
		t.Errorf("the one before got %q", got.stdout)
	}
	_ = c.Close()
	g.settled()
}

// A body that stops coming after its worker was behind with it is not waited
// for any longer than another.
func TestBodyStopsComingAfterAPause(t *testing.T) {
	cfg := defaults()
	cfg.BodyStreaming = true
	g := start(t, cfg)
	fifo := g.fifo("fifo")
	script := g.script("s", "#!/bin/sh\nread x < "+fifo+"\nexec wc -c\n")
	c := g.dial()
	pauses := func(want int) {
		t.Helper()
		g.until("the client is to wait, or not", func(s *Supervisor) bool {
			for c := range s.conns {
				return c.paused == want && !c.readable && len(c.reqs) == 1 && c.reqs[0].phase == phaseRunning
			}
			return false
		})
	}
	raw := encode(1, fcgi.FlagKeepConn, params(script), "")
	if _, err := c.Write(raw[:len(raw)-8]); err != nil {
		t.Fatal(err)
	}
	gate := g.gate(fifo)
	pauses(0)
	// A pipe takes 64K, and what it does not take of the next piece is kept.
	piece := fcgi.AppendStream(nil, fcgi.TypeStdin, 1, []byte(strings.Repeat("x", 60_000)))
	for n := 1; n <= 3; n++ {
		if _, err := c.Write(piece); err != nil {
			t.Fatal(err)
		}
		g.until("it is read", func(s *Supervisor) bool {
			for c := range s.conns {
				return c.reqs[0].body.got == int64(n)*60_000 && !c.readable
			}
			return false
		})
	}
	pauses(1)
	g.release(gate)
	pauses(0)
	g.pass(time.Hour)
	if got := newReplies(t, c).next(); !strings.HasPrefix(got.stdout, "Status: 408") {
		t.Errorf("got %q", got.stdout)
	}
	_ = c.Close()
	g.settled()
}

// A client that does not end its body, and is slow to read a response that did
// not need it, gets all of that.
func TestBodyStopsComingBesideAResponse(t *testing.T) {
	cfg := defaults()
	cfg.BodyStreaming = true
	g := start(t, cfg)
	const size = 40_000
	script := g.script("s", "#!/bin/sh\necho A: b\necho\nexec head -c 40000 /dev/zero\n")
	c := g.dial()
	g.until("the connection is accepted", func(s *Supervisor) bool {
		for c := range s.conns {
			if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<10); err != nil {
				t.Error(err)
			}
		}
		return len(s.conns) == 1
	})
	raw := encode(1, fcgi.FlagKeepConn, params(script, "REQUEST_METHOD", "POST"), "half")
	if _, err := c.Write(raw[:len(raw)-8]); err != nil {
		t.Fatal(err)
	}
	g.until("the client has some of it", func(s *Supervisor) bool {
		for c := range s.conns {
			return len(c.reqs) == 0 && c.blocked
		}
		return false
	})
	g.pass(time.Hour)
	got, err := io.ReadAll(c)
	if r := decode(t, got)[1]; len(r.body()) != size || r.end == nil || err != nil {
		t.Errorf("got %d bytes, %v, %v", len(r.body()), r.end, err)
	}
	_ = c.Close()
	g.settled()
}
