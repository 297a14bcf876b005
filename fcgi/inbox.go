package fcgi

import "sync"

// An inbox keeps what a connection brought for one request until the request
// takes it. It holds at most limit bytes; then the connection has to wait.
// FastCGI has no flow control per request, so this is the only way to bound
// the memory of a request that is slower than its peer.
type inbox struct {
	mu      sync.Mutex
	changed sync.Cond
	limit   int

	buf    []byte
	taken  int       // bytes at the start of buf that were read
	pieces []segment // what buf[taken:] is made of
	err    error     // what a reader gets after the last byte
	closed bool      // nobody reads any more
}

// A segment is a run of bytes of one stream.
type segment struct {
	typ RecordType
	n   int
}

func newInbox(limit int) *inbox {
	b := &inbox{limit: limit}
	b.changed.L = &b.mu
	return b
}

// put adds p to the stream typ, and waits for a reader as long as there is no
// room. When nobody reads any more, or the inbox has ended, p is dropped.
func (b *inbox) put(typ RecordType, p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(p) > 0 {
		for b.room() == 0 && !b.closed && b.err == nil {
			b.changed.Wait()
		}
		if b.closed || b.err != nil {
			return
		}
		n := min(b.room(), len(p))
		b.add(typ, p[:n])
		p = p[n:]
		b.changed.Broadcast()
	}
}

// fits reports whether put would take n bytes without waiting.
func (b *inbox) fits(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed || b.err != nil || n <= b.room()
}

func (b *inbox) room() int { return b.limit - (len(b.buf) - b.taken) }

func (b *inbox) add(typ RecordType, p []byte) {
	if b.taken > 0 && len(b.buf)+len(p) > cap(b.buf) {
		b.buf = b.buf[:copy(b.buf, b.buf[b.taken:])]
		b.taken = 0
	}
	b.buf = append(b.buf, p...)
	if last := len(b.pieces) - 1; last >= 0 && b.pieces[last].typ == typ {
		b.pieces[last].n += len(p)
		return
	}
	b.pieces = append(b.pieces, segment{typ, len(p)})
}

// read takes the next bytes, which are all of one stream, and waits for them.
func (b *inbox) read(p []byte) (typ RecordType, n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.pieces) == 0 && b.err == nil && !b.closed {
		b.changed.Wait()
	}
	switch {
	case b.closed:
		return 0, 0, ErrRequestOver
	case len(b.pieces) == 0:
		return 0, 0, b.err
	}
	first := &b.pieces[0]
	n = copy(p, b.buf[b.taken:b.taken+first.n])
	typ = first.typ
	b.taken += n
	if first.n -= n; first.n == 0 {
		b.pieces = append(b.pieces[:0], b.pieces[1:]...)
	}
	if b.taken == len(b.buf) {
		b.buf, b.taken = b.buf[:0], 0
	}
	b.changed.Broadcast()
	return typ, n, nil
}

// end makes err, io.EOF at a stream's proper end, what follows the last byte.
// Only the first end counts.
func (b *inbox) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	b.changed.Broadcast()
}

// close says that nobody reads any more: what is there and what comes is
// dropped.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.buf, b.taken, b.pieces = nil, 0, nil
	b.changed.Broadcast()
}

// An inboxReader is an inbox of a single stream, as an io.Reader.
type inboxReader struct{ *inbox }

func (r inboxReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	_, n, err := r.read(p)
	return n, err
}
