package config

import (
	"fmt"
	"strings"
)

// unknown complains about a name that is in no table, what being php-fpm's
// word for it, and says what may have been meant.
func (l *loader) unknown(what, name string, at place) {
	l.complain(at, fmt.Sprintf("unknown %s '%s'%s", what, name, l.hint(name)))
}

// hint explains an unknown name. A directive that was meant counts as spoilt,
// so that it is not reported as missing too.
func (l *loader) hint(name string) string {
	if strings.HasPrefix(name, "#") {
		return commentHint
	}
	if strings.EqualFold(name, "include") {
		l.unsure[l.current] = true
		return "; did you mean 'include'?"
	}
	elsewhere := globalGroups
	if l.current == nil {
		elsewhere = poolGroups
	}
	if find(elsewhere, name) != nil {
		if l.current == nil {
			return "; it belongs in a pool's section"
		}
		return "; it belongs in [global]" + l.leaked()
	}
	if findList(poolGroups, name) != nil {
		return fmt.Sprintf("; it is a list, written %s[] or %s[NAME]", name, name)
	}
	best := nearest(name, l.section().directives())
	if best == "" {
		l.unsure[l.current] = true
		return ""
	}
	l.spoil(l.current, best)
	return fmt.Sprintf("; did you mean '%s'?", best)
}

const commentHint = "; a comment starts with ';'"

// bareHint explains a name without '='.
func (l *loader) bareHint(name string) string {
	if strings.HasPrefix(name, "#") {
		return commentHint
	}
	if d := find(l.section().directives(), name); d != nil {
		l.spoil(l.current, d.name)
		return fmt.Sprintf("; write %s = VALUE", d.name)
	}
	l.unsure[l.current] = true
	if name == "'" {
		return `; an empty value is written ""`
	}
	return fmt.Sprintf("; there is no '=' behind '%s'", name)
}

// leaked says which section is in force and since where, for a line that
// expected another one.
func (l *loader) leaked() string {
	if l.began.file == "" {
		return ""
	}
	name := "global"
	if l.current != nil {
		name = l.current.Name
	}
	return fmt.Sprintf(" (this is [%s] since %s:%d)", name, l.began.file, l.began.line)
}

// nearest returns the name in the tables that takes the fewest changes to
// make of name, if these are few enough to be a slip.
func nearest(name string, groups []group) string {
	name = strings.ToLower(name)
	best, least := "", 1+max(1, len(name)/4)
	try := func(candidate string) {
		if d := distance(name, candidate, least); d < least {
			best, least = candidate, d
		}
	}
	for _, g := range groups {
		for _, d := range g.directives {
			try(d.name)
		}
		for _, l := range g.lists {
			try(l.name)
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to turn a into b; it gives up at limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
