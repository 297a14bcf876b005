package fcgi

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzDecoder holds three properties of any input: nothing panics, how it is
// cut makes no difference, and what is decoded can be encoded and decoded
// again to the same.
func FuzzDecoder(f *testing.F) {
	for _, path := range glob(f, "testdata/*valid/*.txt") {
		f.Add(readCase(f, path).input, []byte{1, 7, 64})
	}
	f.Fuzz(func(t *testing.T, input, cuts []byte) {
		want := transcript(input, whole)
		if got := transcript(input, singles); got != want {
			t.Errorf("byte by byte the decoder sees\n%s\nand not\n%s", got, want)
		}
		if got := transcript(input, cycle(cuts)); got != want {
			t.Errorf("cut at %v the decoder sees\n%s\nand not\n%s", cuts, got, want)
		}

		records, _, _ := decodeAll(input, whole)
		again, boundary, err := decodeAll(encode(records), whole)
		if err != nil || !boundary {
			t.Fatalf("our own encoding is refused: %v", err)
		}
		if got, want := streams(again), streams(records); got != want {
			t.Errorf("after a round trip\n%s\nand not\n%s", got, want)
		}
	})
}

// FuzzPairs holds that pairs are parts of their input, that they end, and that
// writing them again gives the same pairs.
func FuzzPairs(f *testing.F) {
	for _, s := range []string{
		"", "\x01\x02Abc", "\x00\x00", "\x01\x80\x00\x00\x03Aabc", "\x80\x00\x00\x01\x00A",
		"\xff\xff\xff\xff\x81\x00\x00\x01Aa", "\x0f\x00FCGI_MPXS_CONNS\x0e\x00FCGI_MAX_CONNS",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		pairs, err := splitPairs(input)
		if total := len(strings.Join(pairs, "")); total > len(input) {
			t.Fatalf("%d bytes of pairs in %d bytes of input", total, len(input))
		}
		var p []byte
		for i := 0; i < len(pairs); i += 2 {
			p = AppendPair(p, pairs[i], []byte(pairs[i+1]))
		}
		if err == nil && len(p) > len(input) {
			t.Errorf("written again %d bytes become %d", len(input), len(p))
		}
		again, err := splitPairs(p)
		if err != nil || strings.Join(again, "\x00") != strings.Join(pairs, "\x00") {
			t.Errorf("after a round trip %q, error %v, and not %q", again, err, pairs)
		}
		if _, err := AppendGetValuesResult(nil, input, Values{MpxsConns: true}); err == nil {
			if _, err := ParseValues(input); err != nil {
				t.Errorf("a query is fine, but not as an answer: %v", err)
			}
		}
	})
}

// TestCorpus fails when the committed inputs of the fuzz targets are gone:
// without them the targets would pass on nothing.
func TestCorpus(t *testing.T) {
	for target, least := range map[string]int{"FuzzDecoder": 20, "FuzzPairs": 10, "FuzzServer": 20} {
		if n := len(glob(t, filepath.Join("testdata/fuzz", target, "*"))); n < least {
			t.Errorf("%s has %d inputs, want at least %d", target, n, least)
		}
	}
}

// cycle cuts by the given bytes in turn, for ever.
func cycle(cuts []byte) cutter {
	if len(cuts) == 0 {
		return whole
	}
	i := 0
	return func() int {
		n := max(1, int(cuts[i%len(cuts)]))
		i++
		return n
	}
}

// streams renders records with neighbouring content of one stream joined, as
// records have no meaning of their own in a stream.
func streams(records []record) string {
	var joined []record
	for _, r := range records {
		r.Final = true
		if r.Kind == EventUnknownType {
			r.RequestID = 0 // it belongs to the connection, whatever the sender wrote
		}
		if n := len(joined); n > 0 && r.Kind == EventData {
			if last := &joined[n-1]; last.Kind == EventData && last.Type == r.Type && last.RequestID == r.RequestID {
				last.data = append(bytes.Clone(last.data), r.data...)
				continue
			}
		}
		joined = append(joined, r)
	}
	var b strings.Builder
	for _, r := range joined {
		b.WriteString(r.String())
		b.Write(r.data)
		b.WriteByte('\n')
	}
	return b.String()
}

// FuzzServer sends any bytes to a server: it must neither fail nor hang, and
// what it answers must be FastCGI.
func FuzzServer(f *testing.F) {
	for _, path := range glob(f, "testdata/*valid/*.txt") {
		f.Add(readCase(f, path).input)
	}
	f.Add(AppendStreamEnd(request(1, RoleFilter, 0, Params{{"NAME", "n"}}), TypeStdin, 1))
	f.Fuzz(func(t *testing.T, input []byte) {
		s := &Server{
			Handler: echo,
			Logger:  slog.New(slog.DiscardHandler),
			Limits:  Limits{MaxParams: 1000, StreamBuffer: 100, MaxRequestsPerConn: 3},
		}
		ours, theirs := net.Pipe()
		served := make(chan struct{})
		go func() {
			s.ServeConn(theirs)
			close(served)
		}()
		answer := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(ours)
			answer <- all
		}()
		// A write that fails is the server's right: it may hang up.
		_, _ = ours.Write(input)
		// This ends the requests that wait for input.
		s.Close()
		<-served
		ours.Close()
		if _, _, err := decodeAll(<-answer, whole); err != nil {
			t.Errorf("the answer is not FastCGI: %v", err)
		}
	})
}
