package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/fcgi"
)

// A site is a document root for a test: file names and contents. A name that
// ends in * is executable, one that ends in > a symbolic link to its content,
// one that ends in / a directory.
type site map[string]string

func (s site) make(t testing.TB) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, content := range s {
		path := filepath.Join(root, strings.TrimRight(name, "*>/"))
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case strings.HasSuffix(name, ">"):
			err = os.Symlink(content, path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		case strings.HasSuffix(name, "*"):
			err = os.WriteFile(path, []byte(content), 0o755)
		default:
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// dump is a script that prints its meta-variables and its body.
var dump = fcgi.HandlerFunc(func(_ context.Context, r *fcgi.Request) (uint32, error) {
	fmt.Fprint(r.Stdout, "Content-Type: text/plain\r\n\r\n")
	for _, p := range r.Params {
		fmt.Fprintf(r.Stdout, "%s=%s\n", p.Name, p.Value)
	}
	_, err := io.Copy(r.Stdout, r.Stdin)
	return 0, err
})

// prints is a script that always prints the same.
func prints(output string) fcgi.Handler {
	return fcgi.HandlerFunc(func(_ context.Context, r *fcgi.Request) (uint32, error) {
		_, err := io.WriteString(r.Stdout, output)
		return 0, err
	})
}

// behindServer puts a real FastCGI server and client before a handler.
func behindServer(t testing.TB, h fcgi.Handler) fcgi.Handler {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	s := &fcgi.Server{Handler: h, Logger: slog.New(slog.DiscardHandler)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(l)
	}()
	c := &fcgi.Client{Network: "unix", Address: l.Addr().String(), MaxRequestsPerConn: 10}
	t.Cleanup(func() {
		_ = c.Close()
		_ = s.Close()
		<-served
	})
	return c
}

// newGateway returns a gateway to a script behind a real FastCGI server.
func newGateway(t testing.TB, cfg Config) *Gateway {
	t.Helper()
	if cfg.Root == "" {
		cfg.Root = site{"script.cgi*": ""}.make(t)
	}
	cfg.Backend = behindServer(t, cfg.Backend)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// serve starts an HTTP server for a gateway to a script.
func serve(t testing.TB, cfg Config) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.Config = NewServer(newGateway(t, cfg), slog.New(slog.DiscardHandler))
	s.Start()
	t.Cleanup(s.Close)
	// Redirects are part of what is tested.
	s.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// get performs a GET and returns the response and its body.
func get(t testing.TB, s *httptest.Server, path string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, s, r)
}

func do(t testing.TB, s *httptest.Server, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// raw sends bytes to an HTTP server, and returns the connection to read from.
func raw(t testing.TB, s *httptest.Server, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// record asks a gateway without a server.
func record(g *Gateway, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}
