package config

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

//go:generate go test -run TestReference|TestCompatibility -update

// referenceIntro is the part of the reference that is not in the table.
//
//go:embed reference_intro.md
var referenceIntro string

// Reference writes docs/configuration.md: how files are read, then every
// directive of the table.
func Reference(w io.Writer) error {
	r := &reference{anchors: map[string]int{}}
	// Headings of the introduction come first and have their anchors.
	for line := range strings.Lines(referenceIntro) {
		if title := strings.TrimLeft(line, "#"); title != line && strings.HasPrefix(title, " ") {
			r.anchor(strings.TrimSpace(title))
		}
	}
	r.part("The [global] section", globalGroups)
	r.part("Pool sections", poolGroups)
	intro := strings.Replace(referenceIntro, "{{contents}}\n", r.contents.String(), 1)
	_, err := io.WriteString(w, intro+r.body.String()+r.indexed())
	return err
}

// A reference is the text while it is put together.
type reference struct {
	contents, body strings.Builder
	index          []string
	anchors        map[string]int // how often each was used
}

func (r *reference) part(title string, groups []group) {
	fmt.Fprintf(&r.body, "\n## %s\n", title)
	fmt.Fprintf(&r.contents, "- [%s](#%s)\n", title, r.anchor(title))
	for _, g := range groups {
		fmt.Fprintf(&r.body, "\n### %s\n", g.title)
		fmt.Fprintf(&r.contents, "  - [%s](#%s)\n", g.title, r.anchor(g.title))
		if g.about != "" {
			fmt.Fprintf(&r.body, "\n%s\n", g.about)
		}
		for _, d := range g.directives {
			r.entry(d.name, "", d.syntaxText()+", "+d.defaultText(), d.about, d.origin, d.unneeded)
		}
		for _, l := range g.lists {
			suffix := "[]"
			if l.keyed {
				suffix = "[NAME]"
			}
			r.entry(l.name, suffix, l.syntax+", may be repeated", l.about, l.origin, "")
		}
	}
}

func (r *reference) entry(name, suffix, value, about string, whose origin, unneeded string) {
	owner := "php-fpm"
	if whose == own {
		owner = "anyfpm"
	}
	fmt.Fprintf(&r.body, "\n#### %s%s\n\n*%s* · %s\n\n%s\n", name, suffix, owner, value, about)
	if unneeded != "" {
		fmt.Fprintf(&r.body, "\n**No effect:** %s.\n", unneeded)
	}
	r.index = append(r.index, fmt.Sprintf("[`%s`](#%s)", name, r.anchor(name+suffix)))
}

func (d *directive) syntaxText() string {
	if d.syntax != "" {
		return d.syntax
	}
	return d.value.kind
}

func (d *directive) defaultText() string {
	switch {
	case d.required:
		return "**required**"
	case d.standard != "":
		return "default `" + d.standard + "`"
	case strings.HasPrefix(d.otherwise, "required"):
		return d.otherwise
	case d.otherwise != "":
		return "default: " + d.otherwise
	default:
		return "default: none"
	}
}

// indexed is the alphabetical list of all directives.
func (r *reference) indexed() string {
	slices.Sort(r.index)
	return "\n## Index\n\n" + strings.Join(r.index, " ·\n") + "\n"
}

// anchor is the link target that GitHub makes of a heading.
func (r *reference) anchor(heading string) string {
	name := strings.Map(func(c rune) rune {
		switch {
		case unicode.IsLetter(c) || unicode.IsDigit(c) || c == '-' || c == '_':
			return unicode.ToLower(c)
		case c == ' ':
			return '-'
		default:
			return -1
		}
	}, heading)
	r.anchors[name]++
	if n := r.anchors[name]; n > 1 {
		return fmt.Sprintf("%s-%d", name, n-1)
	}
	return name
}
