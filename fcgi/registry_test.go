package fcgi

import "testing"

// What is accepted while the server is being closed is not taken on: nobody
// would close it.
func TestClosedRegistryTakesNothing(t *testing.T) {
	var r registry
	kept := &serverConn{}
	if !r.addConn(kept) {
		t.Fatal("an open registry takes no connection")
	}
	r.close()
	if r.addConn(&serverConn{}) || r.addListener(nil) {
		t.Error("a closed registry takes a connection or a listener")
	}
	if n, _ := r.open(); n != 1 {
		t.Errorf("%d connections are open, want 1", n)
	}
}
