package fcgi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestClientDo(t *testing.T) {
	c := newClient(t, startServer(t, &Server{Handler: echo}))
	for _, role := range []Role{0, RoleResponder, RoleAuthorizer, RoleFilter} {
		var out bytes.Buffer
		appStatus, err := c.Do(withTimeout(t), &Request{
			Role:   role,
			Params: Params{{"NAME", strings.Repeat("long ", 30000)}},
			Stdin:  strings.NewReader("body "),
			Data:   strings.NewReader("file"),
			Stdout: &out,
		})
		if err != nil || appStatus != 7 {
			t.Errorf("%v: status %d, error %v", role, appStatus, err)
		}
		_, rest, _ := strings.Cut(out.String(), "\n")
		want := map[Role]string{0: "body ", RoleResponder: "body ", RoleAuthorizer: "", RoleFilter: "body file"}[role]
		if rest != want || out.Len() != len(rest)+1+len(max(role, 1).String())+1+150000 {
			t.Errorf("%v: got %d bytes, the end is %q", role, out.Len(), rest)
		}
	}
	if n := len(c.conns); n != 1 {
		t.Errorf("%d connections were used", n)
	}
}

// TestClientWithoutStreams leaves everything nil that may be nil.
func TestClientWithoutStreams(t *testing.T) {
	c := newClient(t, startServer(t, &Server{Handler: HandlerFunc(func(_ context.Context, r *Request) (uint32, error) {
		in, err := io.ReadAll(io.MultiReader(r.Stdin, r.Data))
		fmt.Fprint(r.Stdout, "nobody")
		fmt.Fprint(r.Stderr, "listens")
		return uint32(len(in)), err
	})}))
	for _, role := range []Role{RoleResponder, RoleAuthorizer, RoleFilter} {
		if appStatus, err := c.Do(withTimeout(t), &Request{Role: role}); appStatus != 0 || err != nil {
			t.Errorf("%v: %d, %v", role, appStatus, err)
		}
	}
}

// TestClientStreamsBothWays has an application that answers each line when it
// comes, on Stdout and Stderr.
func TestClientStreamsBothWays(t *testing.T) {
	c := newClient(t, startServer(t, &Server{Handler: HandlerFunc(func(_ context.Context, r *Request) (uint32, error) {
		buf := make([]byte, 100)
		for {
			n, err := r.Stdin.Read(buf)
			if err == io.EOF {
				return 0, nil
			}
			r.Stdout.Write(buf[:n])
			r.Stderr.Write(bytes.ToUpper(buf[:n]))
		}
	})}))
	in, writer := io.Pipe()
	output := make(chan string, 10)
	done := make(chan error, 1)
	go func() {
		_, err := c.Do(withTimeout(t), &Request{Stdin: in, Stdout: tell(output), Stderr: tell(output)})
		done <- err
	}()
	for _, word := range []string{"one", "two", "three"} {
		io.WriteString(writer, word)
		if got := <-output + <-output; got != word+strings.ToUpper(word) {
			t.Errorf("got %q", got)
		}
	}
	writer.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// tell is a writer to a channel.
type tell chan string

func (w tell) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

func TestClientLargeBodies(t *testing.T) {
	const size = 20 << 20
	c := newClient(t, startServer(t, &Server{Handler: echo}))
	var out counter
	if _, err := c.Do(withTimeout(t), &Request{Stdin: io.LimitReader(zeros{}, size), Stdout: &out}); err != nil {
		t.Fatal(err)
	}
	if out != size+counter(len("RESPONDER \n")) {
		t.Errorf("%d bytes came back", out)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// TestClientIsHandler puts a client behind a server.
func TestClientIsHandler(t *testing.T) {
	var behind *Client
	front := startServer(t, &Server{Handler: HandlerFunc(func(ctx context.Context, r *Request) (uint32, error) {
		return behind.Do(ctx, r)
	})})
	behind = newClient(t, startServer(t, &Server{Handler: HandlerFunc(func(ctx context.Context, r *Request) (uint32, error) {
		if r.Params.Get("NAME") == "refuse" {
			return 0, &EndError{Status: StatusOverloaded}
		}
		return echo(ctx, r)
	})}))
	c := newClient(t, front)
	var out bytes.Buffer
	appStatus, err := c.Do(withTimeout(t), &Request{Params: Params{{"NAME", "n"}}, Stdin: strings.NewReader("body"), Stdout: &out})
	if appStatus != 7 || err != nil || out.String() != "RESPONDER n\nbody" {
		t.Errorf("%d, %v, %q", appStatus, err, &out)
	}
	_, err = c.Do(withTimeout(t), &Request{Params: Params{{"NAME", "refuse"}}})
	if end, ok := errors.AsType[*EndError](err); !ok || end.Status != StatusOverloaded {
		t.Errorf("got %v", err)
	}
}

func TestClientProtocolStatus(t *testing.T) {
	c := newClient(t, startServer(t, &Server{Handler: echo}))
	appStatus, err := c.Do(withTimeout(t), &Request{Role: 77})
	end, ok := errors.AsType[*EndError](err)
	if !ok || end.Status != StatusUnknownRole || appStatus != 0 {
		t.Errorf("got %d, %v", appStatus, err)
	}
}

func TestClientCancel(t *testing.T) {
	for _, perConn := range []int{1, 10} {
		t.Run(fmt.Sprint(perConn, " on a connection"), func(t *testing.T) {
			b := newBlocking()
			c := newClient(t, startServer(t, &Server{Handler: b}))
			c.MaxRequestsPerConn = perConn
			other := make(chan error, 1)
			go func() {
				_, err := c.Do(withTimeout(t), &Request{})
				other <- err
			}()
			<-b.begun

			ctx, cancel := context.WithCancelCause(context.Background())
			cause := errors.New("cause")
			body := &neverReader{closed: make(chan struct{})}
			go func() {
				<-b.begun
				cancel(cause)
			}()
			if _, err := c.Do(ctx, &Request{Stdin: body}); !errors.Is(err, cause) {
				t.Errorf("got %v", err)
			}
			<-body.closed
			want := "fcgi: connection closed, "
			if perConn > 1 {
				want = "fcgi: request aborted by the web server, "
			}
			if got := <-b.begun; !strings.HasPrefix(got, want) {
				t.Errorf("the handler sees %q", got)
			}
			close(b.end)
			if err := <-other; err != nil {
				t.Errorf("the other request fails: %v", err)
			}
		})
	}
}

// TestClientCancelStorm cancels requests at any moment of their lives, on few
// connections: the others must not notice.
func TestClientCancelStorm(t *testing.T) {
	for _, perConn := range []int{1, 4} {
		c := newClient(t, startServer(t, &Server{Handler: echo}))
		c.MaxConns, c.MaxRequestsPerConn = 2, perConn
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for i := range 150 {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*time.Microsecond)
					if _, err := c.Do(ctx, &Request{Stdin: io.LimitReader(zeros{}, 10000)}); err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("a cancelled request: %v", err)
					}
					cancel()
				}
			})
			wg.Go(func() {
				for range 150 {
					var out counter
					r := &Request{Stdin: io.LimitReader(zeros{}, 10000), Stdout: &out}
					if appStatus, err := c.Do(withTimeout(t), r); appStatus != 7 || err != nil || out != 10011 {
						t.Errorf("another request: %d, %v, %d bytes", appStatus, err, out)
					}
				}
			})
		}
		wg.Wait()
	}
}

// TestClientAbortsTheDeaf cancels requests of an application that does not heed
// ABORT_REQUEST, until the connection is full of them.
func TestClientAbortsTheDeaf(t *testing.T) {
	end := make(chan struct{})
	begun := make(chan struct{}, 10)
	path := startServer(t, &Server{Handler: HandlerFunc(func(_ context.Context, r *Request) (uint32, error) {
		if r.Params.Get("NAME") == "deaf" {
			begun <- struct{}{}
			<-end
		}
		return 0, nil
	})})
	defer close(end)
	c := newClient(t, path)
	c.MaxConns, c.MaxRequestsPerConn = 1, 3
	for range 3 {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			<-begun
			cancel()
		}()
		if _, err := c.Do(ctx, &Request{Params: Params{{"NAME", "deaf"}}}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := c.Do(withTimeout(t), get()); err != nil {
		t.Errorf("the next request gets %v", err)
	}
}

// A neverReader blocks until it is closed.
type neverReader struct{ closed chan struct{} }

func (r *neverReader) Read([]byte) (int, error) { <-r.closed; return 0, io.ErrClosedPipe }
func (r *neverReader) Close() error             { close(r.closed); return nil }

func TestClientDeadContext(t *testing.T) {
	c := newClient(t, "/nowhere")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Do(ctx, get()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestClientCannotDial(t *testing.T) {
	c := newClient(t, t.TempDir()+"/nobody")
	_, err := c.Do(withTimeout(t), get())
	if _, ok := errors.AsType[*DialError](err); !ok || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v", err)
	}
}

func TestClientStreamErrors(t *testing.T) {
	b := newBlocking()
	c := newClient(t, startServer(t, &Server{Handler: HandlerFunc(func(ctx context.Context, r *Request) (uint32, error) {
		fmt.Fprint(r.Stdout, "hello")
		return b.Do(ctx, r)
	})}))
	broken := errors.New("broken")
	if _, err := c.Do(withTimeout(t), &Request{Stdout: failing{broken}}); !errors.Is(err, broken) {
		t.Errorf("Stdout fails, and Do returns %v", err)
	}
	if _, err := c.Do(withTimeout(t), &Request{Stdin: failing{broken}}); !errors.Is(err, broken) {
		t.Errorf("Stdin fails, and Do returns %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
func (f failing) Read([]byte) (int, error)  { return 0, f.err }

// TestClientEarlyEnd has an application that does not read its input.
func TestClientEarlyEnd(t *testing.T) {
	c := newClient(t, startServer(t, &Server{Handler: HandlerFunc(func(_ context.Context, r *Request) (uint32, error) {
		fmt.Fprint(r.Stdout, "done")
		return 0, nil
	})}))
	for range 20 {
		var out bytes.Buffer
		body := &neverReader{closed: make(chan struct{})}
		if _, err := c.Do(withTimeout(t), &Request{Stdin: io.MultiReader(strings.NewReader("x"), body), Stdout: &out}); err != nil || out.String() != "done" {
			t.Fatalf("got %q, %v", &out, err)
		}
		close(body.closed)
		if _, err := c.Do(withTimeout(t), &Request{Stdin: zeros{}, Stdout: &out}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClientMultiplexes(t *testing.T) {
	const requests = 50
	var conns atomic.Int32
	path := startServer(t, &Server{Handler: echo})
	c := newClient(t, path)
	c.MaxConns = 1
	c.MaxRequestsPerConn = 20
	c.Dial = func(ctx context.Context) (net.Conn, error) {
		conns.Add(1)
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	var wg sync.WaitGroup
	for i := range requests {
		wg.Go(func() {
			body := strings.Repeat(fmt.Sprint(i, " "), 20000)
			var out bytes.Buffer
			_, err := c.Do(withTimeout(t), &Request{Params: Params{{"NAME", fmt.Sprint(i)}}, Stdin: strings.NewReader(body), Stdout: &out})
			if err != nil || out.String() != fmt.Sprintf("RESPONDER %d\n%s", i, body) {
				t.Errorf("request %d: %v, %d bytes", i, err, out.Len())
			}
		})
	}
	wg.Wait()
	if conns.Load() != 1 {
		t.Errorf("%d connections", conns.Load())
	}
}

// TestClientMultiplexingDeclined wants to share connections with a server
// that does not.
func TestClientMultiplexingDeclined(t *testing.T) {
	c := newClient(t, startServer(t, &Server{Handler: echo, Limits: Limits{MaxRequestsPerConn: 1}}))
	c.MaxRequestsPerConn = 10
	c.MaxConns = 3
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			if _, err := c.Do(withTimeout(t), get()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestClientOfSilentPeer wants to share connections with a peer that closes
// when it sees GET_VALUES.
func TestClientOfSilentPeer(t *testing.T) {
	l := listen(t)
	defer l.Close()
	c := newClient(t, l.Addr().String())
	c.MaxRequestsPerConn = 10
	go func() {
		first, _ := l.Accept()
		first.Close()
		second, _ := l.Accept()
		p := newPeer(t, second)
		p.expect("BEGIN_REQUEST 1 role=RESPONDER keep=true")
		p.send(AppendEnd(nil, 1, 5, StatusRequestComplete))
	}()
	if appStatus, err := c.Do(withTimeout(t), &Request{}); err != nil || appStatus != 5 {
		t.Errorf("got %d, %v", appStatus, err)
	}
}

func TestClientMaxConns(t *testing.T) {
	b := newBlocking()
	c := newClient(t, startServer(t, &Server{Handler: b}))
	c.MaxConns = 1
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := c.Do(withTimeout(t), get()); err != nil {
				t.Error(err)
			}
		})
	}
	<-b.begun
	eventually(t, "two requests wait", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.waiters) == 2
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := c.Do(ctx, get()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one more request gets %v", err)
	}
	c.mu.Lock()
	if n := len(c.waiters); n != 2 {
		t.Errorf("%d requests wait after one has given up", n)
	}
	c.mu.Unlock()
	close(b.end)
	wg.Wait()
	if c.load() != 0 || len(c.waiters) != 0 {
		t.Errorf("load %d, %d waiters", c.load(), len(c.waiters))
	}
}

// load sums up what is counted in.
func (c *Client) load() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		n += conn.load
	}
	return n
}

// TestClientWaitersGoOn kills the only connection while requests wait for it:
// one of them must make another.
func TestClientWaitersGoOn(t *testing.T) {
	noLeaks(t)
	l := listen(t)
	defer l.Close()
	c := newClient(t, l.Addr().String())
	c.MaxConns = 1
	results := make(chan error, 2)
	do := func() {
		_, err := c.Do(withTimeout(t), &Request{})
		results <- err
	}
	go do()
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	newPeer(t, first).expect("BEGIN_REQUEST 1 role=RESPONDER keep=true")
	go do()
	eventually(t, "a request waits", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.waiters) == 1
	})
	first.Close()
	if err := <-results; !errors.Is(err, ErrConnClosed) {
		t.Errorf("the request on the connection gets %v", err)
	}
	second, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, second)
	p.expect("BEGIN_REQUEST 1 role=RESPONDER keep=true")
	p.send(AppendEnd(nil, 1, 0, StatusRequestComplete))
	if err := <-results; err != nil {
		t.Errorf("the request that waited gets %v", err)
	}
}

// TestClientWakesTheNext gives up waiting just when it is its turn.
func TestClientWakesTheNext(t *testing.T) {
	c := &Client{}
	first, second := make(chan struct{}), make(chan struct{})
	c.waiters = []chan struct{}{first, second}
	c.mu.Lock()
	c.wake()
	c.mu.Unlock()
	c.stopWaiting(first)
	select {
	case <-second:
	default:
		t.Error("nobody takes the turn")
	}
}

// TestClientUnreadInput has an application that ends a request before it has
// read the input: it may not be ready for another on the same connection.
func TestClientUnreadInput(t *testing.T) {
	noLeaks(t)
	l := listen(t)
	defer l.Close()
	c := newClient(t, l.Addr().String())
	body := &neverReader{closed: make(chan struct{})}
	go func() {
		first, _ := l.Accept()
		p := newPeer(t, first)
		for p.next().Type != TypeParams {
		}
		p.send(AppendEnd(nil, 1, 1, StatusRequestComplete))
		p.expect("closed")
		second, _ := l.Accept()
		p = newPeer(t, second)
		for p.next().Type != TypeParams {
		}
		p.send(AppendEnd(nil, 1, 2, StatusRequestComplete))
	}()
	r := get()
	r.Stdin = body
	if appStatus, err := c.Do(withTimeout(t), r); appStatus != 1 || err != nil {
		t.Errorf("got %d, %v", appStatus, err)
	}
	if appStatus, err := c.Do(withTimeout(t), get()); appStatus != 2 || err != nil {
		t.Errorf("got %d, %v", appStatus, err)
	}
}

func TestClientKeepsNone(t *testing.T) {
	path := startServer(t, &Server{Handler: echo})
	c := newClient(t, path)
	c.MaxIdleConns = -1
	for range 3 {
		if _, err := c.Do(withTimeout(t), get()); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "no connection is left", func() bool { return c.count() == 0 })
}

func (c *Client) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns)
}

func TestClientIdleConns(t *testing.T) {
	b := newBlocking()
	c := newClient(t, startServer(t, &Server{Handler: b}))
	c.MaxIdleConns = 2
	c.IdleTimeout = 20 * time.Millisecond
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := c.Do(withTimeout(t), get()); err != nil {
				t.Error(err)
			}
		})
	}
	for range 5 {
		<-b.begun
	}
	close(b.end)
	wg.Wait()
	if n := c.count(); n > 2 {
		t.Errorf("%d connections are kept", n)
	}
	eventually(t, "the idle connections are closed", func() bool { return c.count() == 0 })
}

// TestClientDeadConnections lets the application close its kept connections
// behind the client's back, in different ways.
func TestClientDeadConnections(t *testing.T) {
	for _, c := range []struct {
		name string
		req  func() *Request
		// kill ends the second request, whose first record has been seen.
		kill   func(p *peer)
		repeat bool
	}{
		{"a GET without an answer", get, func(*peer) {}, true},
		{"a POST without an answer", func() *Request { return &Request{Params: Params{{"REQUEST_METHOD", "POST"}}} }, func(*peer) {}, false},
		{"a GET with a body", func() *Request {
			r := get()
			r.Stdin = strings.NewReader("x")
			return r
		}, func(*peer) {}, false},
		{"a GET with half an answer", get, func(p *peer) { p.send(AppendStream(nil, TypeStdout, 1, []byte("half"))) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			noLeaks(t)
			l := listen(t)
			defer l.Close()
			client := newClient(t, l.Addr().String())
			go func() {
				first, _ := l.Accept()
				p := newPeer(t, first)
				for p.next().Type != TypeParams {
				}
				p.send(AppendEnd(nil, 1, 1, StatusRequestComplete))
				for p.next().Kind != EventBegin {
				}
				c.kill(p)
				p.conn.Close()
				if c.repeat {
					second, _ := l.Accept()
					p := newPeer(t, second)
					for p.next().Type != TypeParams {
					}
					p.send(AppendEnd(nil, 1, 2, StatusRequestComplete))
				}
			}()
			if appStatus, err := client.Do(withTimeout(t), get()); appStatus != 1 || err != nil {
				t.Fatalf("got %d, %v", appStatus, err)
			}
			appStatus, err := client.Do(withTimeout(t), c.req())
			if c.repeat {
				if appStatus != 2 || err != nil {
					t.Errorf("got %d, %v", appStatus, err)
				}
			} else if !errors.Is(err, ErrConnClosed) || errors.Is(err, io.EOF) {
				t.Errorf("got %d, %v", appStatus, err)
			}
		})
	}
}

// TestClientBadPeer answers with what is no FastCGI.
func TestClientBadPeer(t *testing.T) {
	noLeaks(t)
	l := listen(t)
	defer l.Close()
	go func() {
		conn, _ := l.Accept()
		io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
		io.Copy(io.Discard, conn)
		conn.Close()
	}()
	_, err := newClient(t, l.Addr().String()).Do(withTimeout(t), get())
	if _, ok := errors.AsType[*ProtocolError](err); !ok || !errors.Is(err, ErrConnClosed) {
		t.Errorf("got %v", err)
	}
}

func TestClientClose(t *testing.T) {
	b := newBlocking()
	c := newClient(t, startServer(t, &Server{Handler: b}))
	c.MaxConns = 1
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := c.Do(withTimeout(t), get())
			results <- err
		}()
	}
	<-b.begun
	eventually(t, "a request waits", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.waiters) == 1
	})
	c.Close()
	for range 2 {
		if err := <-results; !errors.Is(err, ErrClientClosed) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := c.Do(withTimeout(t), get()); !errors.Is(err, ErrClientClosed) {
		t.Errorf("got %v", err)
	}
}

func TestClientGetValues(t *testing.T) {
	c := newClient(t, startServer(t, &Server{Handler: echo, Limits: Limits{MaxConns: 5, MaxRequests: 6}}))
	for range 2 {
		values, err := c.GetValues(withTimeout(t))
		if want := (Values{5, 6, true}); values != want || err != nil {
			t.Errorf("got %+v, %v", values, err)
		}
	}
	if n := c.count(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestClientGetValuesUnknown(t *testing.T) {
	noLeaks(t)
	l := listen(t)
	defer l.Close()
	go func() {
		conn, _ := l.Accept()
		p := newPeer(t, conn)
		p.next()
		p.send(AppendUnknownType(nil, TypeGetValues))
	}()
	c := newClient(t, l.Addr().String())
	if values, err := c.GetValues(withTimeout(t)); err == nil {
		t.Errorf("got %+v", values)
	}
}

// TestClientSlowStdout shows that a Stdout that takes nothing holds up only as
// much as StreamBuffer on a shared connection.
func TestClientSlowStdout(t *testing.T) {
	path := startServer(t, &Server{Handler: HandlerFunc(func(_ context.Context, r *Request) (uint32, error) {
		fmt.Fprint(r.Stdout, strings.Repeat("x", 1000))
		return 0, nil
	})})
	c := newClient(t, path)
	c.MaxConns, c.MaxRequestsPerConn, c.StreamBuffer = 1, 10, 2000
	gate := make(chan string)
	done := make(chan error, 1)
	go func() {
		_, err := c.Do(withTimeout(t), &Request{Stdout: tell(gate)})
		done <- err
	}()
	var out counter
	if _, err := c.Do(withTimeout(t), &Request{Stdout: &out}); err != nil || out != 1000 {
		t.Errorf("beside a slow request: %d bytes, %v", out, err)
	}
	<-gate
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNetworks(t *testing.T) {
	for _, c := range []struct{ network, address string }{
		{"tcp4", "127.0.0.1:0"},
		{"tcp6", "[::1]:0"},
		{"unix", t.TempDir() + "/s"},
	} {
		t.Run(c.network, func(t *testing.T) {
			noLeaks(t)
			l, err := net.Listen(c.network, c.address)
			if err != nil {
				t.Fatal(err)
			}
			s := &Server{Handler: echo}
			go s.Serve(l)
			t.Cleanup(func() { s.Close() })
			client := &Client{Network: c.network, Address: l.Addr().String()}
			defer client.Close()
			var out bytes.Buffer
			if _, err := client.Do(withTimeout(t), &Request{Params: Params{{"NAME", c.network}}, Stdout: &out}); err != nil || out.String() != "RESPONDER "+c.network+"\n" {
				t.Errorf("got %q, %v", &out, err)
			}
		})
	}
}

func BenchmarkDo(b *testing.B) {
	c := newClient(b, startServer(b, &Server{Handler: HandlerFunc(func(_ context.Context, r *Request) (uint32, error) {
		_, err := io.WriteString(r.Stdout, "Content-Type: text/plain\r\n\r\nhello")
		return 0, err
	})}))
	r := get()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Do(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
}
