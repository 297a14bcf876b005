package status

import (
	"strconv"
	"strings"
	"time"
)

func (p Page) appendXML(dst []byte, s *Snapshot, now time.Time) []byte {
	dst = append(dst, "<?xml version=\"1.0\" ?>\n<status>\n"...)
	for _, f := range p.fields(s, now) {
		dst = appendElement(dst, &f)
		dst = append(dst, '\n')
	}
	if p.Full {
		dst = append(dst, "<processes>\n"...)
		for i := range s.Processes {
			dst = append(dst, "<process>"...)
			for _, f := range p.processFields(&s.Processes[i], now) {
				dst = appendElement(dst, &f)
			}
			dst = append(dst, "</process>\n"...)
		}
		dst = append(dst, "</processes>\n"...)
	}
	return append(dst, "</status>"...)
}

func appendElement(dst []byte, f *field) []byte {
	name := strings.ReplaceAll(f.name, " ", "-")
	dst = append(dst, '<')
	dst = append(dst, name...)
	dst = append(dst, '>')
	if f.kind == instant {
		dst = strconv.AppendInt(dst, f.time.Unix(), 10)
	} else {
		dst = appendMarkup(dst, f.text)
	}
	dst = append(dst, "</"...)
	dst = append(dst, name...)
	return append(dst, '>')
}
