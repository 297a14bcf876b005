package config

import (
	"fmt"
	"slices"
	"strings"
)

// A Mistake is a configuration that [Load] must refuse because of one line.
type Mistake struct {
	// Name says which directive is wrong, and how.
	Name string
	// Text is the configuration, and Line the number of the wrong line.
	Text string
	Line int
	// Fault is what is logged, with its level; FILE stands for the name of the
	// file.
	Fault string
	// Own is a mistake that php-fpm does not make: with a directive it does not
	// know, or one it finds out later or never.
	Own bool
	// Root is one that only root can make.
	Root bool
}

// Mistakes returns what can be wrong with each directive of the table: with the
// way it is written, with its value as one of its kind, and with the value by
// its meaning. Tests give them to the program, and to php-fpm.
func Mistakes() []Mistake {
	var all []Mistake
	for _, part := range mistakenSections {
		for _, g := range part.groups {
			for _, d := range g.directives {
				all = append(all, part.ofForm(d)...)
				all = append(all, part.ofKind(d)...)
				all = append(all, part.ofMeaning(d)...)
			}
			for _, l := range g.lists {
				all = append(all, part.ofList(l)...)
			}
		}
	}
	return all
}

// A mistakenSection is where a wrong line is put: after before.
type mistakenSection struct {
	groups, others []group
	before, after  string
	meanings       []meaning
}

const (
	mistakenGlobal = "[global]\nerror_log = /dev/null\n"
	mistakenPool   = "[www]\nlisten = 127.0.0.1:9000\npm = static\npm.max_children = 1\n"
)

var mistakenSections = []mistakenSection{
	{globalGroups, poolGroups, mistakenGlobal, mistakenPool, globalMeanings},
	{poolGroups, globalGroups, mistakenGlobal + mistakenPool, "", poolMeanings},
}

// with puts lines into the section; the last is the wrong one.
func (p *mistakenSection) with(name, lines, fault string) Mistake {
	text := p.before + lines + "\n"
	return Mistake{Name: name, Text: text + p.after, Line: strings.Count(text, "\n"), Fault: fault}
}

func (p *mistakenSection) at(lines string) string {
	return fmt.Sprintf("[FILE:%d] ", strings.Count(p.before+lines, "\n")+1)
}

// ofForm are the mistakes that are possible with every directive.
func (p *mistakenSection) ofForm(d directive) []Mistake {
	at := "ERROR: " + p.at("")
	mistakes := []Mistake{
		p.with(d.name+" without a value", d.name, at+"value is NULL for a ZEND_INI_PARSER_ENTRY"),
		p.with(d.name+" misspelt", d.name+"q = 1", at+"unknown entry '"+d.name+"q'"),
		p.with(d.name+" in open quotes", d.name+" = \"1", at+"syntax error, unexpected end of file, expecting TC_DOLLAR_CURLY or TC_QUOTED_STRING or '\"'"),
	}
	list := at + "unknown directive '" + d.name + "'"
	if len(p.groups) == len(globalGroups) {
		list = at + "Array are not allowed in the global section"
	}
	mistakes = append(mistakes, p.with(d.name+" as a list", d.name+"[x] = 1", list))
	if find(p.others, d.name) == nil {
		m := Mistake{Name: d.name + " in the wrong section", Text: mistakenGlobal, Line: 3}
		if len(p.groups) == len(globalGroups) {
			m.Text, m.Line = mistakenGlobal+mistakenPool, 7
		}
		m.Text += d.name + " = 1\n"
		m.Fault = fmt.Sprintf("ERROR: [FILE:%d] unknown entry '%s'", m.Line, d.name)
		if m.Line == 3 {
			m.Text += mistakenPool
		}
		mistakes = append(mistakes, m)
	}
	for i := range mistakes {
		mistakes[i].Own = !d.phpFPMs()
	}
	return mistakes
}

// ofKind are values that are none of the directive's kind.
func (p *mistakenSection) ofKind(d directive) []Mistake {
	var mistakes []Mistake
	for value, fault := range d.value.wrong {
		m := p.with(d.name+" = "+value, d.name+" = "+value,
			fmt.Sprintf("ERROR: %sunable to parse value for entry '%s': %s", p.at(""), d.name, fault))
		m.Own = !d.phpFPMs()
		mistakes = append(mistakes, m)
	}
	slices.SortFunc(mistakes, func(a, b Mistake) int { return strings.Compare(a.Name, b.Name) })
	return mistakes
}

// ofMeaning are values that make no sense.
func (p *mistakenSection) ofMeaning(d directive) []Mistake {
	var mistakes []Mistake
	if d.natural {
		fault := "ERROR: " + p.pool() + d.name + " can't be negative"
		m := p.with(d.name+" = -1", d.name+" = -1", fault)
		if d.name == "request_slowlog_timeout" {
			m = p.with(d.name+" = -1", "slowlog = /dev/null\n"+d.name+" = -1", fault)
		}
		m.Own = true
		mistakes = append(mistakes, m)
	}
	for _, meaning := range p.meanings {
		if meaning.name != d.name {
			continue
		}
		line := d.name + " = " + meaning.value
		m := p.with(line, meaning.lines+line, strings.ReplaceAll(meaning.fault, "POOL", p.pool()))
		m.Own = meaning.own || !d.phpFPMs()
		m.Root = meaning.root
		mistakes = append(mistakes, m)
	}
	return mistakes
}

// ofList are entries that a list does not take.
func (p *mistakenSection) ofList(l list) []Mistake {
	at := "ERROR: " + p.at("")
	var mistakes []Mistake
	add := func(line, fault string) {
		m := p.with(line, line, at+fault)
		m.Own = l.origin == own
		mistakes = append(mistakes, m)
	}
	add(l.name+" = 1", "unknown entry '"+l.name+"'")
	add(l.name+"q[x] = 1", "unknown directive '"+l.name+"q'")
	if l.keyed {
		add(l.name+"[] = 1", "You must provide a key for field '"+l.name+"'")
	} else {
		add(l.name+"[x] = /1", "Keys provided to field '"+l.name+"' are ignored")
	}
	if l.check != nil {
		key := ""
		if l.keyed {
			key = "x"
		}
		add(l.name+"["+key+"] =", l.check(""))
	}
	if l.boolean {
		add(l.name+"[x] = maybe", "error while parsing '"+l.name+"[x]' : "+notABoolean)
	}
	return mistakes
}

// pool is how a message about the section begins.
func (p *mistakenSection) pool() string {
	if len(p.groups) == len(globalGroups) {
		return ""
	}
	return "[pool www] "
}

// phpFPMs tells the directives that php-fpm has, on Linux.
func (d *directive) phpFPMs() bool { return d.origin == phpFPM && d.name != "listen.setfib" }
