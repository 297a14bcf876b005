package fcgi

import "strings"

// A Param is one parameter of a request, a CGI meta-variable for most peers.
type Param struct {
	Name, Value string
}

// Params are the parameters of a request in the order they were sent. Web
// servers may send a name twice (nginx does when fastcgi_param repeats); the
// last one counts.
type Params []Param

// ParseParams reads the whole content of a PARAMS stream. The error is a
// *[ProtocolError]; the pairs before the fault are not returned, because a
// request with half its parameters is another request.
func ParseParams(content []byte) (Params, error) {
	n := 0
	for rest := content; len(rest) > 0; n++ {
		var err error
		if _, _, rest, err = NextPair(rest); err != nil {
			return nil, err
		}
	}
	// One string holds them all, so that it takes two allocations and not two
	// for each parameter.
	var text strings.Builder
	text.Grow(len(content))
	params := make(Params, 0, n)
	for rest := content; len(rest) > 0; {
		name, value, next, err := NextPair(rest)
		if err != nil {
			return nil, err
		}
		from := text.Len()
		text.Write(name)
		text.Write(value)
		pair := text.String()[from:]
		params = append(params, Param{pair[:len(name)], pair[len(name):]})
		rest = next
	}
	return params, nil
}

// Get returns the value of name, or "" when there is none.
func (p Params) Get(name string) string {
	value, _ := p.Lookup(name)
	return value
}

// Lookup returns the value of name and whether it was sent at all; nginx
// sends empty values.
func (p Params) Lookup(name string) (value string, ok bool) {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i].Name == name {
			return p[i].Value, true
		}
	}
	return "", false
}

// Set gives name the value, in place of all it had before.
func (p *Params) Set(name, value string) {
	kept := (*p)[:0]
	for _, param := range *p {
		if param.Name != name {
			kept = append(kept, param)
		}
	}
	*p = append(kept, Param{name, value})
}

// Append appends the parameters as the content of a PARAMS stream. Its end is
// not part of it.
func (p Params) Append(dst []byte) []byte {
	for _, param := range p {
		dst = AppendPair(dst, param.Name, param.Value)
	}
	return dst
}
