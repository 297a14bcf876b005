package config

import (
	"fmt"
	"strings"
)

// section is the one in force.
func (l *loader) section() *section { return &section{global: &l.config.Global, pool: l.current} }

// apply acts on a statement and reports whether it was in order.
func (l *loader) apply(s statement, at place) bool {
	switch s.kind {
	case sectionStatement:
		l.enter(s.name, at)
		return true
	case entryStatement:
		return l.set(s.name, s.value, at)
	case listStatement:
		return l.add(s, at)
	default:
		l.complain(at, "value is NULL for a ZEND_INI_PARSER_ENTRY"+l.bareHint(s.name))
		return false
	}
}

// enter makes the named section the one in force, creating its pool if need be.
func (l *loader) enter(name string, at place) {
	l.began = at
	l.current = nil
	if strings.EqualFold(name, "global") {
		return
	}
	for _, p := range l.config.Pools {
		if strings.EqualFold(p.Name, name) {
			l.current = p
			return
		}
	}
	l.current = &Pool{Name: name, File: at.file, Line: at.line}
	l.section().setDefaults()
	l.config.Pools = append(l.config.Pools, l.current)
}

// set gives a directive its value.
func (l *loader) set(name, value string, at place) bool {
	s := l.section()
	d := find(s.directives(), name)
	if d == nil {
		l.unknown("entry", name, at)
		return false
	}
	fault := ""
	if d.value.expands {
		value, fault = l.expandPool(value)
	}
	if fault == "" {
		fault = d.value.set(s, value)
	}
	if fault != "" {
		l.spoil(l.current, d.name)
		l.complain(at, fmt.Sprintf("unable to parse value for entry '%s': %s", d.name, fault))
		return false
	}
	s.given().note(d.name, mention{value, at})
	return true
}

// add appends to a list directive. The order of the checks is php-fpm's.
func (l *loader) add(s statement, at place) bool {
	row := findList(poolGroups, s.name)
	if row != nil && !row.keyed {
		good := true
		if s.key != "" {
			l.complain(at, fmt.Sprintf("Keys provided to field '%s' are ignored", s.name))
			good = false
		}
		if fault := row.check(s.value); fault != "" {
			l.complain(at, fault)
			good = false
		}
		if !good {
			return false
		}
	} else if s.key == "" {
		l.complain(at, fmt.Sprintf("You must provide a key for field '%s'", s.name))
		return false
	}
	if l.current == nil {
		l.complain(at, "Array are not allowed in the global section"+l.leaked())
		return false
	}
	if row == nil {
		l.unknown("directive", s.name, at)
		return false
	}
	if row.keyed && row.check != nil {
		if fault := row.check(s.value); fault != "" {
			l.complain(at, fault)
			return false
		}
	}
	value, fault := l.listValue(row, s.value)
	if fault != "" {
		l.complain(at, fmt.Sprintf("error while parsing '%s[%s]' : %s", s.name, s.key, fault))
		return false
	}
	dumped := row.name
	if row.inDump != "" {
		dumped = row.inDump
	}
	l.current.given.add(dumped, KeyValue{s.key, value}, at)
	return true
}

// listValue converts an entry of a list.
func (l *loader) listValue(row *list, value string) (converted, fault string) {
	if !row.boolean {
		return l.expandPool(value)
	}
	on, fault := boolean.parse(value)
	if on {
		return "1", fault
	}
	return "0", fault
}

// expandPool replaces $pool.
func (l *loader) expandPool(value string) (expanded, fault string) {
	const name = "$pool"
	if !strings.Contains(value, name) {
		return value, ""
	}
	if l.current == nil {
		return "", "Can't use '$pool' when the pool is not defined"
	}
	return strings.ReplaceAll(value, name, l.current.Name), ""
}
