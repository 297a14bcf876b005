package accesslog

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/quick"
	"time"
	"unicode/utf8"

	"github.com/anyfpm/anyfpm/internal/fpmtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// lookup is a set of parameters or header fields.
type lookup map[string]string

func (l lookup) Get(name string) []byte {
	if value, ok := l[name]; ok {
		return []byte(value)
	}
	return nil
}

func (l lookup) Lookup(name string) []byte { return l.Get(name) }

var example = Record{
	Pool: "www", MasterPID: 100, WorkerPID: 10178, Slot: 3,
	Remote: "192.0.2.7", User: "me", Method: "POST", URI: "/app/é.php", Query: "a=1&b=\"x\"", Script: "/srv/app/é.php",
	ContentLength: 77,
	Params:        lookup{"HTTP_USER_AGENT": "curl\n\x1b[31m", "EMPTY": ""},
	Header:        lookup{"Content-type": "text/html", "X-Empty": ""},
	Status:        201, Bytes: 4096,
	Start: time.Date(2026, 11, 20, 17, 35, 3, 123456789, time.FixedZone("CET", 3600)),
	End:   time.Date(2026, 11, 20, 17, 35, 5, 0, time.FixedZone("CET", 3600)),
	Queue: 1234567 * time.Nanosecond, Took: 2345678901 * time.Nanosecond,
	UserCPU: 200 * time.Millisecond, SysCPU: 30 * time.Millisecond, Memory: 3<<20 + 2<<10 + 1,
	Outcome: "completed", RequestID: "f00d",
}

// formats are all tokens with all modifiers, and combinations.
var formats = []string{
	"%%", "%C", "%{total}C", "%{user}C", "%{system}C",
	"%d", "%{seconds}d", "%{milli}d", "%{milliseconds}d", "%{mili}d", "%{miliseconds}d", "%{micro}d", "%{microseconds}d", "%{MICRO}d",
	"%{HTTP_USER_AGENT}e", "%{EMPTY}e.", "%{NONE}e", "%f", "%l", "%m",
	"%M", "%{bytes}M", "%{kilo}M", "%{kilobytes}M", "%{mega}M", "%{megabytes}M",
	"%n", "%{Content-type}o", "%{content-type}o", "%{X-Empty}o", "%p", "%P", "%q", "%Q%q", "%r", "%R", "%s",
	"%t", "%T", "%{%Y-%m-%dT%H:%M:%S%z}t", "%{%s}T", "%u",
	"%{queue}x", "%{outcome}x", "%{request_id}x", "%{bytes}x", "%{slot}x", "%{Queue}x",
	`%R - %u %t "%m %r%Q%q" %s`, "100%", "%{ignored}{micro}d", "no token", "json",
}

func TestGolden(t *testing.T) {
	var got bytes.Buffer
	for _, record := range []*Record{&example, {Start: example.Start, End: example.End}} {
		for _, format := range formats {
			f, err := Compile(format)
			if err != nil {
				t.Fatal(err)
			}
			line, _ := f.Append(nil, record)
			fmt.Fprintf(&got, "%-28s %s\n", format, strings.TrimSuffix(string(line), "\n"))
		}
	}
	path := filepath.Join("testdata", "lines.golden")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", &got, want)
	}
}

// TestCompileLikePHPFPM has a real php-fpm check faulty formats, and good ones.
func TestCompileLikePHPFPM(t *testing.T) {
	for _, format := range []string{
		"%Z", "%D%{x", "%{x}f", "%{x", "%{x}", "%{", "%{}e", "%e", "%o", "%{}o", "%{bad}C", "%{bad}d", "%{bad}M", "%{x}%",
		"%{microsecond}d", "%{x}C%Z", "% d", "%{xé}M", "%{" + strings.Repeat("z", 140) + "}M", "%{x}p",
		"%", "%%", "%{SECONDS}d %{a}{micro}d", "%{%Y}t%{y}T", `%R - %u %t "%m %r%Q%q" %s`, "%{}C",
	} {
		printed := fpmtest.Check(t, "pm = static", "pm.max_children = 1", "access.log = "+filepath.Join(t.TempDir(), "log"), `access.format = '`+format+`'`)
		_, want, _ := strings.Cut(printed, "] WARNING: ")
		want, _, _ = strings.Cut(want, "\n")
		got := ""
		if _, err := Compile(format); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, php-fpm says %q", format, got, want)
		}
	}
	if _, err := Compile("%{bad}x"); err == nil || err.Error() != "only 'queue', 'outcome', 'request_id', 'bytes' or 'slot' are allowed as a modifier for %x ('bad')" {
		t.Errorf("of a token of ours: %v", err)
	}
	if _, err := Compile("%x"); err == nil {
		t.Error("an x without a modifier is accepted")
	}
}

// TestLinesLikePHPFPM has a real php-fpm log a request with every token whose
// value is known beforehand.
func TestLinesLikePHPFPM(t *testing.T) {
	const format = `%%|%{HTTP_X}e|%{NONE}e|%{EMPTY}e|%f|%l|%m|%n|%{X-One}o|%{x-one}o|%{X-Empty}o|%{Content-type}o|%P|%q|%Q|%r|%R|%s|%u|%{%Y %j %Z %z}t|%{%C}T|%{%Q}t`
	log := filepath.Join(t.TempDir(), "access.log")
	fpm := fpmtest.Start(t, "pm = static", "pm.max_children = 1", "access.log = "+log, "access.format = '"+format+"'")
	script := filepath.Join(fpm.Dir, "a.php")
	if err := os.WriteFile(script, []byte("<?php http_response_code(418); header('X-One: 1 2'); header('X-Empty:'); echo 1;"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, query := range []string{"", "a=b&é"} {
		user := "Basic " + base64.StdEncoding.EncodeToString([]byte("me and:you"))
		fpm.Do(t, fpmtest.Params("REQUEST_METHOD", "PUT", "SCRIPT_FILENAME", script, "SCRIPT_NAME", "/a.php", "QUERY_STRING", query,
			"CONTENT_LENGTH", "0", "HTTP_X", "value of x", "EMPTY", "", "HTTP_AUTHORIZATION", user))
		f, err := Compile(format)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().UTC()
		got, _ := f.Append(nil, &Record{
			Pool: "www", MasterPID: fpm.PID, User: "me and", Method: "PUT", URI: "/a.php", Query: query, Script: script, Status: 418,
			Params: lookup{"HTTP_X": "value of x", "EMPTY": ""},
			Header: lookup{"X-One": "1 2", "X-Empty": "", "Content-type": "text/html; charset=UTF-8"},
			Start:  now, End: now,
		})
		// php-fpm logs after it has answered, but before it answers the next.
		fpm.Do(t, fpmtest.Params("REQUEST_METHOD", "GET"))
		written, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.SplitAfter(string(written), "\n")[2*i]; string(got) != want {
			t.Errorf("we log  %s\nphp-fpm %s", got, want)
		}
	}
}

func TestTruncate(t *testing.T) {
	tests := []struct {
		name, format, uri string
		length            int // of the line without its newline
		truncated         bool
	}{
		{"just fits", "%r", strings.Repeat("x", MaxLine), MaxLine, false},
		{"one too many", "%r", strings.Repeat("x", MaxLine+1), MaxLine, true},
		{"much too many", "%r%r%r", strings.Repeat("x", 64<<10), MaxLine, true},
		{"a literal", strings.Repeat("y", MaxLine) + "%r", "x", MaxLine, true},
		{"not within a character", "%r", strings.Repeat("x", MaxLine-1) + "é", MaxLine - 1, true},
		{"not within an escape", "%r", strings.Repeat("x", MaxLine-3) + "\n", MaxLine - 3, true},
		{"not within another", "%r", strings.Repeat("x", MaxLine-1) + "\n", MaxLine - 1, true},
		{"an escape that just fits", "%r", strings.Repeat("x", MaxLine-4) + "\n", MaxLine, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Compile(tt.format)
			if err != nil {
				t.Fatal(err)
			}
			line, truncated := f.Append([]byte("before"), &Record{URI: tt.uri})
			if got := len(line) - len("before\n"); got != tt.length || truncated != tt.truncated || !utf8.Valid(line) {
				t.Errorf("length %d, truncated %v: %q", got, truncated, line[len(line)-20:])
			}
		})
	}
}

func TestNothingIsNoLine(t *testing.T) {
	f, err := Compile("%u%q")
	if err != nil {
		t.Fatal(err)
	}
	if line, _ := f.Append(nil, &Record{}); len(line) != 0 {
		t.Errorf("got %q", line)
	}
}

// TestEscaping puts random bytes everywhere and wants one line of quoted
// fields from which each can be read back.
func TestEscaping(t *testing.T) {
	f, err := Compile(`"%r" "%q" "%u" "%f" "%m" "%R" "%{X}e" "%{X}o" "%{outcome}x" "%{request_id}x"`)
	if err != nil {
		t.Fatal(err)
	}
	property := func(b []byte) bool {
		s := string(b[:min(len(b), 20)])
		if s == "" || s == "-" {
			return true
		}
		r := Record{URI: s, Query: s, User: s, Script: s, Method: s, Remote: s, Params: lookup{"X": s}, Header: lookup{"X": s}, Outcome: s, RequestID: s}
		line, truncated := f.Append(nil, &r)
		text, ok := strings.CutSuffix(string(line), "\n")
		fields := strings.Split(text, `"`)
		if !ok || truncated || !utf8.Valid(line) || len(fields) != 21 || strings.ContainsFunc(text, isControl) {
			return false
		}
		for i := 1; i < len(fields); i += 2 {
			back, err := strconv.Unquote(`"` + fields[i] + `"`)
			if err != nil || back != s {
				return false
			}
		}
		return true
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 20000}); err != nil {
		t.Error(err)
	}
	for c := range 256 {
		if !property([]byte{'a', byte(c), 'b'}) || !property([]byte{0xc2, byte(c)}) {
			t.Errorf("byte %#x", c)
		}
	}
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

func TestJSON(t *testing.T) {
	f, err := Compile("json")
	if err != nil {
		t.Fatal(err)
	}
	property := func(s string, n int64) bool {
		r := example
		r.URI, r.Query, r.User, r.Took = s, s, s, time.Duration(n)
		line, _ := f.Append([]byte("before"), &r)
		line = line[len("before"):]
		var got map[string]any
		if json.Unmarshal(line, &got) != nil || bytes.ContainsFunc(bytes.TrimSuffix(line, []byte("\n")), isControl) {
			return false
		}
		uri, _ := got["uri"].(string)
		return len(s) > maxString || uri == string([]rune(s)) && got["status"] == 201.0
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
	for _, s := range []string{"\xff\"\\\n\x7f\u0085", strings.Repeat("é", maxString), strings.Repeat("\xff", 64<<10)} {
		if !property(s, 1) {
			t.Errorf("%.40q", s)
		}
	}
	r := example
	r.Query = strings.Repeat("é", maxString)
	line, truncated := f.Append(nil, &r)
	if !truncated || !bytes.HasSuffix(line, []byte(`,"truncated":true}`+"\n")) || len(line) > 2*maxString {
		t.Errorf("a long query gives %d bytes, truncated %v", len(line), truncated)
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	r := example
	r.Params, r.Header = nil, nil
	for _, format := range formats {
		f, err := Compile(format)
		if err != nil {
			t.Fatal(err)
		}
		var line []byte
		if n := testing.AllocsPerRun(100, func() { line, _ = f.Append(line[:0], &r) }); n != 0 {
			t.Errorf("%v allocations for %s", n, format)
		}
	}
}

func TestSuppressed(t *testing.T) {
	paths := []string{"/ping", "/health"}
	ok := Record{Method: "GET", URI: "/ping", Status: 200}
	tests := []struct {
		name   string
		change func(r *Record)
		want   bool
	}{
		{"as it is", func(*Record) {}, true},
		{"HEAD", func(r *Record) { r.Method = "HEAD" }, true},
		{"204", func(r *Record) { r.Status = 204 }, true},
		{"the other path", func(r *Record) { r.URI = "/health" }, true},
		{"POST", func(r *Record) { r.Method = "POST" }, false},
		{"query", func(r *Record) { r.Query = "x" }, false},
		{"body", func(r *Record) { r.ContentLength = 1 }, false},
		{"500", func(r *Record) { r.Status = 500 }, false},
		{"304", func(r *Record) { r.Status = 304 }, false},
		{"longer path", func(r *Record) { r.URI = "/ping/" }, false},
	}
	for _, tt := range tests {
		r := ok
		tt.change(&r)
		if got := r.Suppressed(paths); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	f, err := Compile(`%R - %u %t "%m %r%Q%q" %s %f %{milli}d %{kilo}M %C%%`)
	if err != nil {
		b.Fatal(err)
	}
	var line []byte
	for b.Loop() {
		line, _ = f.Append(line[:0], &example)
	}
}

// TestUses tells what a format needs to be known of a request.
func TestUses(t *testing.T) {
	for _, tt := range []struct {
		format             string
		cpu, usage, status bool
	}{
		{"%R - %u %t \"%m %r\" %s", false, false, true},
		{"%m %{C}e %% M", false, false, false},
		{"%{user}C", true, true, false},
		{"%{mega}M%s", false, true, true},
		{"json", true, true, true},
	} {
		f, err := Compile(tt.format)
		if err != nil {
			t.Fatal(err)
		}
		if f.CPU() != tt.cpu || f.Usage() != tt.usage || f.Has('s') != tt.status {
			t.Errorf("%s: CPU %v, usage %v, status %v", tt.format, f.CPU(), f.Usage(), f.Has('s'))
		}
	}
}
