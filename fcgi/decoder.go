package fcgi

import "encoding/binary"

// A Decoder turns the bytes of one direction of a connection into events. It
// does no I/O and allocates nothing; of the input it keeps at most seven
// bytes, the start of a header or body that is not complete yet. The zero
// value is ready for the start of a connection. It is not safe for concurrent
// use.
//
// A Decoder knows records, not requests: it does not know which requests
// exist, nor which record may follow which.
type Decoder struct {
	state decoderState
	head  header
	// left counts the bytes still to come: of content in stateContent, of
	// what nobody wants in stateSkip.
	left int

	held    [HeaderLen]byte
	heldLen int
	err     error
}

type decoderState uint8

const (
	stateHeader  decoderState = iota // a header comes next
	stateContent                     // the content of a stream record
	stateBody                        // an eight-byte body
	stateSkip                        // padding, or content without meaning
)

// Next consumes a prefix of p and returns at most one event; n is how much of
// p it used. EventNone comes with n == len(p) and asks for more input. Every
// other event uses at least one byte, so that
//
//	for len(p) > 0 {
//		ev, n, err := d.Next(p)
//		…
//		p = p[n:]
//	}
//
// sees all there is in p. How the input is cut makes no difference to the
// events, except that content comes in as many pieces as the cuts make.
//
// The error is a *[ProtocolError]. It is final: every later call returns it
// again, until Reset.
func (d *Decoder) Next(p []byte) (ev Event, n int, err error) {
	if d.err != nil {
		return Event{}, 0, d.err
	}
	for n < len(p) {
		switch d.state {
		case stateHeader:
			raw, used := d.eight(p[n:])
			n += used
			if raw == nil {
				return Event{}, n, nil
			}
			if ev, err = d.open(raw); err != nil || ev.Kind != EventNone {
				return ev, n, err
			}
		case stateContent:
			ev = d.content(p[n:])
			return ev, n + len(ev.Data), nil
		case stateBody:
			raw, used := d.eight(p[n:])
			n += used
			if raw == nil {
				return Event{}, n, nil
			}
			return d.body(raw), n, nil
		case stateSkip:
			used := min(d.left, len(p)-n)
			n += used
			d.skip(d.left - used)
		}
	}
	return Event{}, n, nil
}

// Boundary reports whether the decoder stands between two records: the only
// place where a peer may close the connection.
func (d *Decoder) Boundary() bool {
	return d.err == nil && d.state == stateHeader && d.heldLen == 0
}

// Reset makes the decoder ready for the start of another connection.
func (d *Decoder) Reset() { *d = Decoder{} }

// eight returns the next eight bytes of the stream once they are all there,
// and how much of p it took for them.
func (d *Decoder) eight(p []byte) (raw []byte, used int) {
	if d.heldLen == 0 && len(p) >= HeaderLen {
		return p[:HeaderLen], HeaderLen
	}
	used = copy(d.held[d.heldLen:], p)
	d.heldLen += used
	if d.heldLen < HeaderLen {
		return nil, used
	}
	d.heldLen = 0
	return d.held[:], used
}

// open starts the record with the given header. The event is EventNone when
// the record means nothing before its content is there.
func (d *Decoder) open(raw []byte) (Event, error) {
	h := parseHeader(raw)
	switch h.version {
	case Version1:
	case versionBreak:
		return d.fail(&ProtocolError{Reason: ReasonBreak})
	default:
		return d.fail(&ProtocolError{Reason: ReasonVersion})
	}
	if h.requestID == 0 && h.typ.ofRequest() {
		return d.fail(&ProtocolError{Reason: ReasonNullRequest, Type: h.typ})
	}
	d.head = h
	switch h.typ {
	case TypeBeginRequest, TypeEndRequest, TypeUnknownType:
		if h.contentLen != HeaderLen {
			return d.fail(&ProtocolError{Reason: ReasonBodyLength, Type: h.typ, RequestID: h.requestID})
		}
		d.state = stateBody
		return Event{}, nil
	case TypeParams, TypeStdin, TypeStdout, TypeStderr, TypeData, TypeGetValues, TypeGetValuesResult:
		if h.contentLen == 0 {
			d.skip(h.padding)
			return d.event(EventEnd), nil
		}
		d.state, d.left = stateContent, h.contentLen
		return Event{}, nil
	case TypeAbortRequest:
		d.skip(h.contentLen + h.padding)
		return d.event(EventAbort), nil
	default:
		d.skip(h.contentLen + h.padding)
		return d.event(EventUnknownRecord), nil
	}
}

// content takes what p has of the current record's content.
func (d *Decoder) content(p []byte) Event {
	ev := d.event(EventData)
	ev.Data = p[:min(d.left, len(p))]
	d.left -= len(ev.Data)
	if d.left == 0 {
		ev.Final = true
		d.skip(d.head.padding)
	}
	return ev
}

// body decodes the eight-byte body of the current record.
func (d *Decoder) body(raw []byte) Event {
	var ev Event
	switch d.head.typ {
	case TypeBeginRequest:
		ev = d.event(EventBegin)
		ev.Begin = BeginRequest{Role: Role(binary.BigEndian.Uint16(raw)), Flags: raw[2]}
	case TypeEndRequest:
		ev = d.event(EventEndRequest)
		ev.End = EndRequest{AppStatus: binary.BigEndian.Uint32(raw), Status: ProtocolStatus(raw[4])}
	default:
		ev = d.event(EventUnknownType)
		ev.Unknown = RecordType(raw[0])
	}
	d.skip(d.head.padding)
	return ev
}

// skip makes the decoder drop n bytes before the next header.
func (d *Decoder) skip(n int) {
	d.state, d.left = stateSkip, n
	if n == 0 {
		d.state = stateHeader
	}
}

func (d *Decoder) event(kind EventKind) Event {
	return Event{Kind: kind, Type: d.head.typ, RequestID: d.head.requestID}
}

func (d *Decoder) fail(err *ProtocolError) (Event, error) {
	d.err = err
	return Event{}, err
}

// ofRequest reports whether records of this type belong to a request, and not
// to the connection.
func (t RecordType) ofRequest() bool {
	return t >= TypeBeginRequest && t <= TypeData
}
