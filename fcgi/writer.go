package fcgi

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// sendChunk is the most content a recordWriter puts into one record. Between
// two records of a stream other requests of the connection get their turn.
const sendChunk = 32 << 10

// A recordWriter sends the records of all requests of a connection, whole and
// one after another.
type recordWriter struct {
	conn    net.Conn
	timeout time.Duration // for one write; 0 is none
	// patient keeps the connection open when the peer takes nothing any more:
	// what it has sent before is still to be read.
	patient bool

	mu  sync.Mutex
	buf []byte
	err error // the first failure; a part of a record may be out, so it is final
}

// send writes what fill appends, unless over is set by then; nil is never set.
// over is looked at under the lock: once it is set and another record was
// sent, no record of that request can follow.
func (w *recordWriter) send(over *ending, fill func(dst []byte) []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if err := over.cause(); err != nil {
		return err
	}
	w.buf = fill(w.buf[:0])
	if len(w.buf) == 0 {
		return nil
	}
	defer w.trim()
	if w.timeout > 0 {
		if err := w.conn.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
			return w.fail(err)
		}
	}
	if _, err := w.conn.Write(w.buf); err != nil {
		return w.fail(err)
	}
	return nil
}

// stream writes p as records of a stream and returns how much of p is out.
func (w *recordWriter) stream(typ RecordType, id uint16, over *ending, p []byte) (n int, err error) {
	for n < len(p) {
		chunk := p[n:min(n+sendChunk, len(p))]
		if err := w.send(over, func(dst []byte) []byte { return AppendStream(dst, typ, id, chunk) }); err != nil {
			return n, err
		}
		n += len(chunk)
	}
	return n, nil
}

// trim gives back a buffer that a large request has made unusually large.
func (w *recordWriter) trim() {
	if cap(w.buf) > 2*sendChunk {
		w.buf = nil
	}
}

// fail closes the connection, which also ends its reader.
func (w *recordWriter) fail(err error) error {
	w.err = err
	if !w.patient || errors.Is(err, os.ErrDeadlineExceeded) {
		w.conn.Close()
	}
	return err
}
