package procmem

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// at returns a Memory of one page at base that begins with content.
func at(base uint64, content string) *Memory {
	p := new(Page)
	copy(p[:], content)
	return NewMemory(Pages{base: p}, 0)
}

func TestReaderDecodes(t *testing.T) {
	r := NewReader(at(0x5000, "\x01\x02\x03\x04\x05\x06\x07\x08"))
	if got := r.U64(0x5000); got != 0x0807060504030201 {
		t.Errorf("U64 = %#x", got)
	}
	if got := r.U32(0x5001); got != 0x05040302 {
		t.Errorf("U32 = %#x", got)
	}
	if got := r.U16(0x5002); got != 0x0403 {
		t.Errorf("U16 = %#x", got)
	}
	if got := r.U8(0x5007); got != 8 {
		t.Errorf("U8 = %#x", got)
	}
	if r.Err() != nil {
		t.Error(r.Err())
	}
}

func TestReaderKeepsTheFirstError(t *testing.T) {
	r := NewReader(at(0x5000, "x"))
	r.U64(0x9000)
	first := r.Err()
	if !errors.Is(first, unix.EFAULT) {
		t.Fatalf("err = %v, want EFAULT", first)
	}
	if got := r.U8(0x5000); got != 0 {
		t.Errorf("after an error U8 = %d, want 0", got)
	}
	r.Fail("later")
	if r.Err() != first {
		t.Errorf("err = %v, want the first one", r.Err())
	}
}

func TestReaderStrings(t *testing.T) {
	m := at(0x5000, "hello\x00world")
	r := NewReader(m)
	if got := r.CString(0x5000, 100); got != "hello" {
		t.Errorf("CString = %q", got)
	}
	if got := r.CString(0x5000, 3); got != "hel" {
		t.Errorf("limited CString = %q", got)
	}
	if got := r.CString(0, 100); got != "" || r.Err() != nil {
		t.Errorf("CString(NULL) = %q, %v", got, r.Err())
	}
	if got := r.String(0x5006, 5, 4); got != "worl" {
		t.Errorf("String = %q", got)
	}
	if r.Bytes(0x5000, MaxBytes+1); r.Err() == nil {
		t.Error("a huge length was accepted")
	}
}

func TestCStringWithoutEnd(t *testing.T) {
	p := new(Page)
	copy(p[:], strings.Repeat("a", PageSize))
	r := NewReader(NewMemory(Pages{0x5000: p}, 0))
	if got := r.CString(0x5000, PageSize); len(got) != PageSize || r.Err() != nil {
		t.Errorf("up to the limit: %d bytes, %v", len(got), r.Err())
	}
	if got := r.CString(0x5000, 2*PageSize); got != "" || r.Err() == nil {
		t.Errorf("past the mapped page: %d bytes, %v; want an error", len(got), r.Err())
	}
}

func TestRecordingKeepsWhatWasRead(t *testing.T) {
	recorded := Pages{}
	m := NewMemory(Pages{0x5000: {1, 2, 3}, 0x6000: {4, 5}, 0x9000: {6}}, 0)
	m.Observe(recorded.Put)
	r := NewReader(m)
	r.U16(0x5001)
	r.U16(0x5fff)
	var buf bytes.Buffer
	if _, err := recorded.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	got, err := ReadPages(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || *got[0x5000] != (Page{1: 2, 2: 3}) || *got[0x6000] != (Page{4}) {
		t.Errorf("got %d pages back, want the bytes that were read and no others", len(got))
	}
	if _, err := ReadPages(strings.NewReader("not gzip")); err == nil {
		t.Error("garbage was read as pages")
	}
}

func FuzzReadPages(f *testing.F) {
	var buf bytes.Buffer
	if _, err := (Pages{0x1000: {1}}).WriteTo(&buf); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add(buf.Bytes()[:buf.Len()-9])
	f.Fuzz(func(t *testing.T, b []byte) {
		ps, err := ReadPages(bytes.NewReader(b))
		if (ps == nil) == (err == nil) {
			t.Errorf("pages %v with error %v", ps, err)
		}
	})
}
