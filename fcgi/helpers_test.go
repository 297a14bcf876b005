package fcgi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// poll waits until ok returns true and reports whether it did in time.
func poll(ok func() bool) bool {
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// eventually is poll for what must happen.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !poll(ok) {
		t.Fatalf("waited in vain until %s", what)
	}
}

// noLeaks fails the test when a goroutine of this package that starts after
// the call outlives the test.
func noLeaks(t testing.TB) {
	t.Helper()
	before := ourGoroutines()
	t.Cleanup(func() {
		var left []string
		if !poll(func() bool {
			left = slices.Collect(maps.Values(ourGoroutines()))
			for id := range before {
				left = slices.DeleteFunc(left, func(stack string) bool { return strings.HasPrefix(stack, id) })
			}
			return len(left) == 0
		}) {
			t.Errorf("goroutines are left behind:\n%s", strings.Join(left, "\n\n"))
		}
	})
}

// ourGoroutines lists the goroutines that run this package's code, except for
// those that run tests.
func ourGoroutines() map[string]string {
	buf := make([]byte, 1<<20)
	ours := make(map[string]string)
	for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		id, _, _ := strings.Cut(stack, "[")
		if strings.Contains(stack, "anyfpm/fcgi.") && !strings.Contains(stack, "testing.(*") && !strings.Contains(stack, "testing.tRunner(") {
			ours[id] = stack
		}
	}
	return ours
}

// startServer serves on a unix socket until the test ends, and returns its path.
func startServer(t testing.TB, s *Server) string {
	t.Helper()
	noLeaks(t)
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	l := listen(t)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; !errors.Is(err, ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
	})
	return l.Addr().String()
}

// listen returns a listener on a new unix socket.
func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newClient returns a client of the socket that is closed when the test ends.
func newClient(t testing.TB, path string) *Client {
	t.Helper()
	c := &Client{Network: "unix", Address: path}
	t.Cleanup(func() { c.Close() })
	return c
}

// get is a simple request.
func get() *Request {
	return &Request{Params: Params{{"REQUEST_METHOD", "GET"}}}
}

// A peer is a hand-driven connection.
type peer struct {
	t    testing.TB
	conn net.Conn
	dec  Decoder
	in   []byte
}

func dialPeer(t testing.TB, path string) *peer {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return newPeer(t, conn)
}

func newPeer(t testing.TB, conn net.Conn) *peer {
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &peer{t: t, conn: conn}
}

func (p *peer) send(records []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(records); err != nil {
		p.t.Fatal(err)
	}
}

// next returns the next record but empty ends of streams. After the last it
// returns EventNone.
func (p *peer) next() record {
	p.t.Helper()
	var r record
	for {
		for len(p.in) > 0 {
			ev, n, err := p.dec.Next(p.in)
			if err != nil {
				p.t.Fatal(err)
			}
			p.in = p.in[n:]
			if ev.Kind == EventNone || ev.Kind == EventEnd && ev.Type != TypeGetValuesResult {
				continue
			}
			r.Event = ev
			r.data = append(r.data, ev.Data...)
			if ev.Kind != EventData || ev.Final {
				return r
			}
		}
		buf := make([]byte, 4096)
		n, err := p.conn.Read(buf)
		if n == 0 && err == io.EOF {
			return record{}
		}
		if n == 0 && err != nil {
			p.t.Fatal(err)
		}
		p.in = buf[:n]
	}
}

// expect compares the next record.
func (p *peer) expect(want string) {
	p.t.Helper()
	if r := p.next(); r.Kind == EventNone && want != "closed" || r.Kind != EventNone && r.String() != want {
		p.t.Fatalf("got %v, want %s", r, want)
	}
}

// request is a request without a body, except for the end of STDIN.
func request(id uint16, role Role, flags uint8, params Params) []byte {
	p := AppendBegin(nil, id, role, flags)
	p = AppendStream(p, TypeParams, id, params.Append(nil))
	return AppendStreamEnd(p, TypeParams, id)
}

// withTimeout is a context that ends with the test's patience.
func withTimeout(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
