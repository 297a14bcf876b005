package logfile

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// daemon is a syslog daemon at path.
func daemon(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, 4096)
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestSyslogSurvivesItsDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	opts := SyslogOptions{Ident: "php-fpm", Facility: 24, Level: LevelNotice, Socket: path}
	s, err := NewSyslog(opts)
	if err == nil {
		t.Error("connected without a daemon")
	}
	defer s.Close()
	write(t, s, "lost\n")
	if s.Dropped() != 1 {
		t.Errorf("%d messages dropped, want 1", s.Dropped())
	}
	for range 2 {
		conn := daemon(t, path)
		write(t, s, "[NOTICE] ready\n")
		want := fmt.Sprintf(`^<29>\w\w\w [ \d]\d \d\d:\d\d:\d\d php-fpm\[%d\]: \[NOTICE\] ready$`, os.Getpid())
		if got := receive(t, conn); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("received %q, want a match of %s", got, want)
		}
		conn.Close()
		os.Remove(path)
	}
}

func TestBusySyslogDrops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	daemon(t, path)
	s, err := NewSyslog(SyslogOptions{Ident: "x", Socket: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const messages = 5000 // more than the socket holds
	for range messages {
		write(t, s, "x\n")
	}
	if d := s.Dropped(); d == 0 || d == messages {
		t.Errorf("%d of %d messages dropped", d, messages)
	}
}
