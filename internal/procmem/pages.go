package procmem

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sys/unix"
)

// maxRecorded bounds what ReadPages accepts: 64 MiB.
const maxRecorded = 1 << 14

// Pages is memory that was recorded: a page of a process by its address. What
// was not recorded reads like memory that is not mapped.
type Pages map[uint64]*Page

// ReadPages implements [Source].
func (ps Pages) ReadPages(bases []uint64, pages []*Page) error {
	for i, base := range bases {
		page, ok := ps[base]
		if !ok {
			return fmt.Errorf("page %#x was not recorded: %w", base, unix.EFAULT)
		}
		*pages[i] = *page
	}
	return nil
}

// WriteTo writes the pages in the order of their addresses, gzipped: for each
// the address as eight little-endian bytes, then the content.
func (ps Pages) WriteTo(w io.Writer) (int64, error) {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	bases := make([]uint64, 0, len(ps))
	for base := range ps {
		bases = append(bases, base)
	}
	slices.Sort(bases)
	for _, base := range bases {
		if err := binary.Write(z, binary.LittleEndian, base); err != nil {
			return 0, err
		}
		if _, err := z.Write(ps[base][:]); err != nil {
			return 0, err
		}
	}
	if err := z.Close(); err != nil {
		return 0, err
	}
	return buf.WriteTo(w)
}

// ReadPages reads what [Pages.WriteTo] wrote.
func ReadPages(r io.Reader) (Pages, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("cannot read recorded pages: %w", err)
	}
	ps := Pages{}
	for len(ps) < maxRecorded {
		var base uint64
		err := binary.Read(z, binary.LittleEndian, &base)
		if errors.Is(err, io.EOF) {
			return ps, nil
		}
		page := new(Page)
		if err == nil {
			_, err = io.ReadFull(z, page[:])
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read recorded pages: %w", err)
		}
		ps[base&^(PageSize-1)] = page
	}
	return nil, fmt.Errorf("cannot read recorded pages: more than %d", maxRecorded)
}

// Put stores bytes at an address. Given to [Memory.Observe] it records exactly
// what a walk reads and leaves the rest of each page zero.
func (ps Pages) Put(addr uint64, p []byte) {
	for len(p) > 0 {
		base := addr &^ (PageSize - 1)
		page, ok := ps[base]
		if !ok {
			page = new(Page)
			ps[base] = page
		}
		n := copy(page[addr-base:], p)
		p, addr = p[n:], addr+uint64(n)
	}
}
