package fcgi

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// TestDecoderFiles runs every table of raw bytes in testdata/valid and
// testdata/invalid: comments, then bytes in hex or quotes, "----", and the
// records that the decoder makes of them.
func TestDecoderFiles(t *testing.T) {
	for _, dir := range []string{"valid", "invalid"} {
		for _, path := range glob(t, filepath.Join("testdata", dir, "*.txt")) {
			t.Run(dir+"/"+filepath.Base(path), func(t *testing.T) {
				c := readCase(t, path)
				got := transcript(c.input, whole)
				if *update {
					c.write(t, path, got)
					return
				}
				if got != c.want {
					t.Errorf("got\n%s\nwant\n%s", got, c.want)
				}
				if byBytes := transcript(c.input, singles); byBytes != got {
					t.Errorf("byte by byte the decoder sees\n%s\nand not\n%s", byBytes, got)
				}
				if _, _, err := decodeAll(c.input, whole); (err != nil) != (dir == "invalid") {
					t.Errorf("error is %v", err)
				}
			})
		}
	}
}

// TestDecoderEveryCut feeds each table in two pieces, cut at each place.
func TestDecoderEveryCut(t *testing.T) {
	for _, path := range glob(t, "testdata/*valid/*.txt") {
		c := readCase(t, path)
		if len(c.input) > 1<<12 {
			continue
		}
		want := transcript(c.input, whole)
		for at := 1; at < len(c.input); at++ {
			next := at
			got := transcript(c.input, func() int { n := next; next = len(c.input); return n })
			if got != want {
				t.Fatalf("%s: cut at %d the decoder sees\n%s\nand not\n%s", path, at, got, want)
			}
		}
	}
}

func TestDecoderReset(t *testing.T) {
	var d Decoder
	if _, _, err := d.Next([]byte("GET / HTTP/1.0\r\n")); err == nil {
		t.Fatal("HTTP is taken for FastCGI")
	}
	if d.Boundary() {
		t.Error("a failed decoder claims to stand between two records")
	}
	d.Reset()
	ev, _, err := d.Next(AppendAbort(nil, 3))
	if err != nil || ev.Kind != EventAbort || ev.RequestID != 3 {
		t.Errorf("after Reset: %+v, %v", ev, err)
	}
}

func TestDecoderDoesNotAllocate(t *testing.T) {
	input := traffic()
	var d Decoder
	allocs := testing.AllocsPerRun(100, func() {
		if err := drain(&d, input, 999); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkDecoder(b *testing.B) {
	input := traffic()
	var d Decoder
	b.ReportAllocs()
	b.SetBytes(int64(len(input)))
	for b.Loop() {
		if err := drain(&d, input, 16<<10); err != nil {
			b.Fatal(err)
		}
	}
}

// traffic is a request and its response, as they come behind nginx.
func traffic() []byte {
	params := bytes.Repeat(AppendPair(nil, "SCRIPT_FILENAME", "/srv/www/index.php"), 20)
	p := AppendBegin(nil, 1, RoleResponder, FlagKeepConn)
	p = AppendStream(p, TypeParams, 1, params)
	p = AppendStreamEnd(p, TypeParams, 1)
	p = AppendStream(p, TypeStdin, 1, make([]byte, 5000))
	p = AppendStreamEnd(p, TypeStdin, 1)
	p = AppendStream(p, TypeStdout, 1, make([]byte, 70000))
	p = AppendStreamEnd(p, TypeStdout, 1)
	return AppendEnd(p, 1, 0, StatusRequestComplete)
}

// drain feeds p to d in pieces of the given size.
func drain(d *Decoder, p []byte, size int) error {
	for len(p) > 0 {
		piece := p[:min(size, len(p))]
		p = p[len(piece):]
		for len(piece) > 0 {
			_, n, err := d.Next(piece)
			if err != nil {
				return err
			}
			piece = piece[n:]
		}
	}
	return nil
}

// A tableCase is a file of testdata/valid or testdata/invalid.
type tableCase struct {
	source string // everything above the line of dashes
	input  []byte
	want   string
}

func readCase(t testing.TB, path string) tableCase {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	source, want, ok := strings.Cut(string(text), "----\n")
	if !ok {
		t.Fatalf("%s: no line of dashes", path)
	}
	c := tableCase{source: source, want: want}
	for line := range strings.Lines(source) {
		if !strings.HasPrefix(line, "#") {
			for _, word := range strings.Fields(line) {
				c.input = append(c.input, parseWord(t, path, word)...)
			}
		}
	}
	return c
}

func (c tableCase) write(t *testing.T, path, got string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(c.source+"----\n"+got), 0o644); err != nil {
		t.Fatal(err)
	}
}

// parseWord reads 0a1b or "text", either followed by *N to repeat it.
func parseWord(t testing.TB, path, word string) []byte {
	t.Helper()
	p, err := func() ([]byte, error) {
		word, times, repeated := strings.Cut(word, "*")
		n := 1
		if repeated {
			var err error
			if n, err = strconv.Atoi(times); err != nil {
				return nil, err
			}
		}
		if strings.HasPrefix(word, `"`) {
			text, err := strconv.Unquote(word)
			return bytes.Repeat([]byte(text), n), err
		}
		raw, err := hex.DecodeString(word)
		return bytes.Repeat(raw, n), err
	}()
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %s: %w", path, word, err))
	}
	return p
}

// glob is filepath.Glob that wants to find something.
func glob(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("no file matches %s: the test data is missing", pattern)
	}
	return paths
}
