package listen

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// dup duplicates a descriptor, as an exec would leave it.
func dup(t *testing.T, fd int) int {
	t.Helper()
	fd, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestInheritFromFPM(t *testing.T) {
	dir := t.TempDir()
	old, _ := table(t)
	port := "127.0.0.1:" + freePort(t)
	kept := open(t, old, Spec{Address: port})
	dropped := open(t, old, Spec{Address: filepath.Join(dir, "a=b,c")})
	if want := []string{fmt.Sprintf("FPM_SOCKETS=%s=%d,%s=%d", port, kept.FD, dropped.Key, dropped.FD)}; !slices.Equal(old.Environ(), want) {
		t.Errorf("environment %q, want %q", old.Environ(), want)
	}
	if err := old.KeepOnExec(true); err != nil {
		t.Fatal(err)
	}
	if flags, err := unix.FcntlInt(uintptr(kept.FD), unix.F_GETFD, 0); err != nil || flags != 0 {
		t.Errorf("descriptor flags %#x, %v: would not survive an exec", flags, err)
	}

	next, log := table(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	keptFD := dup(t, kept.FD)
	next.Inherit([]string{fmt.Sprintf("FPM_SOCKETS=%s=%d,x=%d,y=999,z,%s=%d", port, keptFD, null.Fd(), dropped.Key, dup(t, dropped.FD))})
	if s := open(t, next, Spec{Address: port}); s.FD != keptFD {
		t.Errorf("opened %d, inherited %d", s.FD, keptFD)
	}
	next.LogInherited()
	next.LogInherited()
	if want := fmt.Sprintf("NOTICE: using inherited socket fd=%d, \"%s\"\n", keptFD, port); strings.Count(log.String(), want) != 1 {
		t.Errorf("log:\n%swant once %s", log, want)
	}
	next.CloseUnused(func(s *Socket) bool { return s.Key == port })
	if _, err := os.Lstat(dropped.Key); err == nil {
		t.Error("the file of a socket that is not used any more is still there")
	}
	if _, err := null.Stat(); err != nil {
		t.Errorf("a descriptor that is no socket was touched: %v", err)
	}
}

func TestManyInheritedSockets(t *testing.T) {
	old, _ := table(t)
	dir := t.TempDir()
	const sockets = 2*fpmPerVariable + 1
	for i := range sockets {
		open(t, old, Spec{Address: fmt.Sprintf("%s/%d", dir, i)})
	}
	environ := old.Environ()
	if len(environ) != 3 || !strings.HasPrefix(environ[1], "FPM_SOCKETS_1=") || !strings.HasPrefix(environ[2], "FPM_SOCKETS_2=") {
		t.Fatalf("%d variables", len(environ))
	}
	next, _ := table(t)
	next.Inherit(append([]string{"PATH=/bin"}, environ...))
	if got := len(next.Sockets()); got != sockets {
		t.Errorf("inherited %d sockets, want %d", got, sockets)
	}
	if rest := StripEnviron(append(environ, "PATH=/bin", "LISTEN_FDS=3", "LISTEN_PID=1")); !slices.Equal(rest, []string{"PATH=/bin"}) {
		t.Errorf("environment %q after all was stripped", rest)
	}
	next.Release()
	if _, err := os.Lstat(dir + "/0"); err != nil {
		t.Errorf("released sockets lost their files: %v", err)
	}
}

func TestInheritFromSystemd(t *testing.T) {
	old, _ := table(t)
	port := "127.0.0.1:" + freePort(t)
	s := open(t, old, Spec{Address: port})
	// The descriptors begin at 3, so all up to ours are handed over. Those
	// that are not listening sockets must be left alone.
	environ := func(pid int) []string {
		return []string{fmt.Sprintf("LISTEN_FDS=%d", s.FD-2), fmt.Sprintf("LISTEN_PID=%d", pid)}
	}
	next, _ := table(t)
	next.Inherit(environ(os.Getpid() + 1))
	if got := next.Sockets(); len(got) != 0 {
		t.Errorf("inherited %d sockets meant for another", len(got))
	}
	next.Inherit(environ(os.Getpid()))
	if got := next.Sockets(); len(got) != 1 || got[0].Key != port {
		t.Errorf("inherited %+v", got)
	}
	next.sockets = nil // the descriptor is old's
	next.inherited = nil
}

// The file of a socket that systemd has made outlives also a service that was
// started by another process in between, as with -D.
func TestForeignSockets(t *testing.T) {
	maker, _ := table(t)
	path := filepath.Join(t.TempDir(), "sock")
	made := open(t, maker, Spec{Address: path})
	starter, _ := table(t)
	starter.sockets[path] = &Socket{FD: dup(t, made.FD), Key: path}
	environ := starter.Environ()
	if want := []string{fmt.Sprintf("ANYFPM_FOREIGN_SOCKETS=%s=%d", path, starter.sockets[path].FD)}; !slices.Equal(environ, want) {
		t.Errorf("environment %q, want %q", environ, want)
	}
	service, _ := table(t)
	service.Inherit([]string{fmt.Sprintf("ANYFPM_FOREIGN_SOCKETS=%s=%d", path, dup(t, made.FD))})
	if s := open(t, service, Spec{Address: path}); s.Key != path || len(service.Sockets()) != 1 {
		t.Errorf("opened %+v", s)
	}
	service.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
	if rest := StripEnviron(environ); len(rest) != 0 {
		t.Errorf("environment %q after all was stripped", rest)
	}
}
