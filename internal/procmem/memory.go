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
// Reset or Refresh every page is read at most once. It is used by one goroutine at a
// time.
type Memory struct {
	src    Source
	budget int
	reads  int
	pages  map[uint64]*Page
	order  []uint64 // of the pages, as they were first read
	held   []*Page  // the pages in that order
	spare  []*Page  // what Refresh reads into
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
	m.free = append(m.free, m.held[:min(len(m.held), max(keepPages-len(m.free), 0))]...)
	clear(m.pages)
	m.order, m.held = m.order[:0], m.held[:0]
}

// Refresh reads all pages again, as nearly at one moment as the source can:
// the next walk, if it touches no others, sees one snapshot. It reports
// whether any byte is another one than before. If a page cannot be read any
// more it is a Reset, and fails.
func (m *Memory) Refresh() (changed bool, err error) {
	for len(m.spare) < len(m.held) {
		m.spare = append(m.spare, m.buffer())
	}
	fresh := m.spare[:len(m.held)]
	m.reads += len(fresh)
	if err := m.src.ReadPages(m.order, fresh); err != nil {
		m.Reset()
		return true, err
	}
	for i, base := range m.order {
		changed = changed || *fresh[i] != *m.held[i]
		m.held[i], fresh[i] = fresh[i], m.held[i]
		m.pages[base] = m.held[i]
	}
	return changed, nil
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
	m.order, m.held = append(m.order, base), append(m.held, p)
	last := len(m.order) - 1
	if err := m.src.ReadPages(m.order[last:], m.held[last:]); err != nil {
		m.order, m.held = m.order[:last], m.held[:last]
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
