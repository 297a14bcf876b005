package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mistakeOptions are those under which m is one.
func (m Mistake) options() Options {
	opt := unprivileged()
	opt.Root = m.Root
	opt.System.LookupUser, opt.System.LookupGroup = fakeUser, fakeGroup
	opt.System.CreateLog = createLog
	return opt
}

// Every mistake is found, with its message and its place, and alone.
func TestMistakes(t *testing.T) {
	mistakes := Mistakes()
	for _, m := range mistakes {
		text := m.Text
		if m.Root {
			text = strings.Replace(text, "[www]\n", "[www]\nuser = www-data\n", 1)
			m.Line++
		}
		path := write(t, text)
		_, _, err := Load(path, m.options())
		if err == nil {
			t.Errorf("%s: nothing is found", m.Name)
			continue
		}
		first := err.(*Errors).Faults[0]
		got := fmt.Sprintf("%s: %s", first.Level, first.Text)
		if want := strings.ReplaceAll(m.Fault, "FILE", path); !strings.HasPrefix(got, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", m.Name, got, want)
		}
		if first.Line != m.Line || first.File != path {
			t.Errorf("%s: found in line %d instead of %d of\n%s", m.Name, first.Line, m.Line, text)
		}
	}
	if len(mistakes) < 700 {
		t.Errorf("only %d mistakes", len(mistakes))
	}
}

// anything are the directives to which every value has a meaning.
var anything = map[string]string{
	"listen.mode":               "garbage is 0, as in php-fpm",
	"listen.allowed_clients":    "a wrong address lets nobody in and is logged, as in php-fpm",
	"apparmor_hat":              "only the kernel knows the hats; a worker that cannot change says so",
	"security.limit_extensions": "any text is an extension",
}

// No directive is without a wrong value, but for those that take any.
func TestEveryDirectiveCanBeWrong(t *testing.T) {
	for i, part := range mistakenSections {
		for _, g := range part.groups {
			for _, d := range g.directives {
				found := len(part.ofKind(d)) + len(part.ofMeaning(d))
				if _, free := anything[d.name]; free == (found > 0) {
					t.Errorf("%s has %d wrong values; does it take anything?", d.name, found)
				}
			}
		}
		for _, m := range part.meanings {
			if find(mistakenSections[i].groups, m.name) == nil {
				t.Errorf("there is no directive %s", m.name)
			}
		}
	}
}

// What is wrong for us is wrong for php-fpm, in the same words, or nothing that
// it would find.
func TestMistakesLikePHPFPM(t *testing.T) {
	program := findPHPFPM(t)
	dir := t.TempDir()
	tried := 0
	seen := map[string]bool{}
	for _, m := range Mistakes() {
		switch form := strings.Fields(m.Name); {
		case m.Own, m.Root && os.Geteuid() != 0:
			continue
		case len(form) > 1 && form[1] != "=" && form[0] != "pid" && form[0] != "pm.max_children":
			continue // the form is wrong in the same way with each: two are enough
		}
		// Of values that are none of the kind, one for each directive, and each
		// text of a fault for one.
		if what, why, wrong := strings.Cut(m.Fault, "unable to parse value for entry '"); wrong && what != "" {
			name, reason, _ := strings.Cut(why, "'")
			if seen[name] && seen[reason+m.Name[len(name):]] {
				continue
			}
			seen[name], seen[reason+m.Name[len(name):]] = true, true
		}
		if err := os.WriteFile(filepath.Join(dir, "test.conf"), []byte(m.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(m.Fault, "FILE", "test.conf")
		if _, text, syntax := strings.Cut(want, "] syntax error"); syntax {
			want = "ERROR: syntax error" + text
		}
		if got := askPHPFPM(t, program, dir, "test.conf"); got.fault != want {
			t.Errorf("%s:\nphp-fpm %s\nanyfpm  %s\n%s", m.Name, got.fault, want, m.Text)
		}
		tried++
	}
	if tried < 120 {
		t.Errorf("only %d were tried", tried)
	}
}
