package procmem

// PageSize is the unit of reading. It is the smallest page size of the
// supported systems; on a system with larger pages it is a part of one, which
// is as readable as the whole.
const PageSize = 4096

// A Page is the content of one page.
type Page [PageSize]byte

// A Source yields pages of a process's memory.
type Source interface {
	// ReadPages fills pages with those that begin at bases, multiples of
	// PageSize, as nearly at one moment as the source can. It fails when any
	// byte of any of them cannot be read.
	ReadPages(bases []uint64, pages []*Page) error
}
