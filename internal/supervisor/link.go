package supervisor

import (
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/runner"
)

// A link is a connection to a resident worker. It carries one request at a
// time and stays open between them if the worker lets it.
type link struct {
	s   *Supervisor
	w   *worker
	fd  int
	dlg runner.Dialogue

	r         *request // the request it serves, nil between requests
	ended     bool     // the worker has ended the response of r
	finished  bool     // … while it works on
	inputDone bool     // r's body is handed over whole
	short     bool     // … which is not what CONTENT_LENGTH says, see hangUp

	ending runner.Ending // how it ended it

	stdin  feedPipe // the body, if the worker has it as a descriptor
	stdout readPipe // of a worker that has one beside its connection

	out      []byte // bytes for the worker, out[sent:] not yet written
	sent     int
	fresh    bool // nothing of r is written yet
	blocked  bool // a write said EAGAIN, Writable is to come
	readable bool // a read may find something
	hup      bool // the worker has closed; unread bytes may be left
	severed  bool // it has closed while it serves a script, and all is read
	closed   bool
	deaf     bool     // it takes no more from the worker, and serves no other request
	probing  bool     // FCGI_GET_VALUES is not answered yet
	awaited  *request // it is over when that is, see disconnect
}

// maxLinkOut is how much of a body waits in a link; more waits in the body.
const maxLinkOut = scratchSize

func (s *Supervisor) connect(w *worker) (*link, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot create a socket for a worker: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: w.socket}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("cannot connect to worker %d: %w", w.pid, err)
	}
	return s.addLink(w, fd)
}

// addLink makes fd, which it takes over, a connection to w.
func (s *Supervisor) addLink(w *worker, fd int) (*link, error) {
	l := &link{s: s, w: w, fd: fd, dlg: s.runner.Dialogue(), probing: !w.isReady}
	l.stdin.fd, l.stdout.fd = -1, -1
	if err := s.loop.Add(fd, l); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	w.links = append(w.links, l)
	return l, nil
}

// serve hands r to the worker.
func (l *link) serve(r *request) {
	l.r, r.link = r, l
	l.ended, l.finished, l.inputDone, l.short, l.fresh = false, false, false, false, true
	r.lease.Unread = false
	if l.s.runner.Wiring() == runner.Control {
		if err := l.begin(r); errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
			l.unread()
			return
		} else if err != nil {
			l.broken(err)
			return
		}
	} else {
		l.out = l.dlg.Begin(l.frame(), &r.forRunner)
	}
	l.feed()
}

// frame is the buffer to append bytes for the worker to.
func (l *link) frame() []byte {
	if l.out == nil {
		l.out = l.s.buffer()
	}
	return l.out
}

// feed hands over as much of the body as there is and the worker takes.
func (l *link) feed() {
	l.stdin.feed()
	for l.r != nil && !l.closed && !l.blocked && !l.inputDone {
		stream, piece, more, err := l.r.nextInput(l.s.bodyBuf)
		if err != nil {
			l.s.log.Error("request body lost", slog.Any("err", err))
			l.broken(err)
			return
		}
		if more == inputLater {
			break
		}
		l.inputDone = more == inputOver
		l.short = l.inputDone && l.s.compat.php && uint64(l.r.body.got) != l.r.length()
		l.out = l.dlg.Body(l.frame(), stream, piece)
		if len(l.out)-l.sent >= maxLinkOut {
			l.flush()
		}
	}
	l.flush()
}

func (l *link) flush() {
	for l.sent < len(l.out) && !l.blocked && !l.closed {
		n, errno := loop.Write(l.fd, l.out[l.sent:])
		switch {
		case errno == unix.EAGAIN:
			if err := l.s.loop.WantWrite(l.fd); err != nil {
				l.broken(err)
				return
			}
			l.blocked = true
		case errno != 0 && l.sent == 0 && l.fresh && l.r != nil:
			l.unread()
			return
		case errno != 0:
			// A program may close its side without reading all of the body;
			// what it has said, or its end, is still to be read.
			l.inputDone = true
			l.sent = len(l.out)
		default:
			l.sent += n
			l.fresh = false
		}
	}
	if l.sent == len(l.out) && l.out != nil {
		l.s.release(l.out)
		l.out, l.sent = nil, 0
		l.hangUp()
		return
	}
	l.out, l.sent = unsent(l.out, l.sent)
}

// hangUp ends our direction of the connection after a body that is not as long
// as CONTENT_LENGTH says. php-cgi takes no notice of the end of FCGI_STDIN and
// would wait for the rest for ever.
func (l *link) hangUp() {
	if l.short && !l.closed {
		_ = unix.Shutdown(l.fd, unix.SHUT_WR) // it fails if php-cgi has closed
	}
}

// unread takes back a request from a connection that the worker had closed
// before. A FastCGI program may do that at any time between requests and gets it
// over another one; an interpreter that does is about to be gone.
func (l *link) unread() {
	r, w := l.r, l.w
	if w.s.runner.Wiring() == runner.Listener && r.unseen() {
		l.r, r.link = nil, nil
		l.close()
		w.serve(r)
		return
	}
	l.close()
	r.unseen() // closing has thrown away what came of the body
	w.expectExit()
}

// ignored tells by the error of a read that a worker has ended without having
// read all of its request, so that it cannot have begun with it: the kernel makes
// a difference between a socket that is closed and one that is with something to
// read.
func (l *link) ignored(errno unix.Errno) bool {
	return errno == unix.ECONNRESET && l.s.runner.Wiring() == runner.Control && l.r != nil && !l.r.resp.began
}

// Ready implements loop.Handler.
func (l *link) Ready(r loop.Ready) {
	if r&loop.Writable != 0 && l.blocked {
		l.blocked = false
		l.feed()
		if l.r != nil {
			l.r.updatePause()
		}
	}
	if r&(loop.Readable|loop.PeerClosed) != 0 && !l.closed {
		l.readable = true
		l.hup = l.hup || r&loop.PeerClosed != 0
		l.read()
	}
}

// read takes what the worker says, as long as its client keeps up.
func (l *link) read() {
	for l.readable && !l.closed {
		if l.r != nil && l.r.congested() {
			return
		}
		buf := l.s.relayBuf
		n, errno := loop.Read(l.fd, buf)
		switch {
		case errno == unix.EAGAIN:
			l.readable = false
		case l.ignored(errno):
			l.unread()
		case errno != 0, n == 0:
			l.readable = false
			l.peerClosed()
		default:
			if n < len(buf) && !l.hup {
				l.readable = false
			}
			l.input(buf[:n])
		}
	}
}

// lastWords takes what a worker said before it died, which may be the whole
// response: its exit can be known before its last bytes are read. A client
// that is slow does not matter here, a socket holds only so much.
func (l *link) lastWords() {
	for !l.closed {
		n, errno := loop.Read(l.fd, l.s.relayBuf)
		if l.ignored(errno) {
			l.unread()
		}
		if errno != 0 || n == 0 {
			return
		}
		l.input(l.s.relayBuf[:n])
	}
}

func (l *link) input(p []byte) {
	if err := l.dlg.Input(p, l); err != nil {
		l.broken(fmt.Errorf("it broke the protocol: %w", err))
		return
	}
	if l.ended {
		l.release()
	}
}

// Stdout implements runner.Sink.
func (l *link) Stdout(p []byte) {
	if l.r != nil {
		l.r.Stdout(p)
	}
}

// Stderr implements runner.Sink.
func (l *link) Stderr(p []byte) {
	if l.r != nil {
		l.w.said(l.r, p)
	}
}

// End implements runner.Sink. The link is given back only when the bytes in
// hand are used up: some may follow that belong to nobody.
func (l *link) End(e runner.Ending) {
	if l.r != nil {
		l.w.complaint.failed = e.Failed
		l.r.complete(e)
		l.ended, l.ending = true, e
	}
}

// Probed implements runner.Sink.
//
// A FastCGI program may close a connection after such an answer, as php-cgi did
// until some release of 8.2 (PHP's bug 76922). A request that was sent before that
// is seen would be lost, so the first one gets a connection of its own.
func (l *link) Probed(inline int) {
	if !l.probing {
		return
	}
	l.probing = false
	if r := l.awaited; r != nil {
		l.awaited = nil
		l.close()
		l.w.endLines()
		r.released()
		return
	}
	l.w.inline = inline
	if l.s.runner.Wiring() == runner.Listener {
		l.close()
	} else {
		l.w.idle = append(l.w.idle, l)
	}
	l.w.ready()
}

// resume goes on relaying to a client that has caught up.
func (l *link) resume() {
	l.readStdout()
	l.read()
}

// peerClosed is the worker's end of the connection. If the worker is dying
// its exit says why and comes in a moment.
//
// A script may close its worker's connection before it is over, as exec does;
// its stdout is still the response, and its exit the end.
func (l *link) peerClosed() {
	if l.s.traits.Scripts && l.r != nil {
		l.severed = true
		l.mute()
		return
	}
	l.close()
	if l.r == nil {
		l.w.linkLost(l)
		return
	}
	l.w.expectExit()
}

// broken gives up a worker that can not be spoken to any more.
func (l *link) broken(err error) {
	l.close()
	l.w.fail(err)
}

func (l *link) close() {
	if l.closed {
		return
	}
	l.closed = true
	l.s.loop.Forget(l.fd)
	loop.Close(l.fd)
	l.s.release(l.out)
	l.out = nil
	l.stdin.close()
	l.stdout.close()
	l.w.drop(l)
	if l.r != nil {
		l.w.lost = append(l.w.lost, l)
	}
}
