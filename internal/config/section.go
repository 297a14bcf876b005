package config

// A section is the part of a configuration that a directive is set in: the
// global one if pool is nil.
type section struct {
	global *Global
	pool   *Pool
}

// given returns the section's record of what its files say.
func (s *section) given() *given {
	if s.pool != nil {
		return &s.pool.given
	}
	return &s.global.given
}

// A place is where a file says something.
type place struct {
	file string
	line int
}

// A mention is a directive as a file has it, after quotes, variables and $pool.
type mention struct {
	text string
	at   place
}

// given records what was written, by the directive's name: the difference
// between absent and empty matters to php-fpm, and messages name the line.
type given struct {
	values map[string]mention
	lists  map[string][]KeyValue // by the name -tt uses, in the file's order
	at     map[string]place      // of the last entry of a list
}

func (g *given) note(name string, m mention) {
	if g.values == nil {
		g.values = map[string]mention{}
	}
	g.values[name] = m
}

func (g *given) add(name string, kv KeyValue, at place) {
	if g.lists == nil {
		g.lists = map[string][]KeyValue{}
		g.at = map[string]place{}
	}
	g.lists[name] = append(g.lists[name], kv)
	g.at[name] = at
}

func (g *given) has(name string) bool {
	_, ok := g.values[name]
	return ok
}

// directives returns the table of a section.
func (s *section) directives() []group {
	if s.pool != nil {
		return poolGroups
	}
	return globalGroups
}

// setDefaults gives every field of a new section the default of the table.
func (s *section) setDefaults() {
	for _, g := range s.directives() {
		for _, d := range g.directives {
			if d.standard != "" {
				d.value.set(s, d.standard)
			}
		}
	}
}
