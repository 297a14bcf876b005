package fcgi

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestNextPair(t *testing.T) {
	long := strings.Repeat("v", 128)
	for _, c := range []struct {
		name, in string
		want     []string // names and values in turn
	}{
		{"short", "\x01\x02Abc", []string{"A", "bc"}},
		{"two", "\x01\x01Aa\x01\x01Bb", []string{"A", "a", "B", "b"}},
		{"twice the same", "\x01\x01Aa\x01\x01Ab", []string{"A", "a", "A", "b"}},
		{"empty value", "\x01\x00A", []string{"A", ""}},
		{"empty name", "\x00\x01a", []string{"", "a"}},
		{"empty pair", "\x00\x00", []string{"", ""}},
		{"longest one-byte length", "\x01\x7fA" + long[:127], []string{"A", long[:127]}},
		{"long value", "\x01\x80\x00\x00\x80A" + long, []string{"A", long}},
		{"long name", "\x80\x00\x00\x80\x01" + long + "a", []string{long, "a"}},
		{"both long", "\x80\x00\x00\x80\x80\x00\x00\x80" + long + long, []string{long, long}},
		{"four bytes for a small length", "\x80\x00\x00\x01\x01Aa", []string{"A", "a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := splitPairs([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNextPairLies(t *testing.T) {
	for _, c := range []struct{ name, in string }{
		{"nothing", ""},
		{"no value length", "\x01"},
		{"name is cut", "\x05\x00abc"},
		{"value is cut", "\x01\x05Aabc"},
		{"long length is cut", "\x01\x80\x00\x00"},
		{"long name length is cut", "\x80\x00\x00"},
		{"largest lengths", "\xff\xff\xff\xff\xff\xff\xff\xffAa"},
		{"sum wraps around 32 bits", "\xff\xff\xff\xff\x81\x00\x00\x01Aa"},
		// The one from golang.org/issue/19761.
		{"value length beyond the end", "\x03\xff\x00\x00\x01foo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name, value, rest, err := NextPair([]byte(c.in))
			var protocol *ProtocolError
			if !errors.As(err, &protocol) || protocol.Reason != ReasonPair {
				t.Errorf("got %q=%q and %q, error %v", name, value, rest, err)
			}
		})
	}
}

// TestNextPairKeepsToItself makes sure that appending to a name or a value
// cannot overwrite what follows it.
func TestNextPairKeepsToItself(t *testing.T) {
	p := []byte("\x01\x01Aa\x01\x01Bb")
	name, value, _, err := NextPair(p)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(name, "overwritten"...)
	_ = append(value, "overwritten"...)
	if string(p) != "\x01\x01Aa\x01\x01Bb" {
		t.Errorf("the input is now %q", p)
	}
}

func TestAppendPair(t *testing.T) {
	long := strings.Repeat("x", 128)
	got := AppendPair([]byte("before"), "A", []byte(long))
	if want := "before\x01\x80\x00\x00\x80A" + long; string(got) != want {
		t.Errorf("got %q", got)
	}
	if got := AppendPair(nil, []byte(long[:127]), ""); !bytes.HasPrefix(got, []byte("\x7f\x00xx")) {
		t.Errorf("got %q", got)
	}
}

func TestNextPairDoesNotAllocate(t *testing.T) {
	p := bytes.Repeat(AppendPair(nil, "NAME", "value"), 30)
	if allocs := testing.AllocsPerRun(100, func() {
		for rest := p; len(rest) > 0; {
			var err error
			if _, _, rest, err = NextPair(rest); err != nil {
				t.Fatal(err)
			}
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// splitPairs returns the names and values in turn.
func splitPairs(p []byte) (all []string, err error) {
	for len(p) > 0 {
		var name, value []byte
		if name, value, p, err = NextPair(p); err != nil {
			return all, err
		}
		all = append(all, string(name), string(value))
	}
	return all, nil
}
