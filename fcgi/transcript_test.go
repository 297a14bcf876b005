package fcgi

import (
	"bytes"
	"fmt"
	"strings"
)

// A cutter says how long the next piece fed to a decoder is, at least 1.
type cutter func() int

func whole() int   { return 1 << 30 }
func singles() int { return 1 }

// record is one line of a transcript: an event whose pieces are put together.
type record struct {
	Event
	data []byte
}

// decodeAll feeds p in pieces and returns what the decoder made of it. Pieces
// of one record are joined, so that the result must not depend on cut.
func decodeAll(p []byte, cut cutter) (records []record, boundary bool, err error) {
	var d Decoder
	open := false // the last record lacks its final piece
	for len(p) > 0 {
		piece := p[:min(cut(), len(p))]
		p = p[len(piece):]
		for len(piece) > 0 {
			ev, n, err := d.Next(piece)
			if err != nil {
				if _, n, again := d.Next(piece); again != err || n != 0 {
					return nil, false, fmt.Errorf("the error is not final: %v, then %v", err, again)
				}
				return records, d.Boundary(), err
			}
			if ev.Kind == EventNone && n != len(piece) {
				return nil, false, fmt.Errorf("no event, but %d of %d bytes used", n, len(piece))
			}
			if n < 1 || n > len(piece) {
				return nil, false, fmt.Errorf("%d of %d bytes used", n, len(piece))
			}
			piece = piece[n:]
			switch {
			case ev.Kind == EventNone:
			case open:
				last := &records[len(records)-1]
				if ev.Kind != EventData || ev.Type != last.Type || ev.RequestID != last.RequestID {
					return nil, false, fmt.Errorf("%v inside a record", ev.Kind)
				}
				last.data = append(last.data, ev.Data...)
				last.Final = ev.Final
				open = !ev.Final
			default:
				records = append(records, record{ev, bytes.Clone(ev.Data)})
				open = ev.Kind == EventData && !ev.Final
			}
		}
	}
	return records, d.Boundary(), nil
}

// transcript renders what decodeAll returns, one line per record.
func transcript(p []byte, cut cutter) string {
	records, boundary, err := decodeAll(p, cut)
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintln(&b, r)
	}
	switch {
	case err != nil:
		fmt.Fprintln(&b, err)
	case !boundary:
		fmt.Fprintln(&b, "inside a record")
	}
	return b.String()
}

func (r record) String() string {
	head := fmt.Sprintf("%v %d", r.Type, r.RequestID)
	switch r.Kind {
	case EventBegin:
		return fmt.Sprintf("%s role=%v keep=%v", head, r.Begin.Role, r.Begin.KeepConn())
	case EventEndRequest:
		return fmt.Sprintf("%s app=%d status=%v", head, r.End.AppStatus, r.End.Status)
	case EventAbort:
		return head
	case EventEnd:
		return head + " end"
	case EventUnknownType:
		return fmt.Sprintf("%s of %v", head, r.Unknown)
	case EventUnknownRecord:
		return head + " unknown"
	case EventData:
		text := fmt.Sprintf("%q", r.data)
		if len(r.data) > 64 {
			text = fmt.Sprintf("%q… (%d bytes)", r.data[:16], len(r.data))
		}
		if !r.Final {
			text += " unfinished"
		}
		return head + " " + text
	default:
		return fmt.Sprintf("%v?", r.Kind)
	}
}

// encode writes the records out again.
func encode(records []record) []byte {
	var p []byte
	for _, r := range records {
		switch r.Kind {
		case EventBegin:
			p = AppendBegin(p, r.RequestID, r.Begin.Role, r.Begin.Flags)
		case EventEndRequest:
			p = AppendEnd(p, r.RequestID, r.End.AppStatus, r.End.Status)
		case EventAbort:
			p = AppendAbort(p, r.RequestID)
		case EventEnd:
			p = AppendStreamEnd(p, r.Type, r.RequestID)
		case EventUnknownType:
			p = AppendUnknownType(p, r.Unknown)
		case EventUnknownRecord:
			p = AppendRecord(p, r.Type, r.RequestID, nil)
		case EventData:
			p = AppendStream(p, r.Type, r.RequestID, r.data)
		}
	}
	return p
}
