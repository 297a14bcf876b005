package supervisor

import (
	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/status"
)

// release ends the lease: the worker is free for the next request, or leaves.
func (l *link) release() {
	r := l.r
	l.stdin.close()
	l.w.endLines()
	if l.ending.Compiled {
		l.s.compile(r.script)
	}
	l.r, r.link = nil, nil
	if l.ending.Retire || l.w.exiting {
		l.w.leaving()
		if !l.finished {
			l.s.perform(l.s.pool.Responded(l.s.loop.Now(), &r.lease))
		}
		if l.s.traits.Once {
			// A fork for one request has nothing more to do than to exit; the
			// next one need not wait for that.
			l.close()
			l.w.part()
		}
		return
	}
	if !l.inputDone || l.short || l.deaf {
		// The response came before the body was read. What is left of the
		// request would be taken for the next one, so the connection ends
		// with it. One in which we have hung up can have no next one.
		l.close()
	}
	if !l.closed {
		l.w.idle = append(l.w.idle, l)
	}
	r.released()
}

// disconnect has php-cgi notice that the client of its request is gone, as
// php-fpm's worker does: when it next sends something it ends the script, unless
// that ignores it (ignore_user_abort). Nobody tells when the script has ended;
// but then php-cgi takes the next connection, and answers what is asked there.
func (l *link) disconnect() {
	if l.closed {
		return
	}
	l.deaf = true
	_ = unix.Shutdown(l.fd, unix.SHUT_RD) // so that what is left to read has an end
	l.lastWords()
	if l.closed {
		return // all had been said
	}
	r, w := l.r, l.w
	l.r, r.link = nil, nil
	l.close()
	next, err := l.s.connect(w)
	if err != nil {
		w.fail(err)
		return
	}
	next.probing, next.awaited = true, r
	next.out = next.dlg.Probe(next.frame())
	next.flush()
}

// cut ends the request, whose worker goes on with its others.
func (l *link) cut() {
	r := l.r
	l.w.endLines()
	l.r, r.link = nil, nil
	l.close()
	if r.c != nil {
		r.outcome = status.Aborted
		r.end(0, fcgi.StatusRequestComplete)
	}
	r.released()
}
