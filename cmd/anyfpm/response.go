package main

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxHeader bounds what is kept of a header that does not end.
const maxHeader = 1 << 20

// A responseWriter takes a CGI response apart as it comes: the header is kept
// and perhaps shown, the body is passed on.
type responseWriter struct {
	out     io.Writer
	include bool // show the header
	status  int  // 200 unless the header says otherwise

	header []byte
	inBody bool
}

// Write takes the next part of the response.
func (w *responseWriter) Write(p []byte) (int, error) {
	if w.inBody {
		return w.out.Write(p)
	}
	w.header = append(w.header, p...)
	end, next := headerEnd(w.header)
	if end < 0 && len(w.header) < maxHeader {
		return len(p), nil
	}
	if end < 0 {
		end, next = 0, 0 // no header: all of it is the body
	}
	body := w.header[next:]
	if err := w.endHeader(end, next); err != nil {
		return 0, err
	}
	_, err := w.out.Write(body)
	return len(p), err
}

// finish takes the end of the response.
func (w *responseWriter) finish() error {
	if w.inBody {
		return nil
	}
	return w.endHeader(len(w.header), len(w.header))
}

func (w *responseWriter) endHeader(end, next int) error {
	w.inBody = true
	w.status = http.StatusOK
	for line := range strings.Lines(string(w.header[:end])) {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "Status") {
			number, _, _ := strings.Cut(strings.TrimSpace(value), " ")
			if code, err := strconv.Atoi(number); err == nil {
				w.status = code
			}
		}
	}
	if !w.include {
		return nil
	}
	_, err := w.out.Write(w.header[:next])
	return err
}

// headerEnd finds the empty line after a header: where the header ends and
// where the body begins; -1 if it is not there yet.
func headerEnd(b []byte) (end, next int) {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return -1, 0
		}
		at += i + 1
		rest := bytes.TrimPrefix(b[at:], []byte("\r"))
		if bytes.HasPrefix(rest, []byte("\n")) {
			return at, len(b) - len(rest) + 1
		}
	}
}
