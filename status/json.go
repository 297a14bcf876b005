package status

import (
	"strconv"
	"time"
)

func (p Page) appendJSON(dst []byte, s *Snapshot, now time.Time) []byte {
	dst = append(dst, '{')
	dst = appendMembers(dst, p.fields(s, now))
	if p.Full {
		dst = append(dst, `, "processes":[`...)
		for i := range s.Processes {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, '{')
			dst = appendMembers(dst, p.processFields(&s.Processes[i], now))
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendMembers(dst []byte, fields []field) []byte {
	for i := range fields {
		f := &fields[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, f.name...)
		dst = append(dst, `":`...)
		switch f.kind {
		case number:
			dst = append(dst, f.text...)
		case instant:
			dst = strconv.AppendInt(dst, f.time.Unix(), 10)
		default:
			dst = appendJSONString(dst, f.text, f.kind == uri || f.kind == client)
		}
	}
	return dst
}
