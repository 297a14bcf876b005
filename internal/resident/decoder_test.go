package resident_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// frame returns a frame as a worker sends it.
func frame(kind byte, content string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(1+len(content)))) + string(kind) + content
}

// decode feeds input in pieces of at most size bytes and tells the events,
// the pieces of a tail put together.
func decode(input string, size int) string {
	var d resident.Decoder
	var out []string
	tail := ""
	for piece := range slices.Chunk([]byte(input), size) {
		for {
			ev, n, err := d.Next(piece)
			piece = piece[n:]
			switch {
			case err != nil:
				_, _, again := d.Next(piece)
				if !errors.Is(again, err) {
					return fmt.Sprintf("error %v is forgotten: %v", err, again)
				}
				return strings.Join(append(out, "error: "+err.Error()), "; ")
			case ev.Kind == resident.EventTail:
				tail += string(ev.Data)
				if ev.Final {
					out = append(out, fmt.Sprintf("tail %q", tail))
					tail = ""
				}
			case ev.Kind != resident.EventNone:
				out = append(out, describe(ev))
			}
			if ev.Kind == resident.EventNone {
				break
			}
		}
		if len(piece) > 0 {
			return fmt.Sprintf("%d bytes of input left", len(piece))
		}
	}
	if tail != "" {
		out = append(out, fmt.Sprintf("part %q", tail))
	}
	return strings.Join(out, "; ")
}

func describe(ev resident.Event) string {
	switch ev.Kind {
	case resident.EventHello:
		return fmt.Sprintf("hello %q", ev.Data)
	case resident.EventEnd:
		return fmt.Sprintf("end flags %d status %d tail %d final %v", ev.Flags, ev.Status, ev.Tail, ev.Final)
	case resident.EventFinish:
		return fmt.Sprintf("finish flags %d tail %d final %v", ev.Flags, ev.Tail, ev.Final)
	case resident.EventChild:
		return fmt.Sprintf("child %d", ev.PID)
	case resident.EventExited:
		return fmt.Sprintf("exited %d %#x", ev.PID, ev.WaitStatus)
	default:
		return fmt.Sprintf("unexpected %+v", ev)
	}
}

var decoderTests = []struct{ name, input, want string }{
	{"nothing", "", ""},
	{"hello", frame('H', "1\x00python\x003.11.2\x0042\x004096\x00"), `hello "1\x00python\x003.11.2\x0042\x004096\x00"`},
	{"empty hello", frame('H', ""), `hello ""`},
	{"end", frame('E', "\x00\x00"), "end flags 0 status 0 tail 0 final true"},
	{"end with all", frame('E', "\x1f\xffanswer"), `end flags 31 status 255 tail 6 final false; tail "answer"`},
	{"unknown flags", frame('E', "\xff\x00"), "end flags 255 status 0 tail 0 final true"},
	{"finish, end", frame('F', "\x08\x00answer") + frame('E', "\x00\x01"),
		`finish flags 8 tail 6 final false; tail "answer"; end flags 0 status 1 tail 0 final true`},
	{"two ends", frame('E', "\x00\x00a") + frame('E', "\x00\x00b"),
		`end flags 0 status 0 tail 1 final false; tail "a"; end flags 0 status 0 tail 1 final false; tail "b"`},
	{"child", frame('P', "\x00\x00\x01\x02"), "child 258"},
	{"failed fork", frame('P', "\x00\x00\x00\x00"), "child 0"},
	{"exited", frame('X', "\x00\x00\x01\x02\x00\x00\x03\x00"), "exited 258 0x300"},
	{"part of a head", "\x00\x00\x00", ""},
	{"part of a frame", frame('X', "\x00\x00\x01\x02\x00\x00\x03\x00")[:10], ""},
	{"part of a tail", frame('E', "\x00\x00abc")[:9], `end flags 0 status 0 tail 3 final false; part "ab"`},
	{"longest hello", frame('H', strings.Repeat("h", 256)), fmt.Sprintf("hello %q", strings.Repeat("h", 256))},

	{"no length", "\x00\x00\x00\x00E", "error: cannot understand worker: frame of type E has length 0"},
	{"unknown type", frame('Z', "abc"), "error: cannot understand worker: frame of unknown type 0x5a and length 4"},
	{"text", "Traceback (most recent call last):\n", "error: cannot understand worker: frame of unknown type 0x65 and length 1416782179"},
	{"long hello", frame('H', strings.Repeat("h", 257)), "error: cannot understand worker: frame of type H has length 258"},
	{"short end", frame('E', "\x00"), "error: cannot understand worker: frame of type E has length 2"},
	{"endless end", "\x7f\xff\xff\xffE\x00\x00", "error: cannot understand worker: frame of type E has length 2147483647"},
	{"hugest", "\xff\xff\xff\xffE\x00\x00", "error: cannot understand worker: frame of type E has length 4294967295"},
	{"short child", frame('P', "\x00\x00\x01"), "error: cannot understand worker: frame of type P has length 4"},
	{"long exited", frame('X', "\x00\x00\x01\x02\x00\x00\x03\x00\x00"), "error: cannot understand worker: frame of type X has length 10"},
	{"error after events", frame('E', "\x00\x00") + "garbage", "end flags 0 status 0 tail 0 final true; " +
		"error: cannot understand worker: frame of unknown type 0x61 and length 1734439522"},
}

func TestDecoder(t *testing.T) {
	for _, tt := range decoderTests {
		for _, size := range []int{1, 2, 3, 5, 7, 1 << 20} {
			if got := decode(tt.input, size); got != tt.want {
				t.Errorf("%s in pieces of %d:\ngot  %s\nwant %s", tt.name, size, got, tt.want)
			}
		}
	}
}

func TestDecoderReset(t *testing.T) {
	var d resident.Decoder
	if _, _, err := d.Next([]byte("garbage")); err == nil {
		t.Fatal("no error")
	}
	d.Reset()
	ev, n, err := d.Next([]byte(frame('E', "\x00\x02")))
	if err != nil || ev.Kind != resident.EventEnd || n != 7 {
		t.Errorf("after Reset: %+v, %d, %v", ev, n, err)
	}
}

// A request must cost no memory.
func TestAllocations(t *testing.T) {
	var d resident.Decoder
	answer := []byte(frame('E', "\x08\x00Content-Type: text/plain\r\n\r\nhello"))
	request := resident.Request{Script: "/srv/hello.py", Args: []string{"a"}, Variables: []byte("A=b\x00C=d\x00"), Stdin: resident.InlineStdin, BodyLen: 5}
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		buf = resident.AppendRequest(buf[:0], &request)
		for p := answer; len(p) > 0; {
			_, n, err := d.Next(p)
			check(t, err)
			p = p[n:]
		}
	}); n != 0 {
		t.Errorf("%v allocations in a request", n)
	}
}

func TestParseHello(t *testing.T) {
	for _, tt := range []struct {
		data, want string
	}{
		{"1\x00python\x003.11.2\x0042\x004096\x00", "{Runtime:python InterpreterVersion:3.11.2 PID:42 Inline:4096}"},
		{"1\x00x\x00\x000\x004294967295\x00more\x00", "{Runtime:x InterpreterVersion: PID:0 Inline:4294967295}"},
		{"", "cannot understand worker: HELLO is empty"},
		{"1\x00python\x00", "cannot understand worker: HELLO has 2 strings, not 5"},
		{"2\x00python\x00", `cannot understand worker: it speaks version "2" of the protocol, not 1`},
		{"1\x00python\x003\x00pid\x000\x00", `cannot understand worker: HELLO has the pid "pid"`},
		{"1\x00python\x003\x00-1\x000\x00", `cannot understand worker: HELLO has the pid "-1"`},
		{"1\x00python\x003\x001\x004294967296\x00", `cannot understand worker: HELLO has the body length "4294967296"`},
	} {
		hello, err := resident.ParseHello([]byte(tt.data))
		got := fmt.Sprintf("%+v", hello)
		if err != nil {
			got = err.Error()
			if !errors.As(err, new(*resident.ProtocolError)) {
				t.Errorf("%q: %T is no ProtocolError", tt.data, err)
			}
		}
		if got != tt.want {
			t.Errorf("%q:\ngot  %s\nwant %s", tt.data, got, tt.want)
		}
	}
}

// FuzzDecoder: however the input is cut into pieces, the events are the same,
// and all of the input is used.
func FuzzDecoder(f *testing.F) {
	corpus, err := filepath.Glob("testdata/fuzz/FuzzDecoder/*")
	if err != nil || len(corpus) < 10 {
		f.Fatalf("testdata/fuzz/FuzzDecoder has only %d files: %v", len(corpus), err)
	}
	for _, tt := range decoderTests {
		f.Add([]byte(tt.input), 3)
	}
	f.Fuzz(func(t *testing.T, input []byte, size int) {
		if size < 1 || size > 1<<16 {
			size = 1
		}
		whole := decode(string(input), 1<<20)
		if pieces := decode(string(input), size); pieces != whole {
			t.Errorf("whole: %s\nin pieces of %d: %s", whole, size, pieces)
		}
	})
}

// TestFuzzCorpus keeps the corpus from getting lost, which go test would not
// notice.
func TestFuzzCorpus(t *testing.T) {
	files, err := os.ReadDir("testdata/fuzz/FuzzDecoder")
	check(t, err)
	if len(files) < 10 {
		t.Errorf("only %d files", len(files))
	}
}
