package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// everyDirective calls try with each row of the tables and a configuration
// that holds its line.
func everyDirective(try func(d directive, with func(value string) (text string, line int))) {
	for _, part := range []struct {
		groups        []group
		before, after string
	}{
		{globalGroups, "[global]\nerror_log = /dev/null\n", poolPrelude},
		{poolGroups, prelude, ""},
	} {
		for _, g := range part.groups {
			for _, d := range g.directives {
				try(d, func(value string) (string, int) {
					return part.before + d.name + " = " + value + "\n" + part.after, strings.Count(part.before, "\n") + 1
				})
			}
		}
	}
}

// TestWrongValues gives every directive the wrong values of its kind: the
// message must be the kind's, with the right line, and the only one.
func TestWrongValues(t *testing.T) {
	tried := 0
	everyDirective(func(d directive, with func(string) (string, int)) {
		for value, fault := range d.value.wrong {
			text, line := with(value)
			path := write(t, text)
			_, _, err := Load(path, unprivileged())
			want := fmt.Sprintf("ERROR: [%s:%d] unable to parse value for entry '%s': %s", path, line, d.name, fault)
			if err == nil || err.Error() != want {
				t.Errorf("%s = %s:\ngot  %v\nwant %s", d.name, value, err, want)
			}
			tried++
		}
	})
	if tried < 150 {
		t.Errorf("only %d values were tried", tried)
	}
}

// TestDefaults writes every default of the table down, which must change
// nothing, and checks that the reference can describe each row.
func TestDefaults(t *testing.T) {
	everyDirective(func(d directive, with func(string) (string, int)) {
		if d.about == "" || !strings.HasSuffix(d.about, ".") {
			t.Errorf("%s: the reference needs a sentence about it", d.name)
		}
		if d.required && (d.standard != "" || d.otherwise != "") {
			t.Errorf("%s is required and has a default", d.name)
		}
		if d.standard == "" || d.name == "request_slowlog_trace_depth" {
			return // the latter asks for a slowlog when it is written down
		}
		text, _ := with(d.standard)
		written, _, err := Load(write(t, text), unprivileged())
		if err != nil {
			t.Errorf("%s = %s: %v", d.name, d.standard, err)
			return
		}
		absent, _, err := Load(write(t, prelude), unprivileged())
		if err != nil {
			t.Fatal(err)
		}
		written.Global.LogLevelSet = false
		if got, want := withoutOrigin(written), withoutOrigin(absent); !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %s changes\n%+v %+v\nto\n%+v %+v", d.name, d.standard, want.Global, want.Pools[0], got.Global, got.Pools[0])
		}
	})
}

// TestListsRefuseWrongEntries does the same for the list directives.
func TestListsRefuseWrongEntries(t *testing.T) {
	for _, c := range []struct{ line, fault string }{
		{"env[A] =", "empty value"},
		{"env[] = b", "You must provide a key for field 'env'"},
		{"php_flag[A] = maybe", "error while parsing 'php_flag[A]' : invalid boolean value"},
		{"php_admin_flag[A] = 2", "error while parsing 'php_admin_flag[A]' : invalid boolean value"},
		{"runner.preload[] =", "empty value"},
		{"runner.path[x] = y", "Keys provided to field 'runner.path' are ignored"},
		{"access.suppress_path[] = x", "Values provided to field 'access.suppress_path' must begin with '/'"},
		{"nothing[x] = y", "unknown directive 'nothing'"},
	} {
		path := write(t, prelude+c.line)
		_, _, err := Load(path, unprivileged())
		if want := fmt.Sprintf("ERROR: [%s:8] %s", path, c.fault); err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", c.line, err, want)
		}
	}
}
