package fcgi

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func TestEncoders(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"header", AppendHeader(nil, TypeStdin, 0x1234, 0xabcd, 0xef), "01 05 1234 abcd ef 00"},
		{"begin", AppendBegin(nil, 1, RoleResponder, FlagKeepConn), "01 01 0001 0008 00 00 0001 01 0000000000"},
		{"abort", AppendAbort(nil, 0x0203), "01 02 0203 0000 00 00"},
		{"end", AppendEnd(nil, 1, 0x01020304, StatusOverloaded), "01 03 0001 0008 00 00 01020304 02 000000"},
		{"unknown type", AppendUnknownType(nil, 12), "01 0b 0000 0008 00 00 0c 00000000000000"},
		{"break", AppendBreak(nil), "0000000000000000"},
		{"stream end", AppendStreamEnd(nil, TypeParams, 5), "01 04 0005 0000 00 00"},
		{"stream", AppendStream(nil, TypeStdout, 1, []byte("abc")), "01 06 0001 0003 05 00 616263 0000000000"},
		{"stream without padding", AppendStream(nil, TypeStdout, 1, []byte("12345678")), "01 06 0001 0008 00 00 3132333435363738"},
		{"stream of nothing", AppendStream(nil, TypeStdout, 1, nil), ""},
		{"record", AppendRecord(nil, TypeStderr, 1, []byte("a")), "01 07 0001 0001 07 00 61 00000000000000"},
		{"record of nothing", AppendRecord(nil, TypeGetValues, 0, nil), "01 09 0000 0000 00 00"},
		{"get values", AppendGetValues(nil), "01 09 0000 0030 00 00 0e00" + hexText("FCGI_MAX_CONNS") + "0d00" + hexText("FCGI_MAX_REQS") + "0f00" + hexText("FCGI_MPXS_CONNS")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if want := strings.ReplaceAll(c.want, " ", ""); hex.EncodeToString(c.got) != want {
				t.Errorf("got %x, want %s", c.got, want)
			}
		})
	}
}

func TestEncodersAppend(t *testing.T) {
	p := AppendAbort([]byte("before"), 1)
	if !bytes.HasPrefix(p, []byte("before\x01\x02")) {
		t.Errorf("got %q", p)
	}
}

// TestStreamSizes cuts streams of sizes around the records' limits.
func TestStreamSizes(t *testing.T) {
	for _, size := range []int{1, 7, 8, 9, 65527, 65528, 65529, 65535, 65536, 131056, 131057} {
		data := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
		p := AppendStream(nil, TypeStdin, 7, data)
		if len(p)%8 != 0 {
			t.Errorf("%d: encoded length %d is not a multiple of 8", size, len(p))
		}
		records, boundary, err := decodeAll(p, whole)
		if err != nil || !boundary {
			t.Fatalf("%d: boundary %v, error %v", size, boundary, err)
		}
		if want := (size + 65527) / 65528; len(records) != want {
			t.Errorf("%d: %d records, want %d", size, len(records), want)
		}
		var back []byte
		for _, r := range records {
			back = append(back, r.data...)
		}
		if !bytes.Equal(back, data) {
			t.Errorf("%d: other bytes came back", size)
		}
	}
}

func TestEncodersDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 1<<17)
	data := make([]byte, 70000)
	name := []byte("SCRIPT_FILENAME")
	query := AppendPair(nil, MpxsConnsName, "")
	allocs := testing.AllocsPerRun(100, func() {
		p := AppendBegin(buf, 1, RoleResponder, FlagKeepConn)
		p = AppendPair(p, name, "/srv/www/index.php")
		p = AppendStream(p, TypeStdin, 1, data)
		p = AppendStreamEnd(p, TypeStdin, 1)
		p, err := AppendGetValuesResult(p, query, Values{MaxConns: 100, MpxsConns: true})
		if err != nil {
			t.Fatal(err)
		}
		_ = AppendEnd(p, 1, 0, StatusRequestComplete)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkAppendStream(b *testing.B) {
	buf := make([]byte, 0, 1<<14)
	data := make([]byte, 8000)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		AppendStream(buf, TypeStdout, 1, data)
	}
}

func hexText(s string) string { return hex.EncodeToString([]byte(s)) }
