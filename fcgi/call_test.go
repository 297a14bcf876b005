package fcgi

import (
	"errors"
	"net"
	"testing"
)

// TestCallAbortedBeforeItBegins cancels a request between the reservation of
// its id and BEGIN_REQUEST. Sent after ABORT_REQUEST, it would be a request
// that nobody ever ends.
func TestCallAbortedBeforeItBegins(t *testing.T) {
	noLeaks(t)
	ours, theirs := net.Pipe()
	p := newPeer(t, theirs)
	client := &Client{}
	conn := newClientConn(client, ours)
	conn.multiplexed, conn.capacity, conn.load = true, 2, 1
	client.conns = []*clientConn{conn}
	t.Cleanup(func() { client.Close() })

	call := newCall(conn, 100)
	if err := conn.open(call); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("cause")
	aborted := make(chan struct{})
	go func() {
		call.abort(cause)
		close(aborted)
	}()
	p.expect("ABORT_REQUEST 1")
	<-aborted
	if err := call.begin(get(), FlagKeepConn); !errors.Is(err, cause) {
		t.Errorf("begin returns %v", err)
	}
	conn.withdraw(call)
	if client.load() != 0 || conn.abandoned != 0 {
		t.Errorf("load %d, %d abandoned", client.load(), conn.abandoned)
	}
	go conn.getValues(withTimeout(t))
	if next := p.next(); next.Type != TypeGetValues {
		t.Errorf("after the abort comes %v", next)
	}
}

// TestInputEndsBeforeItsIDIsFree has END_REQUEST come while the input is still
// being sent. As soon as another call can have the id no input of the first may
// follow: it would be the other's.
func TestInputEndsBeforeItsIDIsFree(t *testing.T) {
	conn := &clientConn{calls: make(map[uint16]*call)}
	first, second := newCall(conn, 100), newCall(conn, 100)
	if err := conn.open(first); err != nil {
		t.Fatal(err)
	}
	conn.take(first.id)
	if err := conn.open(second); err != nil {
		t.Fatal(err)
	}
	if second.id != first.id {
		t.Fatalf("ids %d and %d", first.id, second.id)
	}
	if err := first.over.cause(); !errors.Is(err, ErrRequestOver) {
		t.Errorf("the first call may go on sending: %v", err)
	}
}
