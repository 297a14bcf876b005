package supervisor

import (
	"io"
	"strings"
	"testing"

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
			g.on(func(s *Supervisor) { // the time passes
				for conn := range s.conns {
					conn.timeout()
				}
			})
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
			conn.timeout()
		}
	})
	got, err := io.ReadAll(c)
	if r := decode(t, got)[1]; r.stdout != "A: b\r\n\r\nearly\n" || r.end != nil {
		t.Errorf("got %q, %v", got, err)
	}
	g.settled()
}
