package fcgi

import (
	"net"
	"sync"
)

// A registry knows what a server has open, and whether it is closed. The zero
// value is ready.
type registry struct {
	once sync.Once
	done chan struct{} // closed by close

	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]struct{}
	conns     map[*serverConn]struct{}
	gone      chan struct{} // closed and replaced when a connection has ended
}

// closed is closed once the registry takes nothing on any more.
func (r *registry) closed() <-chan struct{} {
	r.once.Do(func() {
		r.done = make(chan struct{})
		r.gone = make(chan struct{})
		r.listeners = make(map[net.Listener]struct{})
		r.conns = make(map[*serverConn]struct{})
	})
	return r.done
}

func (r *registry) isClosed() bool {
	select {
	case <-r.closed():
		return true
	default:
		return false
	}
}

// addListener reports false when the registry is closed.
func (r *registry) addListener(l net.Listener) bool {
	r.closed()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return false
	}
	r.listeners[l] = struct{}{}
	return true
}

func (r *registry) removeListener(l net.Listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.listeners, l)
}

// addConn reports false when the registry is closed.
func (r *registry) addConn(c *serverConn) bool {
	r.closed()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return false
	}
	r.conns[c] = struct{}{}
	return true
}

func (r *registry) removeConn(c *serverConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	close(r.gone)
	r.gone = make(chan struct{})
}

// open returns how many connections are open, and a channel that is closed
// when that becomes less.
func (r *registry) open() (n int, gone <-chan struct{}) {
	r.closed()
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns), r.gone
}

// each calls f for every connection that is open now.
func (r *registry) each(f func(*serverConn)) {
	r.mu.Lock()
	conns := make([]*serverConn, 0, len(r.conns))
	for c := range r.conns {
		conns = append(conns, c)
	}
	r.mu.Unlock()
	for _, c := range conns {
		f(c)
	}
}

// waitForRoom waits until fewer than limit connections are open; 0 is no
// limit. It reports false when the registry is closed.
func (r *registry) waitForRoom(limit int) bool {
	for {
		n, gone := r.open()
		if limit == 0 || n < limit {
			return !r.isClosed()
		}
		select {
		case <-gone:
		case <-r.closed():
			return false
		}
	}
}

// close closes the listeners and takes nothing on any more.
func (r *registry) close() {
	r.closed()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closing {
		r.closing = true
		close(r.done)
	}
	for l := range r.listeners {
		l.Close()
	}
}
