// Package fpmtest runs a real php-fpm, for tests that compare our behaviour
// with its own.
package fpmtest

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Binary is Debian's php-fpm.
const Binary = "/usr/sbin/php-fpm8.2"

// patience is how long php-fpm may take to start or to answer.
const patience = 20 * time.Second

// A Server is a php-fpm with a pool called www, in the time zone UTC and
// without a php.ini.
type Server struct {
	// Dir is an empty directory for the test's scripts.
	Dir string
	// PID is the master's.
	PID int

	socket string
}

// Start runs php-fpm with these directives in its pool until the test ends. A
// test on a machine without php-fpm fails.
func Start(t testing.TB, pool ...string) *Server {
	t.Helper()
	s := &Server{Dir: t.TempDir(), socket: filepath.Join(t.TempDir(), "fpm.sock")}
	process, out := run(t, s.socket, pool, "-F", "-O")
	s.PID = process.Pid
	t.Cleanup(func() {
		if err := process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if _, err := process.Wait(); err != nil {
			t.Error(err)
		}
		out.Close()
	})
	if err := out.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "ready to handle connections") {
			return s
		}
		said.WriteString(lines.Text() + "\n")
	}
	t.Fatalf("php-fpm does not start:\n%s", said.String())
	return nil
}

// Check returns what php-fpm -t prints about a pool.
func Check(t testing.TB, pool ...string) string {
	t.Helper()
	process, out := run(t, filepath.Join(t.TempDir(), "fpm.sock"), pool, "-t")
	defer out.Close()
	printed, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := process.Wait(); err != nil {
		t.Fatal(err)
	}
	return string(printed)
}

// run starts php-fpm and returns the end of the pipe it prints to.
func run(t testing.TB, socket string, pool []string, flags ...string) (*os.Process, *os.File) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "fpm.conf")
	lines := append([]string{"[global]", "error_log = " + filepath.Join(dir, "error.log"), "[www]", "listen = " + socket}, pool...)
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	argv := append([]string{Binary, "-n", "-R", "-y", config}, flags...)
	process, err := os.StartProcess(Binary, argv, &os.ProcAttr{
		Dir:   dir,
		Env:   []string{"TZ=UTC", "PATH=/usr/bin:/bin"},
		Files: []*os.File{nil, in, in},
	})
	if err != nil {
		out.Close()
		t.Fatalf("cannot run a real php-fpm to compare with (apt-get install php8.2-fpm): %v", err)
	}
	return process, out
}
