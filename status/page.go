package status

import (
	"net/url"
	"strings"
	"time"
)

// A Format is one of the formats of php-fpm's status page.
type Format uint8

// The formats.
const (
	Text Format = iota
	HTML
	XML
	JSON
	OpenMetrics
)

// A Page is what a request for pm.status_path asks for.
type Page struct {
	Format Format
	// Full adds the workers, one by one. OpenMetrics ignores it.
	Full bool
	// Own adds our own fields after php-fpm's, and php-fpm 8.4's memory peak.
	Own bool
}

// Select reads a query string. The format is the first of html, xml, json and
// openmetrics that is a key in it, and text when none is; full and anyfpm are
// keys as well. Keys are compared exactly, as php-fpm does since 8.4, and not
// by their beginning, as in 8.2, where ?x=1 gives XML. Values are ignored.
func Select(query string) Page {
	var page Page
	var asked [OpenMetrics + 1]bool
	for part := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(part, "=")
		if decoded, err := url.QueryUnescape(key); err == nil {
			key = decoded
		}
		switch key {
		case "html":
			asked[HTML] = true
		case "xml":
			asked[XML] = true
		case "json":
			asked[JSON] = true
		case "openmetrics":
			asked[OpenMetrics] = true
		case "full":
			page.Full = true
		case "anyfpm":
			page.Own = true
		}
	}
	for format := HTML; format <= OpenMetrics; format++ {
		if asked[format] {
			page.Format = format
			break
		}
	}
	return page
}

// contentTypes are header lines with php-fpm's own spelling of the name.
var contentTypes = [...]string{ //nolint:gochecknoglobals // a table, never changed
	Text:        "Content-type: text/plain;charset=UTF-8\r\n",
	HTML:        "Content-type: text/html;charset=UTF-8\r\n",
	XML:         "Content-type: text/xml;charset=UTF-8\r\n",
	JSON:        "Content-Type: application/json\r\n",
	OpenMetrics: "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n",
}

const (
	noCache = "Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n" +
		"Cache-Control: no-cache, no-store, must-revalidate, max-age=0\r\n"
	headContentType = "Content-type: text/html; charset=UTF-8\r\n"
)

// AppendHeader appends the header of the page as a CGI program would write it,
// with its final blank line. head is set for a HEAD request, which has another
// content type and no body. poweredBy is the value of an X-Powered-By field,
// or empty for none.
func (p Page) AppendHeader(dst []byte, head bool, poweredBy string) []byte {
	dst = appendPoweredBy(dst, poweredBy)
	dst = append(dst, noCache...)
	if head {
		dst = append(dst, headContentType...)
	} else {
		dst = append(dst, contentTypes[p.Format]...)
	}
	return append(dst, "\r\n"...)
}

// Append appends the page for s at the time now, whose location is the one of
// the times in it.
func (p Page) Append(dst []byte, s *Snapshot, now time.Time) []byte {
	switch p.Format {
	case HTML:
		return p.appendHTML(dst, s, now)
	case XML:
		return p.appendXML(dst, s, now)
	case JSON:
		return p.appendJSON(dst, s, now)
	case OpenMetrics:
		return p.appendOpenMetrics(dst, s, now)
	default:
		return p.appendText(dst, s, now)
	}
}

// AppendPing appends the answer to a request for ping.path, whose body is
// ping.response.
func AppendPing(dst []byte, response string, head bool, poweredBy string) []byte {
	dst = appendPoweredBy(dst, poweredBy)
	dst = append(dst, contentTypes[Text]...)
	dst = append(dst, noCache...)
	dst = append(dst, "\r\n"...)
	if head {
		return dst
	}
	return append(dst, response...)
}

func appendPoweredBy(dst []byte, poweredBy string) []byte {
	if poweredBy == "" {
		return dst
	}
	dst = append(dst, "X-Powered-By: "...)
	dst = append(dst, poweredBy...)
	return append(dst, "\r\n"...)
}
