package native

import (
	"errors"
	"sort"

	"github.com/anyfpm/anyfpm/internal/procmem"
)

// maxEntries bounds the table of an object. Chromium has 700,000.
const maxEntries = 1 << 22

// errNoEntry says that an object has no call frame information for a place.
var errNoEntry = errors.New("no call frame information")

// tableEntry is the size of an entry: where a function begins and where its
// call frame information is, each 32 bits from the table's head.
const tableEntry = 8

// find returns the address of the entry for pc in the table at header, which
// is sorted (.eh_frame_hdr).
func find(m *procmem.Memory, header, pc uint64) (uint64, error) {
	r := procmem.NewReader(m)
	var head [4]byte
	r.Read(header, head[:])
	if r.Err() != nil {
		return 0, r.Err()
	}
	version, frame, count, table := head[0], head[1], head[2], head[3]
	if version != 1 || count != encUdata4 || table != encDataRel|encSdata4 {
		return 0, errEncoding
	}
	at := header + uint64(len(head))
	switch frame & encFormat {
	case encUdata4, encSdata4:
		at += 4
	case 0, encUdata8, encSdata8:
		at += 8
	default:
		return 0, errEncoding
	}
	n := r.U32(at)
	at += 4
	if r.Err() != nil || n > maxEntries {
		return 0, errors.Join(errEncoding, r.Err())
	}
	begin := func(i int) uint64 { return header + signed32(r.U32(at+uint64(i)*tableEntry)) }
	after := sort.Search(int(n), func(i int) bool { return begin(i) > pc })
	if after == 0 {
		return 0, errNoEntry
	}
	entry := header + signed32(r.U32(at+uint64(after-1)*tableEntry+4))
	return entry, r.Err()
}

func signed32(v uint32) uint64 { return uint64(int64(int32(v))) }
