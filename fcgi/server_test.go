package fcgi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// echo answers with its parameters and all of its input, one after another.
var echo = HandlerFunc(func(_ context.Context, r *Request) (uint32, error) {
	fmt.Fprintf(r.Stdout, "%v %s\n", r.Role, r.Params.Get("NAME"))
	if _, err := io.Copy(r.Stdout, r.Stdin); err != nil {
		return 1, err
	}
	_, err := io.Copy(r.Stdout, r.Data)
	return 7, err
})

func TestServerAnswersAndCloses(t *testing.T) {
	p := dialPeer(t, startServer(t, &Server{Handler: echo}))
	p.send(request(1, RoleResponder, 0, Params{{"NAME", "first"}, {"NAME", "last"}}))
	p.expect(`STDOUT 1 "RESPONDER last\n"`)
	p.send(AppendStream(nil, TypeStdin, 1, []byte("body")))
	p.expect(`STDOUT 1 "body"`)
	p.send(AppendStreamEnd(nil, TypeStdin, 1))
	p.expect("END_REQUEST 1 app=7 status=REQUEST_COMPLETE")
	p.expect("closed")
}

func TestServerKeepsConnection(t *testing.T) {
	p := dialPeer(t, startServer(t, &Server{Handler: echo}))
	for range 3 {
		p.send(AppendStreamEnd(request(9, RoleResponder, FlagKeepConn, nil), TypeStdin, 9))
		p.expect(`STDOUT 9 "RESPONDER \n"`)
		p.expect("END_REQUEST 9 app=7 status=REQUEST_COMPLETE")
	}
}

func TestServerRoles(t *testing.T) {
	p := dialPeer(t, startServer(t, &Server{Handler: echo}))
	p.send(request(1, RoleAuthorizer, FlagKeepConn, nil))
	p.expect(`STDOUT 1 "AUTHORIZER \n"`)
	p.expect("END_REQUEST 1 app=7 status=REQUEST_COMPLETE")

	p.send(request(2, RoleFilter, FlagKeepConn, nil))
	p.expect(`STDOUT 2 "FILTER \n"`)
	p.send(AppendStreamEnd(AppendStream(nil, TypeData, 2, []byte("file")), TypeData, 2))
	p.send(AppendStreamEnd(AppendStream(nil, TypeStdin, 2, []byte("body ")), TypeStdin, 2))
	p.expect(`STDOUT 2 "body "`)
	p.expect(`STDOUT 2 "file"`)
	p.expect("END_REQUEST 2 app=7 status=REQUEST_COMPLETE")

	p.send(AppendStream(request(3, 4, FlagKeepConn, nil), TypeStdin, 3, []byte("ignored")))
	p.expect("END_REQUEST 3 app=0 status=UNKNOWN_ROLE")
	p.send(AppendGetValues(nil))
	p.expect(`GET_VALUES_RESULT 0 "\x0f\x01FCGI_MPXS_CONNS1"`)
}

// TestServerFilterDataFirst sends more data than is held before the end of a
// body that the handler waits for.
func TestServerFilterDataFirst(t *testing.T) {
	p := dialPeer(t, startServer(t, &Server{Handler: echo, Limits: Limits{StreamBuffer: 100}}))
	p.send(request(1, RoleFilter, FlagKeepConn, nil))
	p.expect(`STDOUT 1 "FILTER \n"`)
	p.send(AppendStream(nil, TypeData, 1, make([]byte, 101)))
	p.expect(`STDERR 1 "fcgi: too much of FCGI_DATA before the end of FCGI_STDIN"`)
	p.expect("END_REQUEST 1 app=1 status=REQUEST_COMPLETE")
	p.send(AppendGetValues(nil))
	p.expect(`GET_VALUES_RESULT 0 "\x0f\x01FCGI_MPXS_CONNS1"`)
}

func TestServerManagementRecords(t *testing.T) {
	p := dialPeer(t, startServer(t, &Server{Handler: echo, Limits: Limits{MaxConns: 10, MaxRequests: 20, MaxRequestsPerConn: 1}}))
	p.send(AppendGetValues(nil))
	p.expect(`GET_VALUES_RESULT 0 "\x0e\x02FCGI_MAX_CONNS10\r\x02FCGI_MAX_REQS20\x0f\x01FCGI_MPXS_CONNS0"`)
	p.send(AppendRecord(nil, TypeGetValues, 0, nil))
	if r := p.next(); r.Type != TypeGetValuesResult || r.Kind != EventEnd {
		t.Errorf("an empty query is answered with %v", r)
	}
	p.send(AppendRecord(nil, 99, 0, []byte("from the future")))
	p.expect("UNKNOWN_TYPE 0 of type 99")
	p.send(AppendRecord(nil, TypeGetValues, 0, []byte("\x0f\x00lie")))
	p.expect("closed")
}

// blocking handlers tell that they have begun, and wait to be told to end.
type blocking struct {
	begun chan string
	end   chan struct{}
}

func newBlocking() *blocking {
	return &blocking{make(chan string, 100), make(chan struct{})}
}

func (b *blocking) Do(ctx context.Context, r *Request) (uint32, error) {
	b.begun <- r.Params.Get("NAME")
	select {
	case <-b.end:
		return 0, nil
	case <-ctx.Done():
		_, err := io.WriteString(r.Stdout, "too late")
		b.begun <- fmt.Sprintf("%v, %v", context.Cause(ctx), err)
		return 3, nil
	}
}

func TestServerMultiplexes(t *testing.T) {
	b := newBlocking()
	p := dialPeer(t, startServer(t, &Server{Handler: HandlerFunc(func(ctx context.Context, r *Request) (uint32, error) {
		if r.Params.Get("NAME") == "quick" {
			return 1, nil
		}
		return b.Do(ctx, r)
	})}))
	p.send(request(1, RoleResponder, FlagKeepConn, Params{{"NAME", "slow"}}))
	<-b.begun
	p.send(request(2, RoleResponder, FlagKeepConn, Params{{"NAME", "quick"}}))
	p.expect("END_REQUEST 2 app=1 status=REQUEST_COMPLETE")
	close(b.end)
	p.expect("END_REQUEST 1 app=0 status=REQUEST_COMPLETE")
}

// TestServerSlowReader lets a request not read its body: within the bound the
// other requests of the connection go on, beyond it they wait.
func TestServerSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound = 1000
		var begun atomic.Int32
		b := newBlocking()
		ours, theirs := net.Pipe()
		s := &Server{
			Limits: Limits{StreamBuffer: bound},
			Logger: slog.New(slog.DiscardHandler),
			Handler: HandlerFunc(func(ctx context.Context, r *Request) (uint32, error) {
				begun.Add(1)
				if r.Params.Get("NAME") == "slow" {
					return b.Do(ctx, r)
				}
				return echo(ctx, r)
			}),
		}
		go s.ServeConn(theirs)
		p := newPeer(t, ours)
		p.send(request(1, RoleResponder, FlagKeepConn, Params{{"NAME", "slow"}}))
		p.send(AppendStream(nil, TypeStdin, 1, make([]byte, bound)))
		p.send(AppendStreamEnd(request(2, RoleResponder, FlagKeepConn, nil), TypeStdin, 2))
		p.expect(`STDOUT 2 "RESPONDER \n"`)
		p.expect("END_REQUEST 2 app=7 status=REQUEST_COMPLETE")

		tooMany := AppendStream(nil, TypeStdin, 1, []byte("one too many"))
		p.send(append(tooMany, AppendStreamEnd(request(3, RoleResponder, FlagKeepConn, nil), TypeStdin, 3)...))
		synctest.Wait()
		if n := begun.Load(); n != 2 {
			t.Errorf("%d requests have begun, want the first 2", n)
		}
		close(b.end)
		// Requests 1 and 3 are free of each other from here on.
		got := []string{p.next().String(), p.next().String(), p.next().String()}
		slices.Sort(got)
		if want := []string{
			"END_REQUEST 1 app=0 status=REQUEST_COMPLETE",
			"END_REQUEST 3 app=7 status=REQUEST_COMPLETE",
			`STDOUT 3 "RESPONDER \n"`,
		}; !slices.Equal(got, want) {
			t.Errorf("the rest is %q, want %q", got, want)
		}
		s.Close()
	})
}

func TestServerWithoutMultiplexing(t *testing.T) {
	b := newBlocking()
	p := dialPeer(t, startServer(t, &Server{Handler: b, Limits: Limits{MaxRequestsPerConn: 1}}))
	p.send(request(1, RoleResponder, FlagKeepConn, nil))
	<-b.begun
	p.send(request(2, RoleResponder, FlagKeepConn, nil))
	p.expect("END_REQUEST 2 app=0 status=CANT_MPX_CONN")
	close(b.end)
	p.expect("END_REQUEST 1 app=0 status=REQUEST_COMPLETE")
	for range 50 { // one after the other is no multiplexing
		p.send(request(1, RoleResponder, FlagKeepConn, nil))
		p.expect("END_REQUEST 1 app=0 status=REQUEST_COMPLETE")
	}
}

func TestServerOverloaded(t *testing.T) {
	b := newBlocking()
	path := startServer(t, &Server{Handler: b, Limits: Limits{MaxRequests: 2, MaxRequestsPerConn: 2}})
	p, other := dialPeer(t, path), dialPeer(t, path)
	p.send(request(1, RoleResponder, FlagKeepConn, nil))
	p.send(AppendBegin(nil, 2, RoleResponder, FlagKeepConn)) // counts from its beginning
	<-b.begun
	p.send(request(3, RoleResponder, FlagKeepConn, nil))
	p.expect("END_REQUEST 3 app=0 status=OVERLOADED")
	other.send(request(1, RoleResponder, 0, nil))
	other.expect("END_REQUEST 1 app=0 status=OVERLOADED")
	other.expect("closed")

	p.send(AppendAbort(nil, 2))
	p.expect("END_REQUEST 2 app=0 status=REQUEST_COMPLETE")
	third := dialPeer(t, path)
	third.send(request(1, RoleResponder, 0, nil))
	<-b.begun
	p.conn.Close() // request 1 ends, its place is free again
	<-b.begun
	eventually(t, "there is room again", func() bool {
		again := dialPeer(t, path)
		again.send(request(1, RoleResponder, FlagKeepConn, nil))
		again.send(AppendAbort(nil, 1))
		return again.next().End.Status == StatusRequestComplete
	})
}

func TestServerAbort(t *testing.T) {
	b := newBlocking()
	p := dialPeer(t, startServer(t, &Server{Handler: b}))
	p.send(request(1, RoleResponder, FlagKeepConn, nil))
	<-b.begun
	p.send(AppendAbort(nil, 1))
	if got := <-b.begun; got != "fcgi: request aborted by the web server, fcgi: request aborted by the web server" {
		t.Errorf("the handler sees %q", got)
	}
	p.expect("END_REQUEST 1 app=3 status=REQUEST_COMPLETE")
	p.send(AppendAbort(nil, 1)) // late, and harmless
	p.send(AppendGetValues(nil))
	p.expect(`GET_VALUES_RESULT 0 "\x0f\x01FCGI_MPXS_CONNS1"`)
}

func TestServerPeerGoesAway(t *testing.T) {
	b := newBlocking()
	p := dialPeer(t, startServer(t, &Server{Handler: b}))
	p.send(request(1, RoleResponder, FlagKeepConn, nil))
	<-b.begun
	p.conn.Close()
	if got := <-b.begun; !strings.HasPrefix(got, "fcgi: connection closed, ") {
		t.Errorf("the handler sees %q", got)
	}
}

// TestServerHalfClosedPeer still gets its answer, from a handler that does not
// look at its context.
func TestServerHalfClosedPeer(t *testing.T) {
	p := dialPeer(t, startServer(t, &Server{Handler: echo}))
	p.send(AppendStreamEnd(request(1, RoleResponder, 0, nil), TypeStdin, 1))
	if err := p.conn.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	p.expect(`STDOUT 1 "RESPONDER \n"`)
	p.expect("END_REQUEST 1 app=7 status=REQUEST_COMPLETE")
}

func TestServerBodyIsCutOff(t *testing.T) {
	result := make(chan error, 1)
	p := dialPeer(t, startServer(t, &Server{Handler: HandlerFunc(func(_ context.Context, r *Request) (uint32, error) {
		body, err := io.ReadAll(r.Stdin)
		if string(body) != "half" {
			err = fmt.Errorf("body is %q", body)
		}
		result <- err
		return 0, nil
	})}))
	p.send(AppendStream(request(1, RoleResponder, 0, nil), TypeStdin, 1, []byte("half")))
	p.conn.Close()
	if err := <-result; !errors.Is(err, ErrConnClosed) {
		t.Errorf("the handler sees %v", err)
	}
}

func TestServerHandlerFails(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	p := dialPeer(t, startServer(t, &Server{Logger: logger, Handler: HandlerFunc(func(_ context.Context, r *Request) (uint32, error) {
		switch r.Params.Get("NAME") {
		case "error":
			return 0, errors.New("no database")
		case "overloaded":
			return 5, fmt.Errorf("cannot pass on: %w", &EndError{Status: StatusOverloaded, AppStatus: 6})
		default:
			panic("at the disco")
		}
	})}))
	p.send(request(1, RoleResponder, FlagKeepConn, Params{{"NAME", "error"}}))
	p.expect(`STDERR 1 "no database"`)
	p.expect("END_REQUEST 1 app=1 status=REQUEST_COMPLETE")
	p.send(request(1, RoleResponder, FlagKeepConn, Params{{"NAME", "overloaded"}}))
	p.expect("END_REQUEST 1 app=6 status=OVERLOADED")
	p.send(request(1, RoleResponder, FlagKeepConn, nil))
	p.expect(`STDERR 1 "internal error"`)
	p.expect("END_REQUEST 1 app=1 status=REQUEST_COMPLETE")
	if !strings.Contains(log.String(), "at the disco") || !strings.Contains(log.String(), "server_test.go") {
		t.Errorf("the log has no panic and its place:\n%s", log.String())
	}
}

// TestServerStreamsAreOver checks that a handler's leftovers cannot get into
// the next request of the same id.
func TestServerStreamsAreOver(t *testing.T) {
	var leftover *Request
	p := dialPeer(t, startServer(t, &Server{Handler: HandlerFunc(func(_ context.Context, r *Request) (uint32, error) {
		if leftover == nil {
			leftover = r
			return 0, nil
		}
		_, err := leftover.Stdout.Write([]byte("stale"))
		_, readErr := leftover.Stdin.Read(make([]byte, 1))
		fmt.Fprintf(r.Stdout, "%v, %v", err, readErr)
		return 0, nil
	})}))
	p.send(request(1, RoleResponder, FlagKeepConn, nil))
	p.expect("END_REQUEST 1 app=0 status=REQUEST_COMPLETE")
	p.send(AppendStream(nil, TypeStdin, 1, []byte("late body"))) // dropped
	p.send(request(1, RoleResponder, FlagKeepConn, nil))
	p.expect(`STDOUT 1 "fcgi: request is over, fcgi: request is over"`)
}

func TestServerBadInput(t *testing.T) {
	for _, c := range []struct {
		name  string
		input []byte
		want  []string
	}{
		{"garbage", []byte("GET / HTTP/1.0\r\n\r\n"), []string{"closed"}},
		{"the id is in use", append(AppendBegin(nil, 1, RoleResponder, 1), AppendBegin(nil, 1, RoleResponder, 1)...), []string{"closed"}},
		{"parameters lie", AppendStreamEnd(AppendStream(AppendBegin(nil, 1, RoleResponder, 0), TypeParams, 1, []byte("\x05\x05lie")), TypeParams, 1),
			[]string{`STDERR 1 "fcgi: name-value pair is longer than its stream"`, "END_REQUEST 1 app=1 status=REQUEST_COMPLETE", "closed"}},
		{"too many parameters", AppendStream(AppendBegin(nil, 1, RoleResponder, 0), TypeParams, 1, make([]byte, 101)),
			[]string{`STDERR 1 "the parameters are longer than 100 bytes"`, "END_REQUEST 1 app=1 status=REQUEST_COMPLETE", "closed"}},
		{"body first", AppendStream(AppendBegin(nil, 1, RoleResponder, 0), TypeStdin, 1, []byte("x")),
			[]string{`STDERR 1 "input before the end of the parameters"`, "END_REQUEST 1 app=1 status=REQUEST_COMPLETE", "closed"}},
		{"records of no request", AppendGetValues(AppendStream(AppendAbort(nil, 5), TypeStdin, 6, []byte("x"))),
			[]string{`GET_VALUES_RESULT 0 "\x0f\x01FCGI_MPXS_CONNS1"`}},
		{"records of an application", AppendGetValues(AppendUnknownType(AppendEnd(AppendStream(nil, TypeStdout, 1, []byte("x")), 1, 0, 0), 9)),
			[]string{`GET_VALUES_RESULT 0 "\x0f\x01FCGI_MPXS_CONNS1"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := dialPeer(t, startServer(t, &Server{Handler: echo, Limits: Limits{MaxParams: 100}}))
			p.send(c.input)
			for _, want := range c.want {
				p.expect(want)
			}
		})
	}
}

func TestServerTimeouts(t *testing.T) {
	for _, c := range []struct {
		name  string
		drive func(p *peer)
		ends  time.Duration
	}{
		{"says nothing", func(*peer) {}, 10 * time.Second},
		{"stops in a header", func(p *peer) { p.send([]byte{1, 1, 0}) }, 10 * time.Second},
		{"begins and stops", func(p *peer) {
			pause(5 * time.Second)
			p.send(AppendBegin(nil, 1, RoleResponder, 1))
		}, 15 * time.Second},
		{"sends a byte a second", func(p *peer) {
			p.send(AppendBegin(nil, 1, RoleResponder, 1))
			pause(time.Second / 2) // so that the end falls between two bytes
			for _, b := range AppendStream(nil, TypeParams, 1, []byte("xx")) {
				pause(time.Second)
				if _, err := p.conn.Write([]byte{b}); err != nil {
					return
				}
			}
		}, 10500 * time.Millisecond},
		{"is idle", func(p *peer) {
			p.send(AppendStreamEnd(request(1, RoleResponder, FlagKeepConn, nil), TypeStdin, 1))
			p.expect(`STDOUT 1 "RESPONDER \n"`)
			p.expect("END_REQUEST 1 app=7 status=REQUEST_COMPLETE")
		}, 100 * time.Second},
		{"has asked GET_VALUES", func(p *peer) {
			p.send(AppendGetValues(nil))
			p.next()
		}, 100 * time.Second},
		{"begins and lets others begin", func(p *peer) {
			p.send(AppendBegin(nil, 1, RoleResponder, 1))
			pause(5 * time.Second)
			p.send(AppendStreamEnd(request(2, RoleResponder, FlagKeepConn, nil), TypeStdin, 2))
			p.expect(`STDOUT 2 "RESPONDER \n"`)
			p.expect("END_REQUEST 2 app=7 status=REQUEST_COMPLETE")
		}, 10 * time.Second},
		{"waits for a running request", func(p *peer) {
			p.send(request(1, RoleResponder, FlagKeepConn, nil))
			p.expect(`STDOUT 1 "RESPONDER \n"`)
			pause(time.Hour)
			p.send(AppendStreamEnd(nil, TypeStdin, 1))
			p.expect("END_REQUEST 1 app=7 status=REQUEST_COMPLETE")
		}, time.Hour + 100*time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				p := newPeer(t, ours)
				p.conn.SetDeadline(time.Time{})
				s := &Server{
					Handler: echo,
					Logger:  slog.New(slog.DiscardHandler),
					Limits:  Limits{HeaderTimeout: 10 * time.Second, IdleTimeout: 100 * time.Second},
				}
				start := time.Now()
				go s.ServeConn(theirs)
				c.drive(p)
				p.expect("closed")
				if lived := time.Since(start); lived != c.ends {
					t.Errorf("closed after %v, want %v", lived, c.ends)
				}
			})
		})
	}
}

// pause passes virtual time.
func pause(d time.Duration) { <-time.After(d) }

// TestServerWriteTimeout has a peer that reads nothing of a long response.
func TestServerWriteTimeout(t *testing.T) {
	result := make(chan error, 1)
	p := dialPeer(t, startServer(t, &Server{Limits: Limits{WriteTimeout: 50 * time.Millisecond}, Handler: HandlerFunc(func(_ context.Context, r *Request) (uint32, error) {
		_, err := r.Stdout.Write(make([]byte, 10<<20))
		result <- err
		return 0, nil
	})}))
	p.send(request(1, RoleResponder, FlagKeepConn, nil))
	if err := <-result; err == nil {
		t.Error("10 MiB went nowhere without an error")
	}
}

func TestServerShutdown(t *testing.T) {
	b := newBlocking()
	s := &Server{Handler: b}
	path := startServer(t, s)
	idle, busy := dialPeer(t, path), dialPeer(t, path)
	busy.send(request(1, RoleResponder, FlagKeepConn, nil))
	<-b.begun
	idle.send(AppendGetValues(nil))
	idle.next()

	done := make(chan error, 1)
	go func() { done <- s.Shutdown(withTimeout(t)) }()
	idle.expect("closed")
	idle.conn.Close()
	busy.send(request(2, RoleResponder, FlagKeepConn, nil))
	busy.expect("END_REQUEST 2 app=0 status=OVERLOADED")
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("the server still accepts")
	}
	close(b.end)
	busy.expect("END_REQUEST 1 app=0 status=REQUEST_COMPLETE")
	busy.expect("closed")
	busy.conn.Close()
	if err := <-done; err != nil {
		t.Errorf("Shutdown returned %v", err)
	}
}

func TestServerShutdownLosesPatience(t *testing.T) {
	b := newBlocking()
	s := &Server{Handler: b}
	p := dialPeer(t, startServer(t, s))
	p.send(request(1, RoleResponder, FlagKeepConn, nil))
	<-b.begun
	ctx, cancel := context.WithCancelCause(context.Background())
	impatient := errors.New("impatient")
	cancel(impatient)
	if err := s.Shutdown(ctx); !errors.Is(err, impatient) {
		t.Errorf("Shutdown returned %v", err)
	}
	if got := <-b.begun; !strings.HasPrefix(got, "fcgi: server closed, ") {
		t.Errorf("the handler sees %q", got)
	}
	if err := s.Serve(listen(t)); !errors.Is(err, ErrServerClosed) {
		t.Errorf("a closed server serves: %v", err)
	}
}

// TestServerMaxConns leaves the second connection in the backlog.
func TestServerMaxConns(t *testing.T) {
	var open, most atomic.Int32
	path := startServer(t, &Server{Limits: Limits{MaxConns: 1}, Handler: HandlerFunc(func(context.Context, *Request) (uint32, error) {
		most.Store(max(most.Load(), open.Add(1)))
		open.Add(-1)
		return 0, nil
	})})
	var wg sync.WaitGroup
	for range 20 {
		p := dialPeer(t, path)
		wg.Go(func() {
			p.send(request(1, RoleResponder, 0, nil))
			p.expect("END_REQUEST 1 app=0 status=REQUEST_COMPLETE")
			p.conn.Close()
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("%d requests at once", most.Load())
	}
}

func TestServerNeedsHandler(t *testing.T) {
	if err := new(Server).Serve(listen(t)); err == nil || errors.Is(err, ErrServerClosed) {
		t.Errorf("got %v", err)
	}
}
