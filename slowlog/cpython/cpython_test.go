package cpython

import (
	"testing"

	"github.com/anyfpm/anyfpm/internal/elfmem"
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/internal/recorded"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

func TestLineTables(t *testing.T) {
	lnotab := []byte{0, 1, 6, 1, 10, 0xff, 4, 2}
	pep626 := []byte{4, 1, 6, 0x80, 2, 3, 8, 0xfe}
	// One line on; the same line; no line; three lines on in a long entry; two
	// lines back without columns.
	locations := []byte{0x80 | 11<<3 | 1, 0, 0, 0x80 | 0<<3, 0x11, 0x80 | 15<<3, 0x80 | 14<<3, 6, 0, 0, 0, 0x80 | 13<<3 | 7, 5}
	for _, c := range []struct {
		name   string
		line   func([]byte, int, int) int
		table  []byte
		offset int
		want   int
	}{
		{"lnotab", lineLnotab, lnotab, 0, 11},
		{"lnotab", lineLnotab, lnotab, 6, 12},
		{"lnotab", lineLnotab, lnotab, 16, 11},
		{"lnotab", lineLnotab, lnotab, 99, 13},
		{"lnotab, odd", lineLnotab, []byte{1}, 5, 10},
		{"pep626", linePEP626, pep626, 0, 11},
		{"pep626, no line", linePEP626, pep626, 5, 11},
		{"pep626", linePEP626, pep626, 10, 14},
		{"pep626", linePEP626, pep626, 12, 12},
		{"locations", lineLocations, locations, 0, 11},
		{"locations", lineLocations, locations, 4, 11},
		{"locations, no line", lineLocations, locations, 6, 11},
		{"locations, long", lineLocations, locations, 8, 14},
		{"locations, back", lineLocations, locations, 10, 12},
		{"locations, past the end", lineLocations, locations, 1000, 12},
		{"locations, empty", lineLocations, nil, 0, 10},
	} {
		if got := c.line(c.table, 10, c.offset); got != c.want {
			t.Errorf("%s: offset %d is at line %d, want %d", c.name, c.offset, got, c.want)
		}
	}
}

func TestUnknownVersions(t *testing.T) {
	// Py_Version, and for what states its own layout the same in its head.
	recorded.Refuse(t, Runtime{}, "python-3.12", "\xf0\x01\x0c\x03", "\xf0\x00\x10\x03", "python 3.16.0 is not known to this build")
	recorded.Refuse(t, Runtime{}, "python-3.12", "\xf0\x01\x0c\x03", "\xf0\x00\x00\x04", "python 4.0.0 is not known to this build")
	recorded.Refuse(t, Runtime{}, "python-3.13.0", "xdebugpy\xf0\x00\x0d\x03\x00\x00\x00\x00\x00", "xdebugpy\xf0\x00\x0d\x03\x00\x00\x00\x00\x01",
		"python 3.13.0: free-threaded builds cannot be read")
}

// Up to 3.10 only a path tells the version; one that does not is no guess.
func TestPathWithoutVersion(t *testing.T) {
	recordings, err := recorded.Load("testdata/recorded")
	if err != nil {
		t.Fatal(err)
	}
	r := recordings[0]
	if r.Name != "python-3.10-0" {
		t.Fatalf("the first recording is %s", r.Name)
	}
	m := procmem.NewMemory(r.Pages, 0)
	o, err := elfmem.Open(m, r.Base)
	if err != nil {
		t.Fatal(err)
	}
	for path, ok := range map[string]bool{
		"/opt/python3.6/bin/uwsgi":         false,
		"/usr/bin/python3":                 false,
		"/usr/bin/python3.99":              false,
		"/opt/python3.9/lib/python3.10.so": true, // the last one counts
	} {
		if _, err := (Runtime{}).Open(m, stack.Object{Object: o, Path: path}); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestDecode(t *testing.T) {
	for kind, p := range map[int][]byte{
		1: {0xe9, 'a'},
		2: {0x22, 0x6f, 'a', 0},
		4: {0x00, 0xf6, 0x01, 0, 'a', 0, 0, 0},
	} {
		want := map[int]string{1: "éa", 2: "漢a", 4: "😀a"}[kind]
		if got := decode(p, kind); got != want {
			t.Errorf("kind %d: %q, want %q", kind, got, want)
		}
	}
}
