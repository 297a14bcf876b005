package config

import (
	"fmt"
	"io"
	"slices"
)

// Dump writes a configuration as php-fpm -tt does, a line for each of its
// NOTICEs, without time and level: every directive of php-fpm, then those of
// anyfpm whose value is not the default.
func Dump(w io.Writer, c *Config) error {
	d := &dumper{w: w}
	d.line("[global]")
	d.section(&section{global: &c.Global})
	d.line(" ")
	for _, p := range c.Pools {
		d.line("[%s]", p.Name)
		d.section(&section{global: &c.Global, pool: p})
		d.line(" ")
	}
	return d.err
}

// A dumper writes lines until the first error.
type dumper struct {
	w   io.Writer
	err error
}

func (d *dumper) line(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format+"\n", args...)
	}
}

// entry writes one directive.
func (d *dumper) entry(name, value string) { d.line("\t%s = %s", name, value) }

func (d *dumper) section(s *section) {
	for _, whose := range []origin{phpFPM, own} {
		for _, g := range s.directives() {
			for i := range g.directives {
				row := &g.directives[i]
				if row.origin == whose && !row.hidden && (whose == phpFPM || !row.isStandard(s)) {
					d.entry(row.name, row.dumped(s))
				}
			}
			for _, row := range g.lists {
				if row.origin == whose && row.inDump == "" {
					d.list(row, s)
				}
			}
		}
	}
}

// dumped is the value as -tt shows it.
func (d *directive) dumped(s *section) string {
	switch m, given := s.given().values[d.name]; {
	case d.inDump != nil:
		return d.inDump(s)
	case given && d.value.kind == "list", given && d.name == "pm.status_listen":
		return m.text // php-fpm keeps these as they are written
	case !given && d.value.absent(s):
		return "undefined"
	default:
		return d.value.show(s)
	}
}

// isStandard reports whether a directive has its default. A default that
// depends on others cannot be told from the same value in the file.
func (d *directive) isStandard(s *section) bool {
	if d.standard == "" {
		return !s.given().has(d.name)
	}
	fresh := &section{global: &Global{}}
	if s.pool != nil {
		fresh.pool = &Pool{}
	}
	d.value.set(fresh, d.standard)
	return d.value.show(fresh) == d.value.show(s)
}

// list writes the entries of a list directive, the last one first, as php-fpm
// keeps them.
func (d *dumper) list(row list, s *section) {
	for _, e := range slices.Backward(s.given().lists[row.name]) {
		if row.keyed {
			d.entry(fmt.Sprintf("%s[%s]", row.name, e.Key), e.Value)
		} else {
			d.entry(row.name+"[]", e.Value)
		}
	}
}
