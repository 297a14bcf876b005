package native

// The registers that are followed, in DWARF's numbering.
const (
	regFP = 6  // rbp
	regSP = 7  // rsp
	regRA = 16 // the return address
)

// plainAddress is a return address as a function's address.
func plainAddress(pc uint64) uint64 { return pc }
