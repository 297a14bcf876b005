package procmem

import (
	"errors"
	"fmt"
)

// DefaultPages is the page budget of one walk: 2 MiB.
const DefaultPages = 512

// keepPages is how many page buffers survive a Reset for the next walk.
const keepPages = 64

// ErrBudget is the error of a walk that touched too many pages, which only
// garbage or malice makes it do.
var ErrBudget = errors.New("walk touches too many pages")

// ErrAddress is the error of an address no process has anything at.
var ErrAddress = errors.New("wild pointer")

// A Memory caches the pages of one walk over a [Source]. Between two calls of
// Reset every page is read at most once. It is used by one goroutine at a
// time.
type Memory struct {
	src    Source
	budget int
	reads  int
	pages  map[uint64]*Page
	free   []*Page
	seen   func(addr uint64, p []byte)
}

// NewMemory returns an empty cache over src that refuses to hold more than
// budget pages; 0 means [DefaultPages].
func NewMemory(src Source, budget int) *Memory {
	if budget <= 0 {
		budget = DefaultPages
	}
	return &Memory{src: src, budget: budget, pages: map[uint64]*Page{}}
}

// Reset forgets all pages: the next walk sees the process as it is then.
func (m *Memory) Reset() {
	for _, p := range m.pages {
		if len(m.free) == keepPages {
			break
		}
		m.free = append(m.free, p)
	}
	clear(m.pages)
}

// Observe has f called with everything that is read from then on, nil ends it.
// f must not keep p.
func (m *Memory) Observe(f func(addr uint64, p []byte)) { m.seen = f }

// Reads is how many pages were asked of the source since the Memory was made.
func (m *Memory) Reads() int { return m.reads }

// Read fills p with the bytes at addr. After an error p holds nothing of use.
func (m *Memory) Read(addr uint64, p []byte) error {
	if end := addr + uint64(len(p)); addr < PageSize || end < addr {
		return fmt.Errorf("%w %#x", ErrAddress, addr)
	}
	for rest, at := p, addr; len(rest) > 0; {
		page, err := m.page(at &^ (PageSize - 1))
		if err != nil {
			return err
		}
		n := copy(rest, page[at%PageSize:])
		rest, at = rest[n:], at+uint64(n)
	}
	if m.seen != nil {
		m.seen(addr, p)
	}
	return nil
}

func (m *Memory) page(base uint64) (*Page, error) {
	if p, ok := m.pages[base]; ok {
		return p, nil
	}
	if len(m.pages) >= m.budget {
		return nil, ErrBudget
	}
	p := m.buffer()
	m.reads++
	if err := m.src.ReadPage(base, p); err != nil {
		m.free = append(m.free, p)
		return nil, err
	}
	m.pages[base] = p
	return p, nil
}

func (m *Memory) buffer() *Page {
	if n := len(m.free); n > 0 {
		p := m.free[n-1]
		m.free = m.free[:n-1]
		return p
	}
	return new(Page)
}
