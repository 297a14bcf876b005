package cgi

import "hash/maphash"

const (
	// minSlots is the size of a new index: enough for the parameters of an
	// ordinary request at half load.
	minSlots = 128
	// maxKeptSlots is the largest index that is kept for the next request.
	maxKeptSlots = 4096
)

// An index finds a parameter by its name. It is an open-addressed hash table
// of positions in a list of pairs, with a random seed, so that no client can
// make it slow, and is kept at half load or less.
type index struct {
	seed  maphash.Seed
	slots []uint32 // position + 1; 0 is free
	used  int
}

// reset empties the index and keeps its memory, unless that is a lot.
func (x *index) reset() {
	if len(x.slots) > maxKeptSlots {
		x.slots = nil
	}
	clear(x.slots)
	x.used = 0
}

// find returns the position in pairs of the pair called name, or -1.
func (x *index) find(pairs []pair, name string) int {
	if len(x.slots) == 0 {
		return -1
	}
	mask := uint64(len(x.slots) - 1)
	for i := maphash.String(x.seed, name) & mask; x.slots[i] != 0; i = (i + 1) & mask {
		if n := int(x.slots[i] - 1); string(pairs[n].name) == name {
			return n
		}
	}
	return -1
}

// slot returns the slot of name: one that holds its position, or the free one
// where that belongs.
func (x *index) slot(pairs []pair, name []byte) *uint32 {
	mask := uint64(len(x.slots) - 1)
	i := maphash.Bytes(x.seed, name) & mask
	for x.slots[i] != 0 && string(pairs[x.slots[i]-1].name) != string(name) {
		i = (i + 1) & mask
	}
	return &x.slots[i]
}

// grow makes room for one more of pairs.
func (x *index) grow(pairs []pair) {
	switch {
	case len(x.slots) == 0:
		x.seed = maphash.MakeSeed()
		x.slots = make([]uint32, minSlots)
		return
	case 2*(x.used+1) <= len(x.slots):
		return
	}
	x.slots = make([]uint32, 2*len(x.slots))
	for n := range pairs {
		*x.slot(pairs, pairs[n].name) = uint32(n) + 1
	}
}
