package cgi

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestHeaderParser(t *testing.T) {
	tests := []struct {
		name   string
		in     string // up to and with the blank line; the rest is body
		want   string
		status int
	}{
		{"CRLF", "Content-Type: text/html\r\n\r\nbody", "Content-Type: text/html\r\n\r\n", 200},
		{"LF", "Content-Type: text/html\nX: y\n\nbody\n\n", "Content-Type: text/html\r\nX: y\r\n\r\n", 200},
		{"mixed", "A: 1\nB: 2\r\n\nbody", "A: 1\r\nB: 2\r\n\r\n", 200},
		{"text mode twice", "A: 1\r\r\n\r\r\n", "A: 1\r\n\r\n", 200},
		{"status", "Status: 404 Not Found\r\nA: 1\r\n\r\n", "Status: 404 Not Found\r\nA: 1\r\n\r\n", 404},
		{"status of another case, without a reason", "A: 1\nstatus:503\n\n", "A: 1\r\nstatus:503\r\n\r\n", 503},
		{"two status fields", "Status: 200 OK\nA: 1\nStatus: 500 No\nB: 2\n\n", "A: 1\r\nStatus: 500 No\r\nB: 2\r\n\r\n", 500},
		{"three status fields", "Status: 200\nStatus: 201\nStatus: 202\n\n", "Status: 202\r\n\r\n", 202},
		{"NPH", "HTTP/1.1 404 Not Found\r\nA: 1\r\n\r\n", "Status: 404 Not Found\r\nA: 1\r\n\r\n", 404},
		{"NPH without a reason", "HTTP/1.0 200\nA: 1\n\n", "Status: 200\r\nA: 1\r\n\r\n", 200},
		{"NPH and nothing else", "HTTP/1.0 204 No Content\n\n", "Status: 204 No Content\r\n\r\n", 204},
		{"redirect elsewhere", "Location: http://x/y\n\n", "Location: http://x/y\r\nStatus: 302 Found\r\n\r\n", 302},
		{"redirect elsewhere with a status", "Status: 301 Moved\nlocation: http://x/y\n\n", "Status: 301 Moved\r\nlocation: http://x/y\r\n\r\n", 301},
		{"local redirect", "Location: /there?x\n\n", "Location: /there?x\r\n\r\n", 200},
		{"relative redirect", "Location: there\n\n", "Location: there\r\nStatus: 302 Found\r\n\r\n", 302},
		{"empty redirect", "Location:\nA: 1\n\n", "Location:\r\nA: 1\r\n\r\n", 200},
		{"folded", "A: 1\r\n  2\r\n\t3\r\nB: 4\r\n\r\n", "A: 1 2 3\r\nB: 4\r\n\r\n", 200},
		{"folded redirect", "Location:\n http://x\n\n", "Location: http://x\r\nStatus: 302 Found\r\n\r\n", 302},
		{"folded blank", "A: 1\n \n\n", "A: 1\r\n\r\n", 200},
		{"empty value", "A:\n\n", "A:\r\n\r\n", 200},
		{"colons and bytes in a value", "A: http://x:1/\xff\x01\n\n", "A: http://x:1/\xff\x01\r\n\r\n", 200},
		{"odd names", "x!#$%&'*+-.^_`|~9: 1\n\n", "x!#$%&'*+-.^_`|~9: 1\r\n\r\n", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h HeaderParser
			n, done, err := h.Feed([]byte(tt.in))
			if err != nil || !done || !h.Done() {
				t.Fatalf("done %v, error %v", done, err)
			}
			if got := string(h.Bytes()); got != tt.want || h.Status() != tt.status {
				t.Errorf("got %q, %d; want %q, %d", got, h.Status(), tt.want, tt.status)
			}
			if end := headerEnd(tt.in); n != end {
				t.Errorf("took %d bytes, want %d", n, end)
			}
			if n, done, err := h.Feed([]byte("body")); n != 0 || !done || err != nil {
				t.Errorf("then took %d bytes of the body: %v, %v", n, done, err)
			}
			if err := h.End(); err != nil {
				t.Errorf("a complete header ends with %v", err)
			}
		})
	}
}

// headerEnd finds the end of a header the slow way.
func headerEnd(in string) int {
	n := 0
	for line := range strings.SplitAfterSeq(in, "\n") {
		n += len(line)
		if strings.Trim(line, "\r\n") == "" {
			break
		}
	}
	return n
}

func TestHeaderParserRefuses(t *testing.T) {
	tests := []struct {
		name, in string
		want     error
		says     string
	}{
		{"nothing", "", ErrNoHeader, "no header"},
		{"blank line first", "\r\nbody", ErrNoHeader, "the first line is blank"},
		{"no blank line", "A: 1\r\n", ErrBadHeader, "ends without a blank line after 6 bytes"},
		{"a page without a header", "<html>\n<body>\n", ErrBadHeader, `no field in "<html>"`},
		{"a message before the header", "warning: x\nloading module: y\n\n", ErrBadHeader, `no field in "loading module: y"`},
		{"no name", ": x\n\n", ErrBadHeader, "no field"},
		{"NUL", "A: 1\x002\n\n", ErrBadHeader, "a NUL"},
		{"carriage return inside", "A: 1\r2\n\n", ErrBadHeader, "a carriage return"},
		{"folded line first", " A: 1\n\n", ErrBadHeader, "folded line"},
		{"status line later", "A: 1\nHTTP/1.1 200 OK\n\n", ErrBadHeader, "no field"},
		{"status line of no number", "HTTP/1.1 OK\n\n", ErrBadHeader, "no field"},
		{"status of no number", "Status: OK\n\n", ErrBadHeader, "invalid status"},
		{"status of a word", "Status: two hundred\n\n", ErrBadHeader, "invalid status"},
		{"status of two digits", "Status: 20\n\n", ErrBadHeader, "invalid status"},
		{"status of four digits", "Status: 2000\n\n", ErrBadHeader, "invalid status"},
		{"status too small", "Status: 099 x\n\n", ErrBadHeader, "invalid status"},
		{"too large", "A: " + strings.Repeat("x", 200) + "\n\n", ErrHeaderTooLarge, "more than 100 bytes"},
		{"too large without a line", strings.Repeat("x", 200), ErrHeaderTooLarge, "more than 100 bytes"},
		{"bad before too large", "x\nA: " + strings.Repeat("x", 200), ErrBadHeader, "no field"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := HeaderParser{Limit: 100}
			_, done, err := h.Feed([]byte(tt.in))
			if err == nil {
				err = h.End()
			}
			if done || !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("done %v, error %v", done, err)
			}
			if _, _, again := h.Feed([]byte("A: 1\n\n")); !errors.Is(again, err) {
				t.Errorf("then the error is %v", again)
			}
		})
	}
}

func TestHeaderLimit(t *testing.T) {
	header := "A: " + strings.Repeat("x", DefaultHeaderLimit-len("A: \n\n")) + "\n\n"
	var h HeaderParser
	if _, done, err := h.Feed([]byte(header)); !done || err != nil {
		t.Errorf("a header of just the limit: %v, %v", done, err)
	}
	h.Reset()
	if _, _, err := h.Feed([]byte("B" + header)); !errors.Is(err, ErrHeaderTooLarge) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestHeaderFields(t *testing.T) {
	var h HeaderParser
	if _, done, err := h.Feed([]byte("Content-type:  text/html \nX:\nx: 1\nX: 2\n\nContent-Type: body\n")); !done || err != nil {
		t.Fatal(done, err)
	}
	for name, want := range map[string]string{"Content-type": "text/html", "x": "1", "X": ""} {
		if got := h.Lookup(name); got == nil || string(got) != want {
			t.Errorf("Lookup(%q) is %q", name, got)
		}
	}
	if got := h.Lookup("Content-Type"); got != nil {
		t.Errorf("Lookup takes %q for a name of another case", got)
	}
	if got := h.Get("CONTENT-TYPE"); string(got) != "text/html" {
		t.Errorf("Get finds %q", got)
	}
	if got := h.Get("None"); got != nil {
		t.Errorf("Get finds %q", got)
	}
}

func TestHeaderParserDoesNotAllocate(t *testing.T) {
	in := []byte("Status: 200 OK\r\nContent-Type: text/html\r\nLocation: /x\r\n\r\n")
	var h HeaderParser
	allocs := testing.AllocsPerRun(100, func() {
		h.Reset()
		if _, done, err := h.Feed(in); !done || err != nil || h.Get("content-type") == nil {
			t.Fatal(done, err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// FuzzHeader feeds a header whole and in two or three pieces, which must make
// no difference, and checks what is sent on: lines that end in CR LF, each a
// field, with nothing in them that ends one.
func FuzzHeader(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte, cut, cut2 uint16) {
		const limit = 512
		whole := feed(limit, in)
		first, second := int(cut)%(len(in)+1), int(cut2)%(len(in)+1)
		if first > second {
			first, second = second, first
		}
		if parts := feed(limit, in[:first], in[first:second], in[second:]); parts != whole {
			t.Fatalf("cut at %d and %d: %s\nwhole: %s", first, second, parts, whole)
		}
		var bytewise [][]byte
		for i := range in {
			bytewise = append(bytewise, in[i:i+1])
		}
		if parts := feed(limit, bytewise...); parts != whole {
			t.Fatalf("byte by byte: %s\nwhole: %s", parts, whole)
		}
		h := HeaderParser{Limit: limit}
		if _, done, _ := h.Feed(in); !done {
			return
		}
		if h.Status() < 100 || h.Status() > 999 {
			t.Fatalf("status %d", h.Status())
		}
		block, ok := bytes.CutSuffix(h.Bytes(), []byte("\r\n\r\n"))
		if !ok {
			t.Fatalf("the block %q has no end", h.Bytes())
		}
		for line := range bytes.SplitSeq(block, []byte("\r\n")) {
			if !isField(line) || bytes.ContainsAny(line, "\x00\r\n") {
				t.Fatalf("the line %q is no field", line)
			}
		}
	})
}

// A lenient parser passes on what PHP's header() took.
func TestLenientHeaderParser(t *testing.T) {
	for in, want := range map[string]string{
		"\r\nbody":               "\r\n",
		"Pragma\nA: 1\n\n":       "Pragma\r\nA: 1\r\n\r\n",
		"A\nStatus: 404 x\n\n":   "A\r\nStatus: 404 x\r\n\r\n",
		"X Y: 1\n\n":             "X Y: 1\r\n\r\n",
		"b@c: 1\nPragma\r\n\r\n": "b@c: 1\r\nPragma\r\n\r\n",
	} {
		h := HeaderParser{Lenient: true}
		_, done, err := h.Feed([]byte(in))
		if !done || err != nil || string(h.Bytes()) != want {
			t.Errorf("%q: got %q, %v, want %q", in, h.Bytes(), err, want)
		}
		if got := h.Get("pragma"); len(got) != 0 || strings.Contains(in, "Pragma") != (got != nil) {
			t.Errorf("%q: Pragma is %q", in, got)
		}
		if status := h.Status(); (status == 404) != strings.Contains(in, "404") || status == 0 {
			t.Errorf("%q: the status is %d", in, status)
		}
		if h.Reset(); !h.Lenient {
			t.Error("Reset makes it strict")
		}
	}
	for _, in := range []string{"A: 1\x00\n\n", "A\rB: 1\n\n", " A: 1\n\n", "Status: x\n\n"} {
		h := HeaderParser{Lenient: true}
		if _, done, err := h.Feed([]byte(in)); done || err == nil {
			t.Errorf("%q is accepted", in)
		}
	}
}

// feed runs a parser over pieces and describes the result.
func feed(limit int, pieces ...[]byte) string {
	h := HeaderParser{Limit: limit}
	total := 0
	for _, piece := range pieces {
		n, done, err := h.Feed(piece)
		total += n
		if err != nil {
			return fmt.Sprintf("error %v", err)
		}
		if done {
			return fmt.Sprintf("%q, %d, after %d bytes", h.Bytes(), h.Status(), total)
		}
	}
	return fmt.Sprintf("unfinished after %d bytes: %v", total, h.End())
}
