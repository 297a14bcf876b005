package ruby

import (
	"math/bits"
	"sort"

	"github.com/anyfpm/anyfpm/internal/procmem"
)

// maxLines bounds the line table of a function.
const maxLines = 1 << 16

// line is the line of an instruction of an instruction sequence.
func (s *sampler) line(r *procmem.Reader, body, pc uint64) int {
	position := (pc - r.U64(body+bodyCode)) / 8
	if size := uint64(r.U32(body + bodySize)); position > size {
		r.Fail("instruction %d of a code of %d", position, size)
	}
	if position > 0 {
		position-- // the counter is past the instruction that runs
	}
	count := uint64(r.U32(body + s.lineCount))
	if count > maxLines {
		r.Fail("a line table of %d entries", count)
	}
	table := r.U64(body + s.lines)
	if count == 0 || r.Err() != nil {
		return 0
	}
	entry := uint64(0)
	switch {
	case count == 1:
	case s.lineIndex == 0:
		entry = s.search(r, table, count, position)
	default:
		entry = rank(r, r.U64(body+s.lineIndex), position)
		if entry == 0 || entry > count {
			r.Fail("line entry %d of %d", entry, count)
			return 0
		}
		entry--
	}
	for {
		line := int(int32(r.U32(table + entry*s.lineSize + s.lineNumber)))
		if line != 0 || entry == 0 {
			return line
		}
		entry-- // an instruction that the compiler put in has no line
	}
}

// search finds the last entry that begins at or before a position, up to 2.5.
func (s *sampler) search(r *procmem.Reader, table, count, position uint64) uint64 {
	after := sort.Search(int(count), func(i int) bool {
		return uint64(r.U32(table+uint64(i)*s.lineSize+linePosition)) > position
	})
	return uint64(max(after-1, 0))
}

// The shape of a struct succ_index_table (iseq.c): counts for the first 54
// positions, nine to a word, then blocks of 512 positions with a count, eight
// relative counts of nine bits, and a bit for each position where an entry
// begins.
const (
	immediateBits  = 7
	immediatePer   = 9
	immediateEnd   = 54
	blocks         = 48
	blockSize      = 80
	blockPositions = 512
	blockRanks     = 8
	blockBits      = 16
	rankBits       = 9
)

// rank is the number of entries that begin at or before a position, from 2.6.
func rank(r *procmem.Reader, index, position uint64) uint64 {
	if position < immediateEnd {
		word := r.U64(index + position/immediatePer*8)
		return word >> (position % immediatePer * immediateBits) & (1<<immediateBits - 1)
	}
	position -= immediateEnd
	block := index + blocks + position/blockPositions*blockSize
	position %= blockPositions
	count := uint64(r.U32(block))
	small := position / 64
	if small > 0 {
		count += r.U64(block+blockRanks) >> ((small - 1) * rankBits) & (1<<rankBits - 1)
	}
	set := r.U64(block + blockBits + small*8)
	return count + uint64(bits.OnesCount64(set<<(63-position%64)))
}
