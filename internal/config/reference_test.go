package config

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

const referenceFile = "../../docs/configuration.md"

// TestReference compares the committed reference with the table.
func TestReference(t *testing.T) {
	var out bytes.Buffer
	if err := Reference(&out); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(referenceFile, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, out.Bytes()) {
		t.Error("docs/configuration.md is out of date: run go generate ./internal/config")
	}
}

// TestReferenceExample loads the configuration that the reference begins with.
func TestReferenceExample(t *testing.T) {
	_, rest, _ := strings.Cut(referenceIntro, "```ini\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the introduction has no example")
	}
	if _, notices, err := Load(write(t, example), Options{Root: true, System: System{
		CreateLog: func(string) error { return nil }, LookupUser: fakeUser, LookupGroup: fakeGroup,
	}}); err != nil || len(notices) > 0 {
		t.Errorf("%v, %v", notices, err)
	}
}

const compatibilityFile = "../../docs/compatibility.md"

// TestCompatibility compares the table of php-fpm's directives in the page
// about differences with the table of directives.
func TestCompatibility(t *testing.T) {
	var out bytes.Buffer
	if err := Compatibility(&out); err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- directives: go generate ./internal/config -->\n\n", "<!-- end of directives -->"
	text, err := os.ReadFile(compatibilityFile)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(text), begin)
	_, tail, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatal("docs/compatibility.md does not say where its table is")
	}
	want := head + begin + out.String() + end + tail
	if *update {
		if err := os.WriteFile(compatibilityFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != want {
		t.Error("docs/compatibility.md is out of date: run go generate ./internal/config")
	}
	for _, d := range compatDifferences {
		name := strings.TrimPrefix(d.name, "[global] ")
		in := func(groups []group) bool { return find(groups, name) != nil || findList(groups, name) != nil }
		if !in(globalGroups) && !in(poolGroups) {
			t.Errorf("there is no directive %s", d.name)
		}
	}
}

// Every test of php-fpm's suite that cannot pass is explained where operators
// read about differences.
func TestKnownFailuresAreExplained(t *testing.T) {
	known, err := os.ReadFile("../../tests/phpt/known-failures.tsv")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(compatibilityFile)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(known)) {
		name, _, _ := strings.Cut(line, "\t")
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/compatibility.md does not explain %s", name)
		}
	}
}
