package config

import "strings"

// An origin tells whose directive it is.
type origin int

const (
	phpFPM origin = iota
	own           // anyfpm's
)

// A directive is one row of the table that drives parsing, defaults, the dump
// of -tt, the generated reference and the generated tests.
type directive struct {
	name   string
	origin origin
	value  binding
	// unneeded says why the directive has nothing to do: it is accepted so that
	// files keep working. Empty for all others.
	unneeded string
	// standard is the default as it would be written in a file.
	standard string
	// otherwise describes a default that depends on something else.
	otherwise string
	// required directives have no default.
	required bool
	// natural directives refuse numbers below zero, which php-fpm lets pass
	// and then counts with.
	natural bool
	// syntax overrides the kind's name in the reference, for an enumeration.
	syntax string
	about  string // reference text: one paragraph
	// inDump says how -tt shows the value where its kind's way is not php-fpm's.
	inDump func(*section) string
	// hidden directives are not part of php-fpm's dump.
	hidden bool
}

// A list is a row for directives that are written name[] or name[key] and may
// be repeated.
type list struct {
	name    string
	origin  origin
	keyed   bool // name[key] = value
	syntax  string
	about   string
	inDump  string // the name -tt uses, if another
	boolean bool   // the value is a boolean, stored as 1 or 0
	check   func(value string) string
	field   func(*Pool) *[]KeyValue
	plain   func(*Pool) *[]string // instead of field when not keyed
}

// A group is a part of the table with its heading in the reference.
type group struct {
	title      string
	about      string
	directives []directive
	lists      []list
}

// A binding ties a kind of value to its field.
type binding struct {
	kind    string
	expands bool
	set     func(s *section, text string) (fault string)
	show    func(s *section) string // as the dump writes it, were it given
	absent  func(s *section) bool   // dumped as "undefined" unless given
	wrong   map[string]string
	minus   func(s *section) bool // the value is a number below zero
}

// inPool binds a kind to a field of Pool.
func inPool[T any](k kind[T], field func(*Pool) *T) binding {
	return bind(k, func(s *section) *T { return field(s.pool) })
}

// inGlobal binds a kind to a field of Global.
func inGlobal[T any](k kind[T], field func(*Global) *T) binding {
	return bind(k, func(s *section) *T { return field(s.global) })
}

func bind[T any](k kind[T], field func(*section) *T) binding {
	return binding{
		kind:    k.name,
		expands: k.expands,
		wrong:   k.wrong,
		set: func(s *section, text string) string {
			value, fault := k.parse(text)
			if fault == "" {
				*field(s) = value
			}
			return fault
		},
		show:   func(s *section) string { return k.format(*field(s)) },
		absent: func(s *section) bool { return k.nullable && k.format(*field(s)) == "" },
		minus:  func(s *section) bool { return k.format(*field(s))[0] == '-' },
	}
}

// find returns the row of a scalar directive; php-fpm ignores the case.
func find(groups []group, name string) *directive {
	for g := range groups {
		for d := range groups[g].directives {
			if strings.EqualFold(groups[g].directives[d].name, name) {
				return &groups[g].directives[d]
			}
		}
	}
	return nil
}

// findList returns the row of a list directive; here the case matters.
func findList(groups []group, name string) *list {
	for g := range groups {
		for l := range groups[g].lists {
			if groups[g].lists[l].name == name {
				return &groups[g].lists[l]
			}
		}
	}
	return nil
}
