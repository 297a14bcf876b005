package cgi

import (
	"errors"
	"fmt"
	"iter"
)

// ErrBadParams is the error of [Parse] for bytes that are no sequence of
// FastCGI name-value pairs.
var ErrBadParams = errors.New("cannot parse parameters")

// Params are the parameters of one request: RFC 3875's meta-variables and
// whatever else the web server sends, in the order of their arrival. A name
// that arrives twice keeps its first place and its last value. HTTP_PROXY is
// left out, so that no program behind this package takes a client's header
// for its proxy (httpoxy, CVE-2016-5385).
//
// The zero value is empty and ready. Params is not safe for concurrent use.
type Params struct {
	raw   []byte
	pairs []pair
	index index
	own   []byte // backs the names and values that were set
	// edited tells that raw no longer encodes pairs.
	edited bool
}

// Parse makes p the parameters in raw, the joined content of all PARAMS
// records of a request. p refers to raw, which must not change while p is in
// use. What p held before is forgotten and its memory reused. After an error,
// which wraps [ErrBadParams], p is empty.
func Parse(raw []byte, p *Params) error {
	p.Reset()
	for rest := raw; len(rest) > 0; {
		name, value, tail, ok := nextPair(rest)
		if !ok {
			p.Reset()
			return fmt.Errorf("%w: the pair at byte %d is longer than the %d bytes left", ErrBadParams, len(raw)-len(rest), len(rest))
		}
		p.arrive(name, value)
		rest = tail
	}
	p.raw = raw
	return nil
}

// arrive takes a pair off the wire.
func (p *Params) arrive(name, value []byte) {
	if string(name) == "HTTP_PROXY" {
		p.edited = true
		return
	}
	if p.put(name, value) {
		p.edited = true
	}
}

// put stores a pair and reports whether one of that name was there.
func (p *Params) put(name, value []byte) (existed bool) {
	p.index.grow(p.pairs)
	slot := p.index.slot(p.pairs, name)
	if *slot != 0 {
		p.pairs[*slot-1].value = value
		return true
	}
	p.pairs = append(p.pairs, pair{name, value})
	p.index.used++
	*slot = uint32(len(p.pairs))
	return false
}

// maxKeptBytes is how much memory for values that were set is kept for the
// next request.
const maxKeptBytes = 64 << 10

// Reset empties p and keeps its memory, unless an extraordinary request has
// made that large. Slices that p gave out are invalid afterwards.
func (p *Params) Reset() {
	clear(p.pairs)
	p.raw, p.pairs, p.own, p.edited = nil, p.pairs[:0], p.own[:0], false
	if cap(p.own) > maxKeptBytes {
		p.own = nil
	}
	if cap(p.pairs) > maxKeptSlots {
		p.pairs = nil
	}
	p.index.reset()
}

// Get returns the value of a parameter: nil when there is none, an empty
// slice that is not nil when it is there and empty. The value is valid until
// p is parsed or reset, and must not be changed.
func (p *Params) Get(name string) []byte {
	if n := p.index.find(p.pairs, name); n >= 0 {
		return p.pairs[n].value
	}
	return nil
}

// Has reports whether there is a parameter of this name, empty or not.
func (p *Params) Has(name string) bool { return p.Get(name) != nil }

// All returns the parameters in order.
func (p *Params) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for _, pair := range p.pairs {
			if pair.value != nil && !yield(pair.name, pair.value) {
				return
			}
		}
	}
}

// Raw returns the bytes p was parsed from, and whether they still say what p
// says: nothing was set or deleted, nothing came twice. They can then be sent
// on as they are.
func (p *Params) Raw() (raw []byte, same bool) { return p.raw, !p.edited }

// Append appends p as FastCGI name-value pairs to dst.
func (p *Params) Append(dst []byte) []byte {
	if !p.edited {
		return append(dst, p.raw...)
	}
	for name, value := range p.All() {
		dst = appendPair(dst, name, value)
	}
	return dst
}
