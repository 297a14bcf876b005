package cgi

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// The errors of a [HeaderParser]. An error it returns wraps one of them and
// says more.
var (
	// ErrNoHeader: the script wrote no header at all.
	ErrNoHeader = errors.New("no header")
	// ErrBadHeader: what the script wrote is no header.
	ErrBadHeader = errors.New("bad header")
	// ErrHeaderTooLarge: the header is longer than the limit.
	ErrHeaderTooLarge = errors.New("header too large")
)

// DefaultHeaderLimit is the size a header may have when a [HeaderParser] sets
// no other.
const DefaultHeaderLimit = 64 << 10

// A HeaderParser reads the header of a script's answer (RFC 3875 §6), in
// whatever pieces it comes, and makes of it the block to send to the web
// server: every line ends with CR LF, folded lines are joined, the status line
// of an NPH script has become a Status field, and a redirect to another place
// has a status. A well-formed header stays as it is.
//
// The zero value is ready. It can be used again after Reset, and then
// allocates only for a header larger than those before.
type HeaderParser struct {
	// Limit is the largest size of a header as the script writes it, with its
	// final blank line. 0 means DefaultHeaderLimit.
	Limit int
	// Lenient passes on what is no field, and a header without any, for the web
	// server to judge. PHP sends what scripts give to header(), and php-fpm does
	// not look at it.
	Lenient bool

	buf    []byte // finished lines, normalized, then the line being read
	line   int    // where in buf the line being read begins
	size   int    // bytes read
	done   bool
	err    error
	status int
}

// Reset forgets everything but Limit, Lenient and the memory.
func (h *HeaderParser) Reset() {
	*h = HeaderParser{Limit: h.Limit, Lenient: h.Lenient, buf: h.buf[:0]}
}

// Feed reads on. n is how much of p belongs to the header; done is set when
// it has ended, and then p[n:] is the beginning of the body. After an error
// the answer is of no use, and Feed returns the same error again.
func (h *HeaderParser) Feed(p []byte) (n int, done bool, err error) {
	for n < len(p) && !h.done && h.err == nil {
		piece := p[n:]
		end := bytes.IndexByte(piece, '\n')
		if end >= 0 {
			piece = piece[:end+1]
		}
		n += len(piece)
		h.size += len(piece)
		switch {
		case h.size > h.limit():
			h.err = fmt.Errorf("%w: more than %d bytes", ErrHeaderTooLarge, h.limit())
		case end < 0:
			h.buf = append(h.buf, piece...)
		default:
			h.buf = append(h.buf, piece[:end]...)
			h.endLine()
		}
	}
	return n, h.done, h.err
}

// End tells that the script will write no more. Its error is nil if the header
// was complete.
func (h *HeaderParser) End() error {
	switch {
	case h.done || h.err != nil:
	case h.size == 0:
		h.err = ErrNoHeader
	default:
		h.err = fmt.Errorf("%w: it ends without a blank line after %d bytes", ErrBadHeader, h.size)
	}
	return h.err
}

// Done reports whether the header is complete.
func (h *HeaderParser) Done() bool { return h.done }

// Status is the status code of a complete header.
func (h *HeaderParser) Status() int { return h.status }

// Bytes returns the block to send, with its final blank line, of a complete
// header. It is valid until Reset.
func (h *HeaderParser) Bytes() []byte { return h.buf }

func (h *HeaderParser) limit() int {
	if h.Limit > 0 {
		return h.Limit
	}
	return DefaultHeaderLimit
}

// endLine takes in the line at the end of buf, which has lost its LF.
func (h *HeaderParser) endLine() {
	line := bytes.TrimRight(h.buf[h.line:], "\r")
	switch {
	case len(line) == 0:
		h.buf = h.buf[:h.line]
		h.finish()
		return
	case bytes.IndexByte(line, 0) >= 0:
		h.reject("a NUL", line)
	case bytes.IndexByte(line, '\r') >= 0:
		h.reject("a carriage return", line)
	case line[0] == ' ' || line[0] == '\t':
		h.fold(line)
	case h.line == 0 && isStatusLine(line):
		line = append(line[:len("Status: ")], line[len("HTTP/1.1 "):]...)
		copy(line, "Status: ")
		h.buf = append(h.buf[:len(line)], "\r\n"...)
	case !h.Lenient && !isField(line):
		h.reject("no field", line)
	default:
		h.buf = append(h.buf[:h.line+len(line)], "\r\n"...)
	}
	h.line = len(h.buf)
}

// fold joins a line that begins with a blank to the one before it by a space
// (RFC 9112 §5.2).
func (h *HeaderParser) fold(line []byte) {
	if h.line == 0 {
		h.reject("a folded line without a field before it", line)
		return
	}
	line = bytes.Trim(line, " \t")
	h.buf = h.buf[:h.line-len("\r\n")]
	if len(line) > 0 {
		h.buf = append(h.buf, ' ')
		h.buf = append(h.buf, line...) // line lies further right in buf
	}
	h.buf = append(h.buf, "\r\n"...)
}

// finish reads what the complete block says about the status.
func (h *HeaderParser) finish() {
	if h.line == 0 && !h.Lenient {
		h.err = fmt.Errorf("%w: the first line is blank", ErrNoHeader)
		return
	}
	var redirect bool
	var status field
	for f, ok := h.next(field{}); ok; f, ok = h.next(f) {
		switch {
		case isName(f.name(h.buf), "Location"):
			value := f.value(h.buf)
			redirect = len(value) > 0 && value[0] != '/'
		case isName(f.name(h.buf), "Status"):
			if status.end > 0 { // the last one wins
				h.buf = slices.Delete(h.buf, status.start, status.end)
				f = f.moved(status.start - status.end)
			}
			status = f
		}
	}
	switch {
	case status.end > 0:
		h.status = parseStatus(status.value(h.buf))
		if h.status == 0 {
			h.reject("an invalid status", h.buf[status.start:status.end])
			return
		}
	case redirect:
		h.status = 302
		h.buf = append(h.buf, "Status: 302 Found\r\n"...)
	default:
		h.status = 200
	}
	h.buf = append(h.buf, "\r\n"...)
	h.done = true
}

func (h *HeaderParser) reject(what string, line []byte) {
	h.err = fmt.Errorf("%w: %s in %.80q", ErrBadHeader, what, line)
}
