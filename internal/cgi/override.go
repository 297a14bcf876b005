package cgi

// Set gives a parameter a new value, or adds it at the end. p keeps its own
// copy of both, so value may be a part of another parameter.
func (p *Params) Set(name string, value []byte) {
	n := p.index.find(p.pairs, name)
	switch {
	case n < 0:
		p.put(p.keep([]byte(name)), p.keep(value))
	case p.pairs[n].value != nil && string(p.pairs[n].value) == string(value):
		return
	default:
		p.pairs[n].value = p.keep(value)
	}
	p.edited = true
}

// SetString is [Params.Set] for a string.
func (p *Params) SetString(name, value string) { p.Set(name, []byte(value)) }

// Delete removes a parameter. Deleting what is not there changes nothing.
func (p *Params) Delete(name string) {
	if n := p.index.find(p.pairs, name); n >= 0 && p.pairs[n].value != nil {
		p.pairs[n].value = nil
		p.edited = true
	}
}

// keep copies b into memory that p reuses. The result is never nil.
func (p *Params) keep(b []byte) []byte {
	if p.own == nil {
		p.own = make([]byte, 0, max(256, len(b)))
	}
	start := len(p.own)
	p.own = append(p.own, b...)
	return p.own[start:len(p.own):len(p.own)]
}
