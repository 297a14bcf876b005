package sockdiag

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

const seq, inode = 7, 4711

// message is a netlink message.
func message(kind uint16, seq uint32, body []byte) []byte {
	ne := binary.NativeEndian
	b := ne.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = ne.AppendUint16(b, kind)
	b = ne.AppendUint16(b, 0)
	b = ne.AppendUint32(b, seq)
	b = ne.AppendUint32(b, 0)
	return pad(append(b, body...))
}

func attribute(kind uint16, words ...uint32) []byte {
	ne := binary.NativeEndian
	b := ne.AppendUint16(nil, uint16(unix.SizeofRtAttr+4*len(words)))
	b = ne.AppendUint16(b, kind)
	for _, w := range words {
		b = ne.AppendUint32(b, w)
	}
	return b
}

func pad(b []byte) []byte { return append(b, make([]byte, align(len(b))-len(b))...) }

// about is a struct unix_diag_msg with attributes.
func about(inode uint32, state byte, attributes ...[]byte) []byte {
	b := []byte{unix.AF_UNIX, unix.SOCK_STREAM, state, 0}
	b = binary.NativeEndian.AppendUint32(b, inode)
	b = append(b, make([]byte, 8)...)
	for _, a := range attributes {
		b = append(b, a...)
	}
	return b
}

func answer(b Backlog) []byte {
	return message(unix.SOCK_DIAG_BY_FAMILY, seq,
		about(inode, stateListen, attribute(attrQueueLen, uint32(b.Used), uint32(b.Limit))))
}

func failure(errno int32) []byte {
	return message(unix.NLMSG_ERROR, seq, binary.NativeEndian.AppendUint32(nil, uint32(errno)))
}

func TestParse(t *testing.T) {
	full := Backlog{Used: 512, Limit: 511}
	tests := []struct {
		name  string
		input []byte
		want  Backlog
		found bool
		err   error
	}{
		{name: "an answer", input: answer(full), want: full, found: true},
		{name: "nothing"},
		{name: "less than a header", input: answer(full)[:15]},
		{
			name: "after an attribute of odd length and an unknown one",
			input: message(unix.SOCK_DIAG_BY_FAMILY, seq, about(inode, stateListen,
				[]byte{7, 0, 99, 0, 1, 2, 3, 0}, attribute(1, 1, 2, 3), attribute(attrQueueLen, 3, 4))),
			want: Backlog{Used: 3, Limit: 4}, found: true,
		},
		{
			name:  "after the answer to an earlier question",
			input: append(message(unix.SOCK_DIAG_BY_FAMILY, seq-1, about(inode, stateListen, attribute(attrQueueLen, 1, 1))), answer(full)...),
			want:  full, found: true,
		},
		{name: "after a message of another kind", input: append(message(unix.NLMSG_NOOP, seq, nil), answer(full)...), want: full, found: true},
		{name: "no such socket", input: failure(-int32(unix.ENOENT)), err: unix.ENOENT},
		{name: "an acknowledgement", input: failure(0), err: errMalformed},
		{name: "an error that is none", input: failure(1), err: errMalformed},
		{name: "the lowest number as an error", input: failure(-1 << 31), err: errMalformed},
		{name: "an error without a number", input: message(unix.NLMSG_ERROR, seq, nil), err: errMalformed},
		{name: "a connected socket", input: message(unix.SOCK_DIAG_BY_FAMILY, seq, about(inode, 1)), err: ErrNotListening},
		{name: "another socket", input: message(unix.SOCK_DIAG_BY_FAMILY, seq, about(1, stateListen, attribute(attrQueueLen, 1, 1))), err: errMalformed},
		{name: "another family", input: message(unix.SOCK_DIAG_BY_FAMILY, seq, make([]byte, 32)), err: errMalformed},
		{name: "no attribute", input: message(unix.SOCK_DIAG_BY_FAMILY, seq, about(inode, stateListen)), err: errMalformed},
		{name: "a short attribute", input: message(unix.SOCK_DIAG_BY_FAMILY, seq, about(inode, stateListen, attribute(attrQueueLen, 1))), err: errMalformed},
		{name: "an attribute longer than its message", input: message(unix.SOCK_DIAG_BY_FAMILY, seq, about(inode, stateListen, []byte{9, 0, attrQueueLen, 0})), err: errMalformed},
		{name: "an attribute of no length", input: message(unix.SOCK_DIAG_BY_FAMILY, seq, about(inode, stateListen, make([]byte, 12))), err: errMalformed},
		{name: "a message longer than the datagram", input: answer(full)[:40], err: errMalformed},
		{name: "a message shorter than its header", input: append([]byte{15, 0, 0, 0}, make([]byte, 12)...), err: errMalformed},
		{name: "a message of 4 GiB", input: append([]byte{255, 255, 255, 255}, make([]byte, 12)...), err: errMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, found, err := parse(tt.input, seq, inode)
			if got != tt.want || found != tt.found || !errors.Is(err, tt.err) {
				t.Errorf("got %+v, %v, %v, want %+v, %v, %v", got, found, err, tt.want, tt.found, tt.err)
			}
		})
	}
}

// FuzzParse holds parse to three things: no input makes it panic or gives
// half an answer, and whole messages of others before an answer, whatever is
// in them, do not hide it.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, input []byte) {
		b, found, err := parse(input, seq, inode)
		if found && err != nil || !found && b != (Backlog{}) {
			t.Errorf("got %+v, %v, %v", b, found, err)
		}
		if b.Used < 0 || b.Limit < 0 {
			t.Errorf("a negative length: %+v", b)
		}
		want := Backlog{Used: 1, Limit: 2}
		b, found, err = parse(append(message(unix.SOCK_DIAG_BY_FAMILY, seq+1, input), answer(want)...), seq, inode)
		if b != want || !found || err != nil {
			t.Errorf("an answer after another message gives %+v, %v, %v", b, found, err)
		}
	})
}

// TestCorpus fails when the committed inputs of FuzzParse are missing: without
// them the target would pass on nothing.
func TestCorpus(t *testing.T) {
	files, err := os.ReadDir("testdata/fuzz/FuzzParse")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 15 {
		t.Errorf("the corpus of FuzzParse has %d files", len(files))
	}
}
