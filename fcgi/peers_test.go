package fcgi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestServerWithCgiFcgi has libfcgi's own client ask our server.
func TestServerWithCgiFcgi(t *testing.T) {
	path := startServer(t, &Server{Handler: HandlerFunc(func(_ context.Context, r *Request) (uint32, error) {
		fmt.Fprintf(r.Stdout, "Content-Type: text/plain\r\n\r\n%s %s %s\n", r.Role, r.Params.Get("REQUEST_METHOD"), r.Params.Get("LONG"))
		fmt.Fprint(r.Stderr, "a word on stderr")
		_, err := io.Copy(r.Stdout, r.Stdin)
		return 0, err
	})})
	long := strings.Repeat("l", 5000)
	body := strings.Repeat("body ", 100000)
	cmd := program(t, "cgi-fcgi", "libfcgi-bin", "-bind", "-connect", path)
	cmd.Env = []string{"REQUEST_METHOD=POST", "LONG=" + long, "CONTENT_LENGTH=" + strconv.Itoa(len(body))}
	cmd.Stdin = strings.NewReader(body)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if want := "Content-Type: text/plain\r\n\r\nRESPONDER POST " + long + "\n" + body; string(out) != want {
		t.Errorf("got %d bytes, want %d; they begin with %.100q", len(out), len(want), out)
	}
	if stderr.String() != "a word on stderr" {
		t.Errorf("stderr is %q", &stderr)
	}
}

// TestClientWithPHP has our client ask php-cgi, with all that a script can do
// to a connection.
func TestClientWithPHP(t *testing.T) {
	dir := t.TempDir()
	socket := startPHP(t, dir, 2)
	for name, code := range map[string]string{
		"hello.php": `<?php header('X-Method: ' . $_SERVER['REQUEST_METHOD']); echo 'hello ', $_GET['name'] ?? '';`,
		"post.php":  `<?php echo md5(file_get_contents('php://input'));`,
		"flush.php": `<?php echo 'one'; flush(); error_log('between'); echo 'two';`,
		"large.php": `<?php for ($i = 0; $i < 5000; $i++) echo str_repeat('x', 1000);`,
		"slow.php":  `<?php while (ob_get_level()) ob_end_flush(); echo 'started'; flush(); while (true) { usleep(1000); echo ' '; flush(); }`,
		"early.php": `<?php echo 'did not read';`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(code), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	client := newClient(t, socket)
	client.MaxConns = 2
	php := func(method, script, query string) *Request {
		return &Request{Params: Params{
			{"REQUEST_METHOD", method},
			{"SCRIPT_FILENAME", filepath.Join(dir, script)},
			{"SCRIPT_NAME", "/" + script},
			{"QUERY_STRING", query},
			{"REDIRECT_STATUS", "200"},
			{"SERVER_PROTOCOL", "HTTP/1.1"},
		}}
	}
	do := func(t *testing.T, r *Request) (stdout, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		r.Stdout, r.Stderr = &out, &errs
		if appStatus, err := client.Do(withTimeout(t), r); err != nil || appStatus != 0 {
			t.Errorf("status %d, error %v", appStatus, err)
		}
		return out.String(), errs.String()
	}

	t.Run("values", func(t *testing.T) {
		values, err := client.GetValues(withTimeout(t))
		if err != nil || values.MpxsConns {
			t.Errorf("got %+v, %v", values, err)
		}
	})
	t.Run("get", func(t *testing.T) {
		for range 3 {
			out, _ := do(t, php("GET", "hello.php", "name=you"))
			if !strings.Contains(out, "X-Method: GET\r\n") || !strings.HasSuffix(out, "\r\n\r\nhello you") {
				t.Errorf("got %q", out)
			}
		}
	})
	t.Run("post", func(t *testing.T) {
		r := php("POST", "post.php", "")
		r.Params.Set("CONTENT_LENGTH", "1000000")
		r.Params.Set("CONTENT_TYPE", "application/octet-stream")
		r.Stdin = io.LimitReader(zeros{}, 1000000)
		if out, _ := do(t, r); !strings.HasSuffix(out, "879f4bba57ed37c9ec5e5aedf9864698") {
			t.Errorf("got %q", out)
		}
	})
	t.Run("stderr", func(t *testing.T) {
		out, errs := do(t, php("GET", "flush.php", ""))
		if !strings.HasSuffix(out, "onetwo") || !strings.Contains(errs, "between") {
			t.Errorf("got %q, %q", out, errs)
		}
	})
	t.Run("large", func(t *testing.T) {
		if out, _ := do(t, php("GET", "large.php", "")); len(out) < 5000000 {
			t.Errorf("got %d bytes", len(out))
		}
	})
	t.Run("abort", func(t *testing.T) {
		r := php("GET", "slow.php", "")
		enough := errors.New("enough")
		r.Stdout = failing{enough}
		if _, err := client.Do(withTimeout(t), r); !errors.Is(err, enough) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("unread body", func(t *testing.T) {
		r := php("POST", "early.php", "")
		r.Params.Set("CONTENT_LENGTH", "3000000")
		r.Params.Set("CONTENT_TYPE", "application/octet-stream")
		r.Stdin = io.LimitReader(zeros{}, 3000000)
		if out, _ := do(t, r); !strings.HasSuffix(out, "did not read") {
			t.Errorf("got %q", out)
		}
	})
	t.Run("many", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				out, _ := do(t, php("GET", "hello.php", fmt.Sprint("name=", i)))
				if !strings.HasSuffix(out, fmt.Sprint("hello ", i)) {
					t.Errorf("request %d got %q", i, out)
				}
			})
		}
		wg.Wait()
	})
}

// startPHP runs php-cgi with the given number of processes until the test
// ends, and returns its socket.
func startPHP(t *testing.T, dir string, processes int) string {
	t.Helper()
	noLeaks(t)
	socket := filepath.Join(dir, "php")
	cmd := program(t, "php-cgi", "php-cgi", "-b", socket, "-d", "log_errors=1", "-d", "error_log=")
	cmd.Env = []string{"PHP_FCGI_CHILDREN=" + strconv.Itoa(processes), "PHP_FCGI_MAX_REQUESTS=100000"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	})
	eventually(t, "php-cgi listens", func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return socket
}

// program is a command that does not outlive the test, in a process group of
// its own.
func program(t *testing.T, name, debianPackage string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: install Debian's %s", err, debianPackage)
	}
	cmd := exec.CommandContext(withTimeout(t), path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	return cmd
}
