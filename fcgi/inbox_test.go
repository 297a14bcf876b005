package fcgi

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// TestInboxKeepsOrder sends two interleaved streams through a small inbox.
func TestInboxKeepsOrder(t *testing.T) {
	noLeaks(t)
	random := rand.New(rand.NewPCG(1, 2))
	b := newInbox(100)
	var want, got []byte
	for i := range 2000 {
		typ := TypeStdout + RecordType(random.IntN(2))
		want = append(want, bytes.Repeat([]byte{byte(typ), byte(i)}, random.IntN(150))...)
	}
	go func() {
		for p := want; len(p) > 0; {
			n := 2
			for n < len(p) && p[n] == p[0] && n < 300 {
				n += 2
			}
			b.put(RecordType(p[0]), p[:n])
			p = p[n:]
		}
		b.end(io.EOF)
	}()
	for buf := make([]byte, 77); ; {
		typ, n, err := b.read(buf)
		if err == io.EOF {
			break
		}
		if err != nil || n == 0 {
			t.Fatalf("read %d, %v", n, err)
		}
		for i, c := range buf[:n] {
			if (len(got)+i)%2 == 0 && c != byte(typ) {
				t.Fatalf("byte %d of stream %d came as stream %v", len(got)+i, c, typ)
			}
		}
		got = append(got, buf[:n]...)
	}
	if cap(b.buf) > 256 {
		t.Errorf("an inbox of 100 bytes had a buffer of %d", cap(b.buf))
	}
	if !bytes.Equal(got, want) {
		t.Error("other bytes came out")
	}
}

func TestInboxReader(t *testing.T) {
	b := newInbox(1 << 10)
	content := bytes.Repeat([]byte("content "), 50)
	b.put(TypeStdin, content)
	b.end(io.EOF)
	if err := iotest.TestReader(inboxReader{b}, content); err != nil {
		t.Error(err)
	}
}

func TestInboxEnds(t *testing.T) {
	cause := errors.New("cause")
	b := newInbox(4)
	b.put(TypeStdin, []byte("abcd"))
	b.end(cause)
	b.end(io.EOF)                  // too late
	b.put(TypeStdin, []byte("ef")) // dropped, and does not wait
	if got, err := io.ReadAll(inboxReader{b}); string(got) != "abcd" || !errors.Is(err, cause) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestInboxCloses(t *testing.T) {
	noLeaks(t)
	b := newInbox(1)
	done := make(chan struct{})
	go func() {
		b.put(TypeStdin, []byte("more than fits"))
		close(done)
	}()
	eventually(t, "it is full", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.room() == 0
	})
	b.close()
	<-done
	if _, err := (inboxReader{b}).Read(make([]byte, 1)); !errors.Is(err, ErrRequestOver) {
		t.Errorf("got %v", err)
	}
}
