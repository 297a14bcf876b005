package resident

import "encoding/binary"

// A Decoder turns the bytes of a worker's control socket into events. The
// zero value is ready for a new worker.
//
// It keeps at most one small frame of its own and allocates nothing; the
// tail of a response is handed on as it comes.
type Decoder struct {
	buf  [headLen + maxHello]byte
	have int // bytes in buf
	tail int // bytes of a tail still to come
	err  error
}

// Reset makes the Decoder ready for a new worker.
func (d *Decoder) Reset() { *d = Decoder{} }

// Next consumes a prefix of p and returns one event and how much of p it
// used. The event's kind is EventNone when all of p is used and no event is
// complete. After an error, which is a [*ProtocolError], every call returns
// it again.
func (d *Decoder) Next(p []byte) (ev Event, n int, err error) {
	if d.err != nil {
		return Event{}, 0, d.err
	}
	if d.tail > 0 {
		ev, n = d.nextTail(p)
		return ev, n, nil
	}
	for {
		want, err := d.wanted()
		if err != nil {
			d.err = err
			return Event{}, n, err
		}
		if d.have == want {
			break
		}
		taken := copy(d.buf[d.have:want], p[n:])
		d.have += taken
		n += taken
		if d.have < want {
			return Event{}, n, nil
		}
	}
	return d.frame(), n, nil
}

// nextTail hands on what p holds of a tail.
func (d *Decoder) nextTail(p []byte) (Event, int) {
	n := min(len(p), d.tail)
	if n == 0 {
		return Event{}, 0
	}
	d.tail -= n
	return Event{Kind: EventTail, Data: p[:n], Final: d.tail == 0}, n
}

// wanted returns how many bytes of the present frame must be in buf, given
// those that are: its head, and then all but a tail.
func (d *Decoder) wanted() (int, error) {
	if d.have < headLen {
		return headLen, nil
	}
	content := d.content()
	kind := d.buf[headLen-1]
	size, ok := content, false
	switch kind {
	case frameHello:
		ok = content >= 0 && content <= maxHello
	case frameEnd, frameFinish:
		ok = content >= endingLen && content <= maxContent
		size = endingLen
	case frameChild:
		ok = content == childLen
	case frameExited:
		ok = content == exitedLen
	default:
		return 0, protocolError("frame of unknown type 0x%02x and length %d", kind, content+1)
	}
	if !ok {
		return 0, protocolError("frame of type %c has length %d", kind, content+1)
	}
	return headLen + size, nil
}

// content returns the length of the present frame's content.
func (d *Decoder) content() int {
	return int(binary.BigEndian.Uint32(d.buf[:])) - 1
}

// frame returns the event of the frame in buf and makes room for the next.
func (d *Decoder) frame() Event {
	content := d.buf[headLen:d.have]
	d.have = 0
	switch d.buf[headLen-1] {
	case frameHello:
		return Event{Kind: EventHello, Data: content, Final: true}
	case frameChild:
		return Event{Kind: EventChild, PID: int(binary.BigEndian.Uint32(content)), Final: true}
	case frameExited:
		return Event{
			Kind:       EventExited,
			PID:        int(binary.BigEndian.Uint32(content)),
			WaitStatus: binary.BigEndian.Uint32(content[4:]),
			Final:      true,
		}
	}
	ev := Event{Kind: EventEnd, Flags: Flags(content[0]), Status: content[1]}
	if d.buf[headLen-1] == frameFinish {
		ev.Kind = EventFinish
	}
	d.tail = d.content() - endingLen
	ev.Tail = d.tail
	ev.Final = d.tail == 0
	return ev
}
