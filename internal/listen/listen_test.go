package listen

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/tests/harness"
)

// table returns an empty table, closed at the end of the test, and its log.
func table(t *testing.T) (*Table, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	table := NewTable(slog.New(logfile.NewHandler(&log, logfile.HandlerOptions{Level: logfile.LevelDebug})))
	t.Cleanup(table.Close)
	return table, &log
}

func open(t *testing.T, table *Table, spec Spec) *Socket {
	t.Helper()
	if spec.Backlog == 0 {
		spec.Backlog = -1
	}
	s, err := table.Open(spec)
	if err != nil {
		t.Fatal(err)
	}
	flags, err := unix.FcntlInt(uintptr(s.FD), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("%s: flags %#x, %v: want non-blocking", spec.Address, flags, err)
	}
	if flags, err = unix.FcntlInt(uintptr(s.FD), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("%s: descriptor flags %#x, %v: want close-on-exec", spec.Address, flags, err)
	}
	return s
}

// freePort returns a port that nobody uses.
func freePort(t *testing.T) string { return strconv.Itoa(harness.FreePort(t)) }

func dial(network, address string) error {
	conn, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func TestTCP(t *testing.T) {
	port := freePort(t)
	for _, tt := range []struct{ address, key, dial string }{
		{"127.0.0.1:" + port, "127.0.0.1:" + port, "127.0.0.1:" + port},
		{"[::1]:" + port, "::1:" + port, "[::1]:" + port},
		{"::1:" + port, "::1:" + port, "[::1]:" + port},
		{port, ":::" + port, "127.0.0.1:" + port},
		{"*:" + port, ":::" + port, "[::1]:" + port},
	} {
		t.Run(tt.address, func(t *testing.T) {
			table, _ := table(t)
			if s := open(t, table, Spec{Address: tt.address}); s.Key != tt.key {
				t.Errorf("key %q, want %q", s.Key, tt.key)
			}
			if err := dial("tcp", tt.dial); err != nil {
				t.Error(err)
			}
			table.Close()
			if err := dial("tcp", tt.dial); err == nil {
				t.Error("still listens")
			}
		})
	}
}

func TestErrorsHavePHPTexts(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	living, err := net.Listen("unix", filepath.Join(dir, "living"))
	if err != nil {
		t.Fatal(err)
	}
	defer living.Close()
	long := dir + strings.Repeat("/x", 60)
	tests := map[string]struct {
		spec Spec
		want string
	}{
		"port 0":        {Spec{Address: "127.0.0.1:0"}, "invalid port value '0'"},
		"large port":    {Spec{Address: "65536"}, "invalid port value '65536'"},
		"no port":       {Spec{Address: "localhost:"}, "invalid port value ''"},
		"named port":    {Spec{Address: "localhost:http"}, "invalid port value 'http'"},
		"unknown host":  {Spec{Address: "no-such-host.invalid:9000"}, "getaddrinfo: "},
		"port taken":    {Spec{Address: taken.Addr().String()}, fmt.Sprintf("unable to bind listening socket for address '%s': Address already in use (98)", taken.Addr())},
		"living":        {Spec{Address: living.Addr().String()}, "Another FPM instance seems to already listen on " + living.Addr().String()},
		"not a socket":  {Spec{Address: plain}, fmt.Sprintf("unable to bind listening socket for address '%s': the file exists and is not a socket", plain)},
		"no directory":  {Spec{Address: dir + "/none/x"}, fmt.Sprintf("unable to bind listening socket for address '%s/none/x': No such file or directory (2)", dir)},
		"long path":     {Spec{Address: long}, fmt.Sprintf("cannot bind to UNIX socket '%s' as path is too long (found length: %d, maximal length: 107)", long, len(long))},
		"unknown owner": {Spec{Pool: "www", Address: dir + "/a", Owner: "nobody-at-all"}, "[pool www] cannot get uid for user 'nobody-at-all'"},
		"unknown group": {Spec{Pool: "www", Address: dir + "/a", Group: "nobody-at-all"}, "[pool www] cannot get gid for group 'nobody-at-all'"},
		"unknown ACL":   {Spec{Pool: "www", Address: dir + "/a", ACLUsers: "root, nobody-at-all"}, "[pool www] cannot get uid for user 'nobody-at-all'"},
		"no interface":  {Spec{Address: "fe80::1%nowhere:9000"}, "unable to find the interface of address 'fe80::1%nowhere'"},
	}
	before := openFDs(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			table, _ := table(t)
			s, err := table.Open(tt.spec)
			if err == nil {
				t.Fatalf("opened %+v", s)
			}
			if got := logfile.ErrorText(err); !strings.HasPrefix(got, tt.want) {
				t.Errorf("error %q, want %q", got, tt.want)
			}
		})
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors open after, %d before", after, before)
	}
	if names, _ := filepath.Glob(dir + "/a"); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	table, _ := table(t)
	open(t, table, Spec{Address: path})
	if err := dial("unix", path); err != nil {
		t.Error(err)
	}
}

func TestFullBacklogIsNotStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first, _ := table(t)
	open(t, first, Spec{Address: path, Backlog: 1})
	for range 2 { // the backlog and one more
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	second, _ := table(t)
	if _, err := second.Open(Spec{Address: path}); err == nil {
		t.Error("replaced a socket whose owner is merely busy")
	}
}

func TestModeIgnoresTheUmask(t *testing.T) {
	for mode, want := range map[string]fs.FileMode{"": 0o660, "0666": 0o666, "0600": 0o600, "x": 0} {
		path := filepath.Join(t.TempDir(), "s")
		table, _ := table(t)
		open(t, table, Spec{Address: path, Mode: mode})
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != fs.ModeSocket|want {
			t.Errorf("mode %q gives %v, want %v", mode, info.Mode(), want)
		}
	}
}

func TestOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	owner, group := "www-data", "daemon"
	if os.Getuid() != 0 {
		owner, group = strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid())
	}
	table, _ := table(t)
	open(t, table, Spec{Address: path, Owner: owner, Group: group})
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	want := [2]uint32{33, 1}
	if os.Getuid() != 0 {
		want = [2]uint32{uint32(os.Getuid()), uint32(os.Getgid())}
	}
	if got := [2]uint32{st.Uid, st.Gid}; got != want {
		t.Errorf("owner and group %v, want %v", got, want)
	}
}

func TestACL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	table, _ := table(t)
	open(t, table, Spec{Address: path, Owner: "daemon", ACLUsers: "www-data, 7,7", ACLGroups: "daemon", Mode: "0640"})
	got := make([]byte, 200)
	n, err := unix.Getxattr(path, aclAttribute, got)
	if err != nil {
		t.Fatal(err)
	}
	want := accessList{
		{aclUserObj, 6, aclNoID}, {aclUser, 6, 7}, {aclUser, 6, 33}, {aclGroupObj, 4, aclNoID},
		{aclGroup, 6, 1}, {aclMask, 6, aclNoID}, {aclOther, 0, aclNoID},
	}.encode()
	if !bytes.Equal(got[:n], want) {
		t.Errorf("access list %x, want %x", got[:n], want)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || int(st.Uid) != os.Getuid() {
		t.Errorf("owner %d, %v: listen.owner must be ignored beside an access list", st.Uid, err)
	}
}

func TestReloadKeepsSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	port := "127.0.0.1:" + freePort(t)
	table, _ := table(t)
	tcp := open(t, table, Spec{Address: port})
	local := open(t, table, Spec{Address: path})
	if again := open(t, table, Spec{Address: port, Backlog: 5}); again != tcp {
		t.Error("the TCP socket was opened again")
	}
	if again := open(t, table, Spec{Address: path, Mode: "0600"}); again != local {
		t.Error("the unix socket was opened again")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v after a change to 0600", info.Mode(), err)
	}
	table.CloseUnused(func(s *Socket) bool { return s == tcp })
	if _, err := os.Lstat(path); err == nil {
		t.Error("the file of a closed socket is still there")
	}
	if err := dial("tcp", port); err != nil {
		t.Error(err)
	}
}

// A socket whose file was removed is opened anew, also where the file system
// gives the new file the old one's number; the old socket goes when it is not
// used any more.
func TestRemovedSocketIsOpenedAnew(t *testing.T) {
	table, _ := table(t)
	path := filepath.Join(t.TempDir(), "s.sock")
	old := open(t, table, Spec{Address: path})
	if old.Gone() {
		t.Error("the socket is said to be gone")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if !old.Gone() {
		t.Error("the socket is not said to be gone")
	}
	s := open(t, table, Spec{Address: path})
	if s == old || s.Key != path || len(table.Sockets()) != 2 {
		t.Errorf("got %+v, want another socket beside the old one", s)
	}
	table.CloseUnused(func(used *Socket) bool { return used == s })
	if _, err := unix.FcntlInt(uintptr(old.FD), unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("the old socket is open: %v", err)
	}
	if err := dial("unix", path); err != nil {
		t.Error(err)
	}
	if again := open(t, table, Spec{Address: path}); again != s {
		t.Error("a socket that is there is opened twice")
	}
}

func TestAnothersFileIsNotRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	table, _ := table(t)
	open(t, table, Spec{Address: path})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	table.Close()
	if err := dial("unix", path); err != nil {
		t.Errorf("another's socket is gone: %v", err)
	}
}

func TestHostWithSeveralAddresses(t *testing.T) {
	table, log := table(t)
	s, err := openTCP(Spec{Address: "many:1", Backlog: -1}, address{host: "many"}, []unix.Sockaddr{
		&unix.SockaddrInet4{Addr: [4]byte{198, 51, 100, 1}}, // not ours: cannot be bound
		&unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}},
		&unix.SockaddrInet6{Addr: [16]byte{15: 1}},
	}, table.log)
	if err != nil {
		t.Fatal(err)
	}
	s.close()
	if !strings.HasSuffix(log.String(), "WARNING: Found multiple addresses for many, ::1 ignored\n") || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("log:\n%s", log)
	}
	_, err = openTCP(Spec{Address: "many:1"}, address{host: "many"}, []unix.Sockaddr{
		&unix.SockaddrInet4{Addr: [4]byte{198, 51, 100, 1}}, &unix.SockaddrInet4{Addr: [4]byte{198, 51, 100, 2}},
	}, table.log)
	if err == nil || !strings.Contains(log.String(), "ERROR: unable to bind listening socket for address 'many:1': Cannot assign requested address (99)\n") {
		t.Errorf("error %v, log:\n%s", err, log)
	}
}

// Whoever owns the directory of a socket can put a link in its place. What that
// names keeps its mode.
func TestModeOfAnothersLink(t *testing.T) {
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "socket")
	if err := os.WriteFile(victim, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	table, _ := table(t)
	s := open(t, table, Spec{Address: path, Mode: "0600"})
	for name, replace := range map[string]func() error{
		"a link": func() error { return os.Symlink(victim, path) },
		"a file": func() error { return os.Link(victim, path) },
	} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := replace(); err != nil {
			t.Fatal(err)
		}
		s.spec.Mode = "0666"
		if err := s.setPermissions(); err == nil {
			t.Errorf("%s: nothing is wrong", name)
		}
		if info, err := os.Stat(victim); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: the mode is %v, %v", name, info.Mode(), err)
		}
	}
}
