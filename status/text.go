package status

import "time"

const (
	// dateLayout is php-fpm's strftime format %d/%b/%Y:%H:%M:%S %z.
	dateLayout = "02/Jan/2006:15:04:05 -0700"
	// valueColumn is where values begin in a text page.
	valueColumn = 22
)

func (p Page) appendText(dst []byte, s *Snapshot, now time.Time) []byte {
	for _, f := range p.fields(s, now) {
		dst = appendTextField(dst, &f)
	}
	if !p.Full {
		return dst
	}
	for i := range s.Processes {
		dst = append(dst, "\n************************\n"...)
		for _, f := range p.processFields(&s.Processes[i], now) {
			if f.kind == uri {
				f.name = "request URI" // in this format alone
			}
			dst = appendTextField(dst, &f)
		}
	}
	return dst
}

func appendTextField(dst []byte, f *field) []byte {
	dst = append(dst, f.name...)
	dst = append(dst, ':')
	for n := len(f.name) + 1; n < valueColumn || n == len(f.name)+1; n++ {
		dst = append(dst, ' ')
	}
	switch f.kind {
	case instant:
		dst = f.time.AppendFormat(dst, dateLayout)
	default:
		dst = appendPlain(dst, f.text)
	}
	return append(dst, '\n')
}
