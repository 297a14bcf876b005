package status

import "time"

const (
	htmlHead = `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">` + "\n" +
		`<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">` + "\n" +
		"<head><title>PHP-FPM Status Page</title></head>\n<body>\n<table>\n"
	htmlTail = "</body></html>"
)

func (p Page) appendHTML(dst []byte, s *Snapshot, now time.Time) []byte {
	dst = append(dst, htmlHead...)
	for _, f := range p.fields(s, now) {
		dst = append(dst, "<tr><th>"...)
		dst = append(dst, f.name...)
		dst = append(dst, "</th><td>"...)
		dst = appendHTMLValue(dst, &f)
		dst = append(dst, "</td></tr>\n"...)
	}
	dst = append(dst, "</table>\n"...)
	if p.Full {
		dst = p.appendHTMLProcesses(dst, s, now)
	}
	return append(dst, htmlTail...)
}

func (p Page) appendHTMLProcesses(dst []byte, s *Snapshot, now time.Time) []byte {
	dst = append(dst, "<table border=\"1\">\n<tr>"...)
	for _, f := range p.processFields(&Process{}, now) {
		dst = append(dst, "<th>"...)
		dst = append(dst, f.name...)
		dst = append(dst, "</th>"...)
	}
	dst = append(dst, "</tr>\n"...)
	for i := range s.Processes {
		dst = append(dst, "<tr>"...)
		for _, f := range p.processFields(&s.Processes[i], now) {
			dst = append(dst, "<td>"...)
			dst = appendHTMLValue(dst, &f)
			dst = append(dst, "</td>"...)
		}
		dst = append(dst, "</tr>\n"...)
	}
	return append(dst, "</table>"...)
}

func appendHTMLValue(dst []byte, f *field) []byte {
	if f.kind == instant {
		return f.time.AppendFormat(dst, dateLayout)
	}
	return appendMarkup(dst, f.text)
}
