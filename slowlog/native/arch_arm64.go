package native

// The registers that are followed, in DWARF's numbering.
const (
	regFP = 29 // x29
	regSP = 31
	regRA = 30 // x30, the link register
)

// plainAddress is a return address without the signature that pointer
// authentication puts into its upper bits.
func plainAddress(pc uint64) uint64 { return pc & (1<<48 - 1) }
