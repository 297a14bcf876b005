package control

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
)

// pair returns both ends of a connection, closed at the end of the test.
func pair(t *testing.T) (master, supervisor *Conn) {
	t.Helper()
	master, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	supervisor, err = FromFD(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); supervisor.Close() })
	return master, supervisor
}

// rawPair returns a connection and the bare socket at its other end.
func rawPair(t *testing.T) (*Conn, *net.UnixConn) {
	t.Helper()
	conn, other := pair(t)
	return conn, other.sock
}

func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestEveryMessageArrivesAsItWasSent(t *testing.T) {
	nice := -3
	messages := []Message{
		&Start{
			Pool:   config.Pool{Name: "www", Listen: "127.0.0.1:9000", ProcessPriority: &nice, ProcessIdleTimeout: 10 * time.Second},
			Global: config.Global{LogLevel: "notice", ProcessControlTimeout: -1}, Generation: 3, FDs: []string{}, Limit: -1,
		},
		&Reopen{FDs: []string{}},
		&SnapshotRequest{ID: 7},
		&Drain{}, &Stop{}, &Trace{PID: 42}, &Limit{Workers: 5},
		&Ready{}, &Failed{Reason: "no such file"},
		&Snapshot{ID: 7, Status: []byte(`{"pool":"www"}`)},
		&WorkerExited{PID: 9, Signal: 11}, &Usage{Workers: 2, Wanted: 3}, &Quiet{},
		&Connections{List: []Connection{{Status: true}, {Fresh: true}}},
	}
	master, supervisor := pair(t)
	for _, sent := range messages {
		t.Run(sent.messageType(), func(t *testing.T) {
			if err := master.Send(sent); err != nil {
				t.Fatal(err)
			}
			got, fds, err := supervisor.Receive()
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, sent) || len(fds) != 0 {
				t.Errorf("received %+v with descriptors %v, sent %+v", got, fds, sent)
			}
		})
	}
}

func TestDescriptorsArriveWithTheirMessage(t *testing.T) {
	master, supervisor := pair(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := master.Send(&Ready{}); err != nil {
		t.Fatal(err)
	}
	if err := master.Send(&Reopen{FDs: []string{FDErrorLog}}, int(w.Fd())); err != nil {
		t.Fatal(err)
	}
	if err := master.Send(&Drain{}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for _, want := range []int{0, 1, 0} {
		_, fds, err := supervisor.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if len(fds) != want {
			t.Fatalf("received %d descriptors, want %d", len(fds), want)
		}
		for _, fd := range fds {
			flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
			if err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("descriptor flags %#x, %v: want close-on-exec", flags, err)
			}
			if _, err := unix.Write(fd, []byte("x")); err != nil {
				t.Error(err)
			}
			Discard(fds)
		}
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "x" {
		t.Errorf("read %q, %v through the passed descriptor", got, err)
	}
}

func TestLargeMessageWhileTheOtherSideReadsSlowly(t *testing.T) {
	master, supervisor := pair(t)
	reason := strings.Repeat("long story ", 1<<20)
	sent := make(chan error, 1)
	go func() { sent <- supervisor.Send(&Failed{Reason: reason}) }()
	m, _, err := master.Receive()
	if err != nil {
		t.Fatal(err)
	}
	if got := m.(*Failed).Reason; got != reason {
		t.Errorf("received %d bytes, sent %d", len(got), len(reason))
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestEndOfStream(t *testing.T) {
	master, supervisor := pair(t)
	supervisor.Close()
	if _, _, err := master.Receive(); err != io.EOF {
		t.Errorf("received %v after a close, want io.EOF", err)
	}
	if err := master.Send(&Stop{}); !errors.Is(err, unix.EPIPE) {
		t.Errorf("sent with %v after a close, want EPIPE", err)
	}
}

func TestCloseEndsReceive(t *testing.T) {
	master, _ := pair(t)
	failed := make(chan error, 1)
	go func() {
		_, _, err := master.Receive()
		failed <- err
	}()
	master.Close()
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Errorf("received %v, want net.ErrClosed", err)
	}
}

func TestUnknownMessage(t *testing.T) {
	conn, raw := rawPair(t)
	if _, err := raw.Write(frame(0, `{"type":"from the future","body":{"a":1}}`)); err != nil {
		t.Fatal(err)
	}
	m, _, err := conn.Receive()
	if err != nil {
		t.Fatal(err)
	}
	if u, ok := m.(*Unknown); !ok || u.Type != "from the future" {
		t.Errorf("received %#v, want an Unknown", m)
	}
	if err := conn.Send(m); err == nil {
		t.Error("sent an Unknown")
	}
}

// frame returns a frame that announces fds descriptors.
func frame(fds uint32, body string) []byte {
	f := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	f = binary.BigEndian.AppendUint32(f, fds)
	return append(f, body...)
}

func TestHostileInput(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	rights := func(n int) []byte {
		fds := make([]int, n)
		for i := range fds {
			fds[i] = int(null.Fd())
		}
		return unix.UnixRights(fds...)
	}
	tests := map[string]struct {
		data   []byte
		rights []byte
		want   string
	}{
		"length beyond the limit":        {data: []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, want: "a message of 4294967295 bytes"},
		"not JSON":                       {data: frame(0, "hello"), want: "not a message"},
		"body of the wrong type":         {data: frame(0, `{"type":"usage","body":[1]}`), want: "bad usage message"},
		"descriptors announced, missing": {data: frame(1, `{"type":"quiet"}`), want: "1 descriptors announced, 0 received"},
		"descriptors not announced":      {data: frame(0, `{"type":"quiet"}`), rights: rights(1), want: "0 descriptors announced, 1 received"},
		"one descriptor too many":        {data: frame(3, `{"type":"quiet"}`), rights: rights(3), want: "too many descriptors"},
		"far too many descriptors":       {data: frame(200, `{"type":"quiet"}`), rights: rights(200), want: "too many descriptors"},
		"end within the header":          {data: []byte{0, 0}, want: "unexpected EOF"},
		"end within the body":            {data: frame(0, `{"type":"quiet"}`)[:12], want: "unexpected EOF"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := openFDs(t)
			conn, raw := rawPair(t)
			conn.Limit(1<<20, 2)
			if _, _, err := raw.WriteMsgUnix(tt.data, tt.rights, nil); err != nil {
				t.Fatal(err)
			}
			raw.Close()
			_, _, err := conn.Receive()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("received with error %v, want %q", err, tt.want)
			}
			conn.Close()
			if after := openFDs(t); after != before {
				t.Errorf("%d descriptors open after, %d before", after, before)
			}
		})
	}
}

func TestFromFDRefusesOtherFiles(t *testing.T) {
	before := openFDs(t)
	fd, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FromFD(fd); err == nil {
		t.Error("took /dev/null for a control socket")
	}
	if _, err := FromFD(-1); err == nil {
		t.Error("took descriptor -1 for a control socket")
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors open after, %d before", after, before)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"type":"start","body":{"pool":{"Name":"www"},"fds":["listen:9000"]}}`))
	f.Add([]byte(`{"type":"snapshot","body":{"id":1,"status":{}}}`))
	f.Add([]byte(`{"type":"?"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decode(data)
		if err != nil {
			return
		}
		if _, ok := m.(*Unknown); ok {
			return
		}
		again, err := encode(m)
		if err != nil {
			t.Fatalf("cannot encode what was decoded: %v", err)
		}
		back, err := decode(again)
		if err != nil {
			t.Fatalf("cannot decode %s: %v", again, err)
		}
		if third, err := encode(back); err != nil || string(third) != string(again) {
			t.Errorf("encoding is not stable: %s, then %s, %v", again, third, err)
		}
	})
}

func TestPauseBetweenMessages(t *testing.T) {
	master, supervisor := pair(t)
	paused := make(chan error)
	receive := func() {
		_, _, err := master.Receive()
		paused <- err
	}
	go receive()
	master.Pause()
	if err := <-paused; err != ErrPaused {
		t.Fatalf("a Receive under way ended with %v", err)
	}
	if err := supervisor.Send(&Usage{Workers: 7}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := master.Receive(); err != ErrPaused {
		t.Errorf("a Receive during the pause ended with %v", err)
	}
	// Another goes on with a duplicate of the descriptor.
	fd, err := master.Dup()
	if err != nil {
		t.Fatal(err)
	}
	next, err := FromFD(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if m, _, err := next.Receive(); err != nil || m.(*Usage).Workers != 7 {
		t.Errorf("the other received %+v, %v", m, err)
	}
	master.Resume()
	if err := supervisor.Send(&Quiet{}); err != nil {
		t.Fatal(err)
	}
	if m, _, err := master.Receive(); err != nil || m.messageType() != "quiet" {
		t.Errorf("after the pause: %+v, %v", m, err)
	}
}

// A message that is on its way when the pause begins is received whole.
func TestPauseWithinAMessage(t *testing.T) {
	conn, raw := rawPair(t)
	text := frame(0, `{"type":"usage","body":{"workers":7}}`)
	for _, cut := range []int{3, headerLen, len(text) - 1} {
		if _, err := raw.Write(text[:cut]); err != nil {
			t.Fatal(err)
		}
		received := make(chan error)
		go func() {
			m, _, err := conn.Receive()
			if err == nil && m.(*Usage).Workers != 7 {
				err = errors.New("something else")
			}
			received <- err
		}()
		// It has taken what there is once the socket is empty.
		for n := 1; n > 0; {
			var err error
			if n, err = unread(conn); err != nil {
				t.Fatal(err)
			}
		}
		conn.Pause()
		if _, err := raw.Write(text[cut:]); err != nil {
			t.Fatal(err)
		}
		if err := <-received; err != nil {
			t.Errorf("cut at %d: %v", cut, err)
		}
		if _, _, err := conn.Receive(); err != ErrPaused {
			t.Errorf("cut at %d: the next Receive ended with %v", cut, err)
		}
		conn.Resume()
	}
}

// unread counts the bytes in a connection's socket.
func unread(c *Conn) (n int, err error) {
	raw, err := c.sock.SyscallConn()
	if err != nil {
		return 0, err
	}
	if e := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }); e != nil {
		return 0, e
	}
	return n, err
}
