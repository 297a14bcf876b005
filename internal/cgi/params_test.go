package cgi

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/fpmtest"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("v", 300)
	tests := []struct {
		name string
		raw  string
		want string
		same bool // the raw bytes can be sent on
	}{
		{"nothing", "", "", true},
		{"one", "\x01\x02Axy", "A=xy\n", true},
		{"empty value", "\x01\x00A", "A=\n", true},
		{"empty name", "\x00\x01x", "=x\n", true},
		{"long lengths of short things", "\x80\x00\x00\x01\x80\x00\x00\x02Axy", "A=xy\n", true},
		{"long value", "\x01\x80\x00\x01\x2cA" + long, "A=" + long + "\n", true},
		{"twice: the last value, the first place", "\x01\x01A1\x01\x01B2\x01\x01A3", "A=3\nB=2\n", false},
		{"HTTP_PROXY", "\x0a\x01HTTP_PROXYx\x01\x01B2", "B=2\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Params
			if err := Parse([]byte(tt.raw), &p); err != nil {
				t.Fatal(err)
			}
			if got := dump(&p); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			raw, same := p.Raw()
			if string(raw) != tt.raw || same != tt.same {
				t.Errorf("Raw is %q, %v", raw, same)
			}
			var again Params
			if err := Parse(p.Append(nil), &again); err != nil || dump(&again) != tt.want {
				t.Errorf("encoded again: %q, %v", dump(&again), err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, raw := range []string{
		"\x01",
		"\x01\x02Ax",
		"\x02\x00A",
		"\x80\x00\x00",
		"\x01\x80\x00\x00",
		"\xff\xff\xff\xff\xff\xff\xff\xffA",
		"\x01\x01A1\x05\x00B",
	} {
		var p Params
		p.SetString("OLD", "1")
		if err := Parse([]byte(raw), &p); !errors.Is(err, ErrBadParams) {
			t.Errorf("%q: error %v", raw, err)
		}
		if got := dump(&p); got != "" {
			t.Errorf("%q: still holds %q", raw, got)
		}
	}
}

func TestSetAndDelete(t *testing.T) {
	p := paramsOf(t, fpmtest.Params("A", "1", "B", "2", "C", ""))
	if p.Get("C") == nil || !p.Has("C") || p.Get("D") != nil || p.Has("D") {
		t.Error("an empty parameter and a missing one look alike")
	}
	p.Set("A", p.Get("A"))
	p.Delete("D")
	if _, same := p.Raw(); !same {
		t.Error("what changes nothing counts as a change")
	}
	p.SetString("D", "4")
	p.Delete("A")
	p.SetString("B", "")
	p.SetString("E", "5")
	p.Delete("E")
	p.SetString("E", "6")
	if got, want := dump(p), "B=\nC=\nD=4\nE=6\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, same := p.Raw(); same || p.Has("A") || !p.Has("B") {
		t.Error("changes are not noticed")
	}
	var zero Params
	zero.SetString("A", "1")
	if got := dump(&zero); got != "A=1\n" {
		t.Errorf("the zero value keeps %q", got)
	}
}

// TestSetFromItself sets parameters from slices of others until the memory
// behind them has moved many times.
func TestSetFromItself(t *testing.T) {
	p := paramsOf(t, fpmtest.Params("P0", "/some/path/info"))
	for i := range 1000 {
		p.Set(fmt.Sprintf("P%d", i+1), p.Get(fmt.Sprintf("P%d", i)))
	}
	if got := p.Get("P1000"); string(got) != "/some/path/info" {
		t.Errorf("got %q", got)
	}
}

// TestManyParams takes more names than an index holds at first, each twice.
func TestManyParams(t *testing.T) {
	const names = 20000
	var raw []byte
	for round := range 2 {
		for i := range names {
			raw = fcgi.AppendPair(raw, fmt.Sprintf("NAME_%d", i), fmt.Sprint(i*(round+1)))
		}
	}
	var p Params
	for range 2 {
		if err := Parse(raw, &p); err != nil {
			t.Fatal(err)
		}
		n := 0
		for name, value := range p.All() {
			if string(name) != fmt.Sprintf("NAME_%d", n) || string(value) != fmt.Sprint(2*n) {
				t.Fatalf("parameter %d is %s=%s", n, name, value)
			}
			n++
		}
		if n != names || string(p.Get("NAME_777")) != "1554" {
			t.Errorf("%d parameters", n)
		}
	}
	if p.Reset(); cap(p.pairs) != 0 {
		t.Error("the memory of a huge request is kept")
	}
}

// nginxParams are what Debian's nginx sends, as in its fastcgi.conf.
func nginxParams() []fpmtest.Param {
	return fpmtest.Params(
		"SCRIPT_FILENAME", "/srv/www/cgi-bin/hello.sh", "QUERY_STRING", "a=1&b=2", "REQUEST_METHOD", "GET",
		"CONTENT_TYPE", "", "CONTENT_LENGTH", "", "SCRIPT_NAME", "/cgi-bin/hello.sh", "REQUEST_URI", "/cgi-bin/hello.sh?a=1&b=2",
		"DOCUMENT_URI", "/cgi-bin/hello.sh", "DOCUMENT_ROOT", "/srv/www", "SERVER_PROTOCOL", "HTTP/1.1", "REQUEST_SCHEME", "http",
		"GATEWAY_INTERFACE", "CGI/1.1", "SERVER_SOFTWARE", "nginx/1.22.1", "REMOTE_ADDR", "127.0.0.1", "REMOTE_PORT", "51234",
		"REMOTE_USER", "", "SERVER_ADDR", "127.0.0.1", "SERVER_PORT", "80", "SERVER_NAME", "example.org", "REDIRECT_STATUS", "200",
		"HTTP_HOST", "example.org", "HTTP_USER_AGENT", "curl/7.88.1", "HTTP_ACCEPT", "*/*")
}

// TestParamsDoNotAllocate holds the hot path of a FastCGI worker to nothing:
// parse, look around, change a little, send on.
func TestParamsDoNotAllocate(t *testing.T) {
	raw := paramsOf(t, nginxParams()).Append(nil)
	var p Params
	var out []byte
	allocs := testing.AllocsPerRun(100, func() {
		if err := Parse(raw, &p); err != nil {
			t.Fatal(err)
		}
		if string(p.Get("REQUEST_METHOD")) != "GET" || p.Has("NONE") {
			t.Fatal("wrong parameters")
		}
		out = p.Append(out[:0])
		p.SetString("REQUEST_QUEUE_TIME", "0.000123")
		p.Delete("HTTP_ACCEPT")
		out = p.Append(out[:0])
		out = p.AppendNUL(out[:0])
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkParse(b *testing.B) {
	raw := paramsOf(b, nginxParams()).Append(nil)
	var p Params
	b.ReportAllocs()
	for b.Loop() {
		if err := Parse(raw, &p); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzParams holds Params to two slow and simple ways of doing the same: a
// list searched from the end, and the encoder of package fcgi.
func FuzzParams(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p Params
		err := Parse(raw, &p)
		names, values, ok := slowParse(raw)
		if (err == nil) != ok {
			t.Fatalf("error %v, but valid is %v", err, ok)
		}
		if err != nil {
			return
		}
		var want []byte
		for i, name := range names {
			if got := p.Get(name); !bytes.Equal(got, values[i]) || got == nil {
				t.Fatalf("%q is %q, want %q", name, got, values[i])
			}
			want = fcgi.AppendPair(want, name, values[i])
		}
		p.edited = true
		if got := p.Append(nil); !bytes.Equal(got, want) {
			t.Fatalf("encoded as %q, want %q", got, want)
		}
		p.AppendNUL(nil)
	})
}

func slowParse(raw []byte) (names []string, values [][]byte, ok bool) {
	for len(raw) > 0 {
		name, value, rest, err := fcgi.NextPair(raw)
		if err != nil {
			return nil, nil, false
		}
		raw = rest
		switch i := slices.Index(names, string(name)); {
		case string(name) == "HTTP_PROXY":
		case i >= 0:
			values[i] = value
		default:
			names, values = append(names, string(name)), append(values, value)
		}
	}
	return names, values, true
}

// TestCorpora fails when the seeds of a fuzz target have gone.
func TestCorpora(t *testing.T) {
	for _, target := range []string{"FuzzParams", "FuzzHeader"} {
		seeds, err := os.ReadDir(filepath.Join("testdata", "fuzz", target))
		if err != nil || len(seeds) < 5 {
			t.Errorf("%s has %d seeds: %v", target, len(seeds), err)
		}
	}
}
