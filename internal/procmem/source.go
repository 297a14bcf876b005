package procmem

// PageSize is the unit of reading. It is the smallest page size of the
// supported systems; on a system with larger pages it is a part of one, which
// is as readable as the whole.
const PageSize = 4096

// A Page is the content of one page.
type Page [PageSize]byte

// A Source yields pages of a process's memory.
type Source interface {
	// ReadPage fills p with the page that begins at base, a multiple of
	// PageSize. It fails when any byte of the page cannot be read.
	ReadPage(base uint64, p *Page) error
}
